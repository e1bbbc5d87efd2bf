import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { losesNumbers, parseJsonText } from "../bytes/json.ts";
import type { QvfPart } from "../container/qvf/parts.ts";
import { needs, QErr } from "../errors.ts";
import { upper } from "../reduce/access-table.ts";
import { isAdminMade } from "../table/admin-note.ts";
import type { Cell } from "../table/dual.ts";
import { memoryTable } from "../table/memory-table.ts";
import { type AppTable, appTable } from "../table/qvf-draft.ts";
import { readRows } from "../table/read-rows.ts";
import type { Table } from "../table/table.ts";
import { EXTRACT_KIND, EXTRACT_MANIFEST, partsFromFolder } from "./app-files.ts";
import { newAppParts } from "./app-write.ts";
import { readSmallText } from "./small-file.ts";
import { tableOfFile } from "./table-of-file.ts";

/** A table of a manifest: a file (QVD or CSV), or rows in the manifest itself. */
type TableSpec =
  | { readonly name?: string; readonly file: string }
  | { readonly name: string; readonly fields: readonly string[]; readonly rows: readonly (readonly Cell[])[] };

/**
 * What `qvault app build` reads. Files are named relative to the manifest.
 *
 *     { "title": "Sales", "script": "load.qvs",
 *       "tables": [ { "name": "Sales", "file": "sales.qvd" },
 *                   { "name": "Regions", "fields": ["REGION", "Name"], "rows": [["NORTH", "North"]] } ],
 *       "sectionAccess": [ { "name": "Access", "fields": ["ACCESS", "USERID", "REGION"],
 *                            "rows": [["ADMIN", "DOM\\\\BOSS", "*"], ["USER", "DOM\\\\ANN", "NORTH"]] } ] }
 */
interface BuildManifest {
  readonly title: string;
  /** File with the load script. */
  readonly script?: string;
  /** The load script itself. */
  readonly scriptText?: string;
  readonly tables: readonly TableSpec[];
  readonly sectionAccess?: readonly TableSpec[];
}

/** An app ready to be written; `close` gives back the files that its tables come from. */
export interface BuiltApp {
  readonly parts: readonly QvfPart[];
  /** What a user should know about the model. */
  readonly notes: readonly string[];
  close(): Promise<void>;
}

/**
 * Makes an app from a manifest: from tables, script and section access, or from the folder of an extracted app.
 * @param path the manifest, or the folder that `extractApp` wrote
 * @throws `APP_MANIFEST` with what is wrong, `SOURCE_…`, `QVF_VALUE`, and what reading the tables throws
 */
