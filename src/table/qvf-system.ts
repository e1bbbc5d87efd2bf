import type { SyntheticKey } from "../container/qvf/model-header.ts";
import type { Cell } from "./dual.ts";
import { UNKNOWN_FORMAT } from "./field.ts";
import { interner } from "./interner.ts";
import type { AppTable } from "./qvf-draft.ts";

/** The fields that Qlik puts before all others, in its order. */
export const SYSTEM_FIELDS = ["$Field", "$Table", "$Rows", "$Fields", "$FieldNo", "$Info"] as const;

const TAGS: Readonly<Record<string, readonly string[]>> = {
  $Field: ["$key", "$hidden", "$system", "$ascii", "$text"],
  $Table: ["$key", "$hidden", "$system", "$ascii", "$text"],
  $Rows: ["$hidden", "$system", "$numeric", "$integer"],
  $Fields: ["$hidden", "$system", "$numeric", "$integer"],
  $FieldNo: ["$hidden", "$system", "$numeric", "$integer"],
  $Info: ["$hidden", "$system", "$ascii", "$text"],
};

/**
 * The three tables `$$SysTable n` with which Qlik describes a model to itself: fields by table, tables with their field
 * and row counts, fields with an (empty) info. A synthetic key stands for the fields it is made of. None without tables.
 * @param orders by table: its fields in the order in which they were loaded, where that is known
 */
export function systemTables(
  users: readonly AppTable[],
  keys: readonly SyntheticKey[],
  orders: ReadonlyMap<string, readonly string[]> = new Map(),
): AppTable[] {
  if (users.length === 0) return [];
  const parts = new Map(keys.map((key) => [key.name, key.fields]));
  const fieldsOf = (table: AppTable) => {
    const names = new Set(table.columns.flatMap(({ name }) => parts.get(name) ?? [name]));
    const known = (orders.get(table.name) ?? []).filter((name) => names.has(name));
    return [...new Set([...(known.length === names.size ? known : []), ...names])];
  };
  const count = (n: number): Cell => ({ number: n, text: String(n) });
  const byTable = users.flatMap((table) =>
    fieldsOf(table).map((field, k): Cell[] => [table.name, field, count(k + 1)]),
  );
  const sizes = users.map((table): Cell[] => [table.name, count(fieldsOf(table).length), count(table.rows)]);
  const infos = [...new Set(users.flatMap(fieldsOf))].map((field): Cell[] => [field, ""]);
  const first = users.length;
  return [
    rowsTable(`$$SysTable ${first}`, ["$Table", "$Field", "$FieldNo"], byTable),
    rowsTable(`$$SysTable ${first + 1}`, ["$Table", "$Fields", "$Rows"], sizes),
    rowsTable(`$$SysTable ${first + 2}`, ["$Field", "$Info"], infos),
  ];
}

function rowsTable(name: string, fields: readonly string[], rows: readonly (readonly Cell[])[]): AppTable {
  const symbols = fields.map(() => interner());
  const indexes = fields.map((_, k) =>
    Int32Array.from(rows, (row) => {
      const cell = row[k]!;
      return cell === null ? -2 : symbols[k]!.add(cell);
    }),
  );
  const columns = fields.map((field, k) => {
    return { name: field, numberFormat: UNKNOWN_FORMAT, tags: TAGS[field] ?? [], symbols: symbols[k]!.table() };
  });
  const batch = { rowStart: 0, rows: rows.length, indexes };
  const batches = () => (rows.length === 0 ? [] : [batch]);
  return { name, source: "", columns, rows: rows.length, isSynthetic: false, batches };
}
