import { needs, quoted } from "../errors.ts";
import type { ScanOptions } from "./table.ts";

/** {@link ScanOptions} with everything filled in and checked. */
export interface ScanPlan {
  readonly fields: readonly number[];
  readonly from: number;
  readonly to: number;
  readonly batchRows: number | undefined;
}

/**
 * Checks what is asked of a table with `fieldCount` fields and `rows` rows. A `to` beyond the end means the end.
 * @throws `TABLE_NO_FIELD`, `TABLE_ROWS`
 */
export function checkScan(fieldCount: number, rows: number, options: ScanOptions): ScanPlan {
  const fields = options.fields ?? Array.from({ length: fieldCount }, (_, ordinal) => ordinal);
  for (const ordinal of fields) {
    const there = Number.isInteger(ordinal) && ordinal >= 0 && ordinal < fieldCount;
    needs(there, "TABLE_NO_FIELD", () => `there is no field number ${ordinal}`);
  }
  const from = options.from ?? 0;
  const to = Math.min(options.to ?? rows, rows);
  needs(Number.isInteger(from) && from >= 0, "TABLE_ROWS", "the first row must be a whole number from 0");
  needs(Number.isInteger(to) && to >= 0, "TABLE_ROWS", "the row after the last must be a whole number from 0");
  const batchRows = options.batchRows;
  const whole = batchRows === undefined || (Number.isInteger(batchRows) && batchRows > 0);
  needs(whole, "TABLE_ROWS", "rows a batch must be a whole number from 1");
  return { fields, from: Math.min(from, to), to, batchRows };
}

/**
 * Field names to ordinals.
 * @throws `TABLE_NO_FIELD`, naming the ones there are
 */
export function ordinalsOf(fields: readonly { readonly name: string }[], names: readonly string[]): number[] {
  return names.map((name) => {
    const ordinal = fields.findIndex((f) => f.name === name);
    needs(ordinal >= 0, "TABLE_NO_FIELD", () => `there is no field ${quoted(name)}`, {
      hint: `the table has: ${fields
        .slice(0, 20)
        .map((f) => quoted(f.name))
        .join(", ")}${fields.length > 20 ? ", …" : ""}`,
    });
    return ordinal;
  });
}