export async function buildApp(path: string, options: { readonly created?: Date } = {}): Promise<BuiltApp> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  const manifestPath = isFolder ? join(path, EXTRACT_MANIFEST) : path;
  const folder = dirname(resolve(manifestPath));
  const value = await readManifest(manifestPath);
  if ((value as { kind?: unknown } | null)?.kind === EXTRACT_KIND) {
    return { parts: await partsFromFolder(folder, value), notes: [], close: async () => {} };
  }
  const manifest = checkManifest(value);
  const opened: Table[] = [];
  const close = async () => {
    for (const table of opened) await table.close();
  };
  try {
    const tables: AppTable[] = [];
    for (const spec of manifest.tables) tables.push(await loadTable(spec, folder, opened));
    const access: AppTable[] = [];
    for (const spec of manifest.sectionAccess ?? []) access.push(await loadAccess(spec, folder, opened));
    checkNames(tables);
    const script =
      manifest.scriptText ?? (manifest.script ? await readSmallText(resolve(folder, manifest.script)) : "");
    const asAdmin = opened.some((table) => isAdminMade(table.comment));
    const { title } = manifest;
    const parts = await newAppParts({ title, script, tables, access, asAdmin, created: options.created });
    return { parts, notes: modelNotes(tables), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readManifest(path: string): Promise<unknown> {
  const text = await readSmallText(path);
  let value: unknown;
  try {
    value = parseJsonText(text);
  } catch (cause) {
    throw new QErr("APP_MANIFEST", `${path} is not JSON`, { cause });
  }
  needs(!losesNumbers(text), "APP_MANIFEST", `${path} has a number that no double holds`, {
    hint: "write it as a text, or round it",
  });
  return value;
}

function checkManifest(value: unknown): BuildManifest {
  const wrong = (what: string): never => {
    throw new QErr("APP_MANIFEST", `the manifest ${what}`, { hint: "qvault app build --help shows one" });
  };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return wrong("is no object");
  const manifest = value as Partial<BuildManifest>;
  const known = new Set(["title", "script", "scriptText", "tables", "sectionAccess"]);
  const unknown = Object.keys(manifest).find((name) => !known.has(name));
  if (unknown !== undefined) wrong(`has a member ${JSON.stringify(unknown)}, which is none`);
  if (typeof manifest.title !== "string") wrong('needs a "title"');
  for (const name of ["script", "scriptText"] as const) {
    if (manifest[name] !== undefined && typeof manifest[name] !== "string") wrong(`needs a text for "${name}"`);
  }
  // UTF-8 has no half of a pair: another script would be written.
  if (manifest.scriptText?.isWellFormed() === false) wrong('has half a surrogate pair in "scriptText"');
  if (manifest.script !== undefined && manifest.scriptText !== undefined) wrong('has "script" and "scriptText"');
  if (!Array.isArray(manifest.tables)) wrong('needs "tables"');
  if (manifest.sectionAccess !== undefined && !Array.isArray(manifest.sectionAccess))
    wrong('needs a list "sectionAccess"');
  for (const spec of [...manifest.tables!, ...(manifest.sectionAccess ?? [])]) {
    const problem = specProblem(spec);
    if (problem !== undefined) wrong(problem);
  }
  return manifest as BuildManifest;
}

function specProblem(spec: unknown): string | undefined {
  if (typeof spec !== "object" || spec === null) return "has a table that is no object";
  const { name, file, fields, rows } = spec as Record<string, unknown>;
  if (name !== undefined && typeof name !== "string") return "has a table whose name is no text";
  // Fields beside a file would look as if they were all that is taken of it.
  const known = file === undefined ? ["name", "fields", "rows"] : ["name", "file"];
  const other = Object.keys(spec).find((member) => !known.includes(member));
  if (other !== undefined) return `has a table with a member ${JSON.stringify(other)}, which has no meaning there`;
  if (file !== undefined) return typeof file === "string" ? undefined : "has a table whose file is no text";
  if (typeof name !== "string") return "has a table without a name";
  const named = Array.isArray(fields) && fields.every((field) => typeof field === "string");
  if (!named || !Array.isArray(rows))
    return `needs "fields" and "rows", or a "file", for table ${JSON.stringify(name)}`;
  const whole = rows.every((row) => Array.isArray(row) && row.length === fields.length && row.every(isCell));
  return whole ? undefined : `has a row of table ${JSON.stringify(name)} that is not one cell for each field`;
}

/** JSON as a cell: null, a number, a text, or `{"number": 1, "text": "01"}`. */
function isCell(value: unknown): boolean {
  if (value === null || typeof value === "number" || typeof value === "string") return true;
  const { number, text } = value as { number?: unknown; text?: unknown };
  return typeof number === "number" && typeof text === "string";
}

/** A table of the manifest: that of a file, or its rows. */
async function openTable(spec: TableSpec, folder: string): Promise<Table> {
  if ("file" in spec) return tableOfFile(resolve(folder, spec.file));
  const columns = spec.fields.map((_, k) => spec.rows.map((row) => row[k]!));
  return memoryTable(spec.name, spec.fields, columns);
}

async function loadTable(spec: TableSpec, folder: string, opened: Table[]): Promise<AppTable> {
  const table = await openTable(spec, folder);
  opened.push(table);
  return appTable(table, spec.name ?? table.name);
}

/** Section access is loaded as Qlik loads it: field names and texts become upper-case (section access, rule R11). */
async function loadAccess(spec: TableSpec, folder: string, opened: Table[]): Promise<AppTable> {
  const table = await openTable(spec, folder);
  opened.push(table);
  const rows = await readRows(table);
  const columns = table.fields.map((_, k) => rows.map((row) => upperCell(row[k]!)));
  return appTable(
    memoryTable(
      spec.name ?? table.name,
      table.fields.map((field) => upper(field.name)),
      columns,
    ),
  );
}

function upperCell(cell: Cell): Cell {
  if (typeof cell === "string") return upper(cell);
  return cell === null || typeof cell === "number" ? cell : { ...cell, text: upper(cell.text) };
}

function checkNames(tables: readonly AppTable[]): void {
  const seen = new Set<string>();
  for (const { name } of tables) {
    needs(
      name !== "" && !name.startsWith("$"),
      "APP_MANIFEST",
      `${JSON.stringify(name)} cannot be the name of a table`,
    );
    needs(!seen.has(name), "APP_MANIFEST", `two tables are named ${JSON.stringify(name)}`);
    seen.add(name);
  }
}

/** Notes on pairs of tables, and names of fields in each: pairs grow with the square of the tables. */
const NOTES_SHOWN = 20;
const NAMES_SHOWN = 8;

/** Qlik would make a synthetic key of two common fields; here none is made, and readers associate by each field. */
function modelNotes(tables: readonly AppTable[]): string[] {
  const notes: string[] = [];
  for (const [i, a] of tables.entries()) {
    const names = new Set(a.columns.map((column) => column.name));
    for (const b of tables.slice(i + 1)) {
      const common = b.columns.filter((column) => names.has(column.name)).map((column) => `"${column.name}"`);
      if (common.length < 2) continue;
      if (notes.length === NOTES_SHOWN) return [...notes, "and so have more pairs of tables"];
      const shown = common.length > NAMES_SHOWN ? [...common.slice(0, NAMES_SHOWN), "…"] : common;
      notes.push(
        `tables "${a.name}" and "${b.name}" have ${common.length} fields in common (${shown.join(", ")}): no synthetic key is made`,
      );
    }
  }
  return notes;
}
