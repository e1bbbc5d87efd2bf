import type { QvfPart } from "../container/qvf/parts.ts";
import { needs, QErr } from "../errors.ts";
import { isAdminMade } from "../table/admin-note.ts";
import { type AppTable, appTable } from "../table/qvf-draft.ts";
import { keptTable, reducedTable } from "../table/qvf-edit.ts";
import type { QvfTable } from "../table/qvf-table.ts";
import type { Table } from "../table/table.ts";
import type { BuiltApp } from "./app-build.ts";
import { appParts, dropObject, editAppTables, recordAdmin } from "./app-write.ts";
import type { App } from "./qvf-app.ts";
import { replaceScript } from "./script-edit.ts";
import { tableOfFile } from "./table-of-file.ts";

/** What is to change in an app; what is left out stays. */
export interface AppEdit {
  /** The new load script. */
  readonly script?: string | undefined;
  /** Paths of objects to drop, as `inspect` lists them. */
  readonly drop?: readonly string[] | undefined;
  /** By name of a table: the QVD or CSV file that takes its place. */
  readonly tables?: ReadonlyMap<string, string> | undefined;
  /** Names of tables to drop. */
  readonly dropTables?: readonly string[] | undefined;
  /** By name of a table: the rows that stay. Symbols that no row has any more go. */
  readonly rows?:
    | ReadonlyMap<string, { readonly from?: number | undefined; readonly to?: number | undefined }>
    | undefined;
}

/**
 * An app with other content: data streams, `qvapp_data`, `qvapp_meta` and the system tables agree with the tables that
 * are left, section access stays as it is. `app` has to stay open until the parts are written.
 * @throws `SEAL_NO_IDENTITY` if parts of it stay sealed, `APP_NO_TABLE`, `TABLE_ROWS`, `QVF_NO_ENTRY`, `QVF_VALUE` if a synthetic key would lose a field, and what
 *   reading throws
 */
export async function editApp(app: App, edit: AppEdit): Promise<BuiltApp> {
  const opened: Table[] = [];
  const close = async () => {
    for (const table of opened) await table.close();
  };
  const { seal } = app;
  const isWhole = seal === undefined || (seal.stillSealed.length === 0 && seal.shut.size === 0);
  needs(isWhole, "SEAL_NO_IDENTITY", "parts of the app are sealed, and would be lost", {
    hint: "give the keys of all of its slots with --key",
  });
  try {
    let parts: readonly QvfPart[] = await appParts(app);
    const notes: string[] = seal === undefined ? [] : ["the new app is not sealed: `qvault encrypt` seals it again"];
    for (const path of edit.drop ?? []) parts = dropObject(parts, path);
    if (edit.script !== undefined) {
      const replaced = await replaceScript(parts, edit.script);
      parts = replaced.parts;
      const { quotedIn } = replaced;
      if (quotedIn.length > 0) notes.push(`lines of the old script are quoted in ${quotedIn.join(", ")}, which stay`);
    }
    if (touchesTables(edit)) {
      await checkTables(app, edit);
      parts = await editAppTables(app, parts, async (table) => editedTable(table, edit, opened));
      if (opened.some((table) => isAdminMade(table.comment))) parts = await recordAdmin(parts);
    }
    return { parts, notes, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function touchesTables({ tables, dropTables, rows }: AppEdit): boolean {
  return (tables?.size ?? 0) + (dropTables?.length ?? 0) + (rows?.size ?? 0) > 0;
}

async function editedTable(table: QvfTable, edit: AppEdit, opened: Table[]): Promise<AppTable | undefined> {
  const { name } = table;
  if (edit.dropTables?.includes(name)) return undefined;
  const file = edit.tables?.get(name);
  if (file !== undefined) {
    const other = await tableOfFile(file);
    opened.push(other);
    return appTable(other, name);
  }
  const kept = await keptTable(table);
  const range = edit.rows?.get(name);
  if (range === undefined) return kept;
  const { from = 0, to = table.rows } = range;
  const inside = from <= to && to <= table.rows;
  needs(inside, "TABLE_ROWS", `rows ${from}..${to} are not within the ${table.rows} rows of table "${name}"`);
  return reducedTable(kept, new Uint8Array(table.rows).fill(1, from, to));
}

/** Every table that is named must be one of the user's, and be named for one thing only. */
async function checkTables(app: App, { tables, dropTables, rows }: AppEdit): Promise<void> {
  const users = (await app.model()).tables.filter((table) => !table.isSystem && !table.isSynthetic).map((t) => t.name);
  const named = [...(tables?.keys() ?? []), ...(dropTables ?? []), ...(rows?.keys() ?? [])];
  for (const [i, name] of named.entries()) {
    needs(users.includes(name), "APP_NO_TABLE", `there is no table ${JSON.stringify(name)}`, {
      hint: `it has: ${users.join(", ")}`,
    });
    if (named.indexOf(name) !== i) throw new QErr("USAGE", `table ${JSON.stringify(name)} is named twice`);
  }
}
