import { displayText, numberFormatter } from "../table/number-format.ts";
import { readRows } from "../table/read-rows.ts";
import { ordinalsOf } from "../table/scan-plan.ts";
import type { Table } from "../table/table.ts";

export interface RowsWanted {
  /** Names, in the order wanted; all fields if left out. */
  readonly fields?: readonly string[] | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export interface ShownRows {
  readonly names: readonly string[];
  /** Display text of each cell, `-` for NULL. */
  readonly rows: readonly (readonly string[])[];
}

/**
 * A page of rows as Qlik shows them.
 * @throws `TABLE_NO_FIELD` with the names there are, `TABLE_ROWS`, and what reading throws
 */
export async function shownRows(table: Table, wanted: RowsWanted = {}): Promise<ShownRows> {
  const ordinals = wanted.fields ? ordinalsOf(table.fields, wanted.fields) : table.fields.map((_, ordinal) => ordinal);
  const formats = ordinals.map((ordinal) => numberFormatter(table.fields[ordinal]!.numberFormat));
  const cells = await readRows(table, { fields: ordinals, from: wanted.from, to: wanted.to });
  const rows = cells.map((row) => row.map((cell, k) => (cell === null ? "-" : displayText(cell, formats[k]!))));
  return { names: ordinals.map((ordinal) => table.fields[ordinal]!.name), rows };
}

/**
 * Field names to ordinals.
 * @throws `TABLE_NO_FIELD` with the names there are
 */
export function fieldOrdinals(table: Table, names: readonly string[]): readonly number[] {
  return ordinalsOf(table.fields, names);
}
