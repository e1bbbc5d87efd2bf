import { type AccessTable, loadCell } from "../../src/reduce/access-table.ts";

/** Section access as an inline load makes it: names and rows separated by commas; `NULL` is a NULL. */
export function inline(fields: string, ...rows: readonly string[]): AccessTable {
  const rule = { numbers: true, upperCase: true };
  const cells = (row: string) => row.split(",").map((c) => loadCell(c === "NULL" ? null : c, rule));
  return { name: "SA", fields: fields.split(","), rows: rows.map(cells) };
}
