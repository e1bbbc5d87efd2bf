import { sniff } from "../container/sniff.ts";
import { needs, QErr } from "../errors.ts";
import { isAdminMade } from "../table/admin-note.ts";
import type { QvfTable } from "../table/qvf-table.ts";
import type { Table } from "../table/table.ts";
import { type OpenOptions, openFile, openSource } from "./open.ts";
import { openQvfApp, tablesFor } from "./qvf-app.ts";

export interface OpenTableOptions extends OpenOptions {
  /** Which table of an app; without it the only one. A QVD has one table, whose name it may be. */
  readonly table?: string | undefined;
  /** Read an app that has section access as an administrator. */
  readonly asAdmin?: boolean | undefined;
}

/** One table of a file, whatever the container. */
export interface OpenedTable {
  readonly table: Table;
  /** True if section access was passed over, now or when the file was made; the table's comment says so, too. */
  readonly asAdmin: boolean;
  close(): Promise<void>;
}

/**
 * Opens one table of a QVD or QVF.
 * @throws `APP_NO_TABLE` with the names there are, `APP_ACCESS`, and what opening throws
 */
export async function openTable(name: string, options: OpenTableOptions = {}): Promise<OpenedTable> {
  const source = await openSource(name, options);
  try {
    if ((await sniff(source)) === "qvf") {
      const app = await openQvfApp(source, { find: options.find, signature: options.signature });
      const { tables, asAdmin } = await tablesFor(app, { asAdmin: options.asAdmin ?? false });
      const table = pickTable(tables, options.table);
      return { table, asAdmin, close: () => app.close() };
    }
  } catch (error) {
    await source.close();
    throw error;
  }
  // Standard input was spooled and can be read only once by its source: the QVD is opened over the same one.
  const { table, close } = await openFile(name, { ...options, source });
  const known = options.table === undefined || options.table === table.name;
  if (!known) await close();
  needs(known, "APP_NO_TABLE", `there is no table ${JSON.stringify(options.table)}`, { hint: `it has: ${table.name}` });
  return { table, asAdmin: isAdminMade(table.comment), close };
}

/** The table of that name; the only one of the user's if no name is given. */
function pickTable(tables: readonly QvfTable[], name: string | undefined): QvfTable {
  const users = tables.filter((table) => !table.isSystem && !table.isSynthetic);
  const table = name === undefined ? (users.length === 1 ? users[0] : undefined) : tables.find((t) => t.name === name);
  if (table !== undefined) return table;
  const names = users.slice(0, 20).map((t) => t.name);
  const what = name === undefined ? `the app has ${users.length} tables` : `there is no table ${JSON.stringify(name)}`;
  const hint = `name one with --table: ${names.join(", ")}${users.length > 20 ? ", …" : ""}`;
  throw new QErr("APP_NO_TABLE", what, users.length > 0 ? { hint } : {});
}
