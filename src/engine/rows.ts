import type { Cell } from "../table/dual.ts";
import { readRows } from "../table/read-rows.ts";
import { ordinalsOf } from "../table/scan-plan.ts";
import type { Table } from "../table/table.ts";

export interface RowsWanted {
  /** Names, in the order wanted; all fields if left out. */
  readonly fields?: readonly string[] | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export interface Rows {
  readonly names: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/**
 * A page of rows, for showing.
 * @throws `TABLE_NO_FIELD` with the names there are, `TABLE_ROWS`, and what reading throws
 */
export async function rowsOf(table: Table, wanted: RowsWanted = {}): Promise<Rows> {
  const fields = wanted.fields ? ordinalsOf(table.fields, wanted.fields) : table.fields.map((_, ordinal) => ordinal);
  const rows = await readRows(table, { fields, from: wanted.from, to: wanted.to });
  return { names: fields.map((ordinal) => table.fields[ordinal]!.name), rows };
}

/**
 * Field names to ordinals.
 * @throws `TABLE_NO_FIELD` with the names there are
 */
export function fieldOrdinals(table: Table, names: readonly string[]): readonly number[] {
  return ordinalsOf(table.fields, names);
}
