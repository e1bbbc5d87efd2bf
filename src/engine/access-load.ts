import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { decodeUtf8 } from "../bytes/utf8.ts";
import type { SyntheticKey } from "../container/qvf/model-header.ts";
import { sniff } from "../container/sniff.ts";
import { needs, QErr } from "../errors.ts";
import { MAX_ACCESS_JSON_BYTES } from "../limits.ts";
import { type AccessCell, type AccessTable, type LoadRule, loadCell, upper } from "../reduce/access-table.ts";
import { readAccessJson } from "../reduce/case-format.ts";
import { AS_ADMIN_NOTE } from "../table/admin-note.ts";
import type { Model } from "../table/model.ts";
import { canonicalParts } from "../table/model-canonical.ts";
import { loadModel } from "../table/model-load.ts";
import type { QvdTable } from "../table/qvd-table.ts";
import type { ScanProgress } from "../table/qvd-write.ts";
import { type SymbolTable, symbolNumber, symbolText } from "../table/symbols.ts";
import type { Table } from "../table/table.ts";
import { requireOpenFields, type ShutField, shutInApp, shutInQvd } from "./access-sealed.ts";
import { type ByteSource, type OpenOptions, openFile, openSource } from "./open.ts";
import { isSealed } from "./open-seal-head.ts";
import type { SealedTable } from "./open-sealed.ts";
import { isAdminMadeApp, openQvfApp } from "./qvf-app.ts";

/** An app in memory, with everything that is needed to reduce it. */
export interface LoadedApp {
  readonly name: string;
  readonly model: Model;
  /** `undefined` if the app has none: everybody sees everything. */
  readonly access: readonly AccessTable[] | undefined;
  /** SHA-256 over data and section access, hexadecimal. */
  readonly version: string;
  /** Synthetic keys that the app has stored, with their fields. */
  readonly syntheticKeys: readonly SyntheticKey[];
}

export interface LoadAppOptions extends ScanProgress, Pick<OpenOptions, "find" | "signature" | "stdin"> {
  /** Section access from elsewhere, by path or as bytes: JSON in the form of policy cases, or a QVD. */
  readonly access?: string | ByteSource | undefined;
  /** Says that an app of QVDs is to have no section access; otherwise its absence is refused. */
  readonly withoutAccess?: boolean | undefined;
  readonly lenient?: boolean | undefined;
}

/** Names, in a folder of QVDs, of what holds its section access. */
const ACCESS_JSON = "section-access.json";
const ACCESS_FOLDER = "section-access";

/**
 * Where an app comes from: a path (a QVF, a QVD, a folder of QVDs) or address; bytes of a QVF or QVD from anywhere; or
 * the bytes of several QVDs, each of them a table. Who hands sources in closes them; they are not needed any more once
 * the app is loaded.
 */
export type AppSource = string | ByteSource | readonly ByteSource[];

/**
 * Loads an app: a QVF with its section access; a folder of QVDs, each of them a table, with its section access in `section-access.json` or as QVDs in
 * the folder `section-access`; or QVDs.
 * @throws `USAGE` if an app of QVDs has no section access and nobody said that it is to have none; `SEAL_NO_IDENTITY` if a
 *   field stays sealed that decides who sees what; and what reading throws
 */
export async function loadApp(from: AppSource, options: LoadAppOptions = {}): Promise<LoadedApp> {
  if (typeof from !== "string") return loadSources([from].flat().map(borrowed), options);
  const folder = (await stat(from).catch(() => undefined))?.isDirectory() === true;
  if (!folder) {
    const source = await openSource(from, options);
    try {
      return await loadSources([source], options);
    } finally {
      await source.close();
    }
  }
  const files = await qvdsIn(from);
  if (files.length === 0) throw new QErr("SOURCE_NOT_FOUND", `${from} holds no QVD`);
  const beside = options.access === undefined ? await accessBeside(from, options) : undefined;
  return withFiles(files, (sources) => loadQvds(sources, basename(from), options, beside));
}

/** The same bytes, of which closing is somebody else's business. */
function borrowed(source: ByteSource): ByteSource {
  const { size, name } = source;
  const read: ByteSource["read"] = (offset, length) => source.read(offset, length);
  const readInto: ByteSource["readInto"] = (offset, target) => source.readInto(offset, target);
  return { size, name, read, readInto, close: async () => {} };
}

async function loadSources(sources: readonly ByteSource[], options: LoadAppOptions): Promise<LoadedApp> {
  const [only] = sources;
  if (only === undefined) throw new QErr("USAGE", "an app has at least one source");
  const name = basename(only.name);
  if (sources.length === 1 && (await sniff(only)) === "qvf") return loadQvf(only, name, options);
  return loadQvds(sources, name, options, undefined);
}

async function loadQvds(
  sources: readonly ByteSource[],
  name: string,
  options: LoadAppOptions,
  beside: readonly AccessTable[] | undefined,
): Promise<LoadedApp> {
  const shut: ShutField[] = [];
  const model = await withTables(sources, options, async (tables) => {
    for (const table of tables) shut.push(...(await shutInQvd(table)));
    return loadModel(
      tables.map((table) => ({ table })),
      options,
    );
  });
  const access = options.access === undefined ? beside : await accessFrom(options.access, options);
  if (access === undefined && options.withoutAccess !== true) {
    throw new QErr("USAGE", `${name} has no section access`, {
      hint: `put ${ACCESS_JSON} beside the tables, or name a file with --access; --no-access shows everything to everybody`,
    });
  }
  if (access !== undefined) requireOpenFields(model, access, shut);
  return { name, model, access, version: versionOf(model, access), syntheticKeys: [] };
}

/**
 * The data of a Qlik Sense app. System tables are left out: they count the rows and name the fields of everybody.
 * Values of stored section access are taken as they are: Qlik has upper-cased what it upper-cases, and no more may be (R11b).
 */
async function loadQvf(source: ByteSource, name: string, options: LoadAppOptions): Promise<LoadedApp> {
  // The source stays the caller's; closing the app overwrites the keys of a sealed one.
  const app = await openQvfApp(
    { ...source, close: async () => {} },
    { find: options.find, signature: options.signature },
  );
  try {
    const { header, tables, sectionAccess } = await app.model();
    const comment = (await isAdminMadeApp(app)) ? AS_ADMIN_NOTE : "";
    const lastingSymbols = app.seal === undefined ? undefined : copiedOnce();
    const users = tables
      .filter((t) => !t.isSystem)
      .map((table) => ({ table: { ...(lastingSymbols?.(table) ?? table), comment }, synthetic: table.isSynthetic }));
    const model = await loadModel(users, options);
    const rule = { numbers: false, upperCase: false };
    const own =
      sectionAccess.length === 0 ? undefined : await Promise.all(sectionAccess.map((t) => accessTable(t, rule)));
    const access = options.access === undefined ? own : await accessFrom(options.access, options);
    if (access !== undefined) requireOpenFields(model, access, await shutInApp(app, source));
    return { name, model, access, version: versionOf(model, access), syntheticKeys: header.syntheticKeys };
  } finally {
    await app.close();
  }
}

async function qvdsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names
    .filter((n) => extname(n).toLowerCase() === ".qvd")
    .sort()
    .map((n) => join(folder, n));
}

async function withFiles<T>(
  files: readonly string[],
  work: (sources: readonly ByteSource[]) => Promise<T>,
): Promise<T> {
  const sources: ByteSource[] = [];
  try {
    for (const file of files) sources.push(await openSource(file));
    return await work(sources);
  } finally {
    for (const source of sources) await source.close();
  }
}

async function withTables<T>(
  sources: readonly ByteSource[],
  options: LoadAppOptions,
  work: (tables: readonly QvdTable[]) => Promise<T>,
): Promise<T> {
  const opened = [];
  try {
    for (const source of sources) opened.push(await openFile(source.name, { ...options, source: borrowed(source) }));
    return await work(opened.map((o) => lasting(o.table)));
  } finally {
    for (const o of opened) await o.close();
  }
}

/** An app in memory outlives its files, but closing a sealed file overwrites its symbols: these are copies. */
function lasting(table: QvdTable): QvdTable {
  if (!("stillSealed" in table)) return table;
  return {
    ...table,
    async symbols(ordinal) {
      const { bytes, starts, count } = await table.symbols(ordinal);
      return { bytes: new Uint8Array(bytes), starts: new Uint32Array(starts), count };
    },
  };
}

/** The same for the tables of an app, which share the symbols of their fields: one copy of each. */
function copiedOnce(): (table: Table) => Table {
  const copies = new Map<SymbolTable, SymbolTable>();
  return (table) => ({
    ...table,
    async symbols(ordinal) {
      const found = await table.symbols(ordinal);
      const { bytes, starts, count } = found;
      const copy = copies.get(found) ?? { bytes: new Uint8Array(bytes), starts: new Uint32Array(starts), count };
      copies.set(found, copy);
      return copy;
    },
  });
}

/** Section access of which a field is sealed would be read as NULL, and so be other rules than were written. */
async function requireWhole(table: QvdTable | SealedTable): Promise<void> {
  const whole = "stillSealed" in table ? table.stillSealed.length === 0 : !(await isSealed(table.source, table.header));
  if (whole) return;
  throw new QErr("SEAL_NO_IDENTITY", `${table.source.name} holds section access, and fields of it are sealed`, {
    hint: "add --key REF for each slot that it is sealed for",
  });
}

async function accessBeside(folder: string, options: LoadAppOptions): Promise<readonly AccessTable[] | undefined> {
  if (options.withoutAccess === true) return undefined;
  const json = join(folder, ACCESS_JSON);
  if ((await stat(json).catch(() => undefined))?.isFile()) return accessFrom(json, options);
  const inside = join(folder, ACCESS_FOLDER);
  if (!(await stat(inside).catch(() => undefined))?.isDirectory()) return undefined;
  const files = await qvdsIn(inside);
  if (files.length === 0) return undefined;
  return (await withFiles(files, (sources) => Promise.all(sources.map((s) => accessIn(s, options))))).flat();
}

async function accessFrom(from: string | ByteSource, options: LoadAppOptions): Promise<readonly AccessTable[]> {
  if (typeof from !== "string") return accessIn(borrowed(from), options);
  return withFiles([from], ([source]) => accessIn(source!, options));
}

/** Section access in one source: a QVD, or JSON. */
async function accessIn(source: ByteSource, options: LoadAppOptions): Promise<readonly AccessTable[]> {
  if (extname(source.name).toLowerCase() === ".json" || (await beginsAsJson(source))) {
    const most = source.size <= MAX_ACCESS_JSON_BYTES;
    needs(most, "LIMIT_EXCEEDED", `${source.name} has ${source.size} bytes, at most ${MAX_ACCESS_JSON_BYTES} are read`);
    const tables = readAccessJson(decodeUtf8(await source.read(0, source.size), source.name));
    if (tables === undefined) throw new QErr("ACCESS_CASE", `${source.name} has no section access`);
    return tables;
  }
  // Loaded by us, so upper-cased by us (R11); a QVD says itself what is a number.
  const rule = { numbers: false, upperCase: true };
  return withTables([source], options, async (tables) => {
    for (const table of tables) await requireWhole(table);
    return Promise.all(tables.map((t) => accessTable(t, rule)));
  });
}

async function beginsAsJson(source: ByteSource): Promise<boolean> {
  return /^\s*\{/.test(String.fromCharCode(...(await source.read(0, Math.min(64, source.size)))));
}

/**
 * The cells of a table as section access. The text `*` is the star.
 * @throws `MODEL_SHAPE` if two names differ in case only
 */
export async function accessTable(table: Table, rule: LoadRule): Promise<AccessTable> {
  const values: AccessCell[][] = [];
  for (let k = 0; k < table.fields.length; k++) {
    const symbols = await table.symbols(k);
    values.push(
      Array.from({ length: symbols.count }, (_, s) => {
        const [number, text] = [symbolNumber(symbols, s), symbolText(symbols, s)];
        return loadCell(number === undefined ? text! : text === undefined ? number : { number, text }, rule);
      }),
    );
  }
  const rows: AccessCell[][] = [];
  for await (const batch of table.scan()) {
    for (let r = 0; r < batch.rows; r++) {
      rows.push(values.map((v, k) => (batch.indexes[k]![r]! < 0 ? null : v[batch.indexes[k]![r]!]!)));
    }
  }
  // A name in other case would be no system field, and a row without one of those is for everybody.
  const fields = table.fields.map((f) => upper(f.name));
  needs(
    new Set(fields).size === fields.length,
    "MODEL_SHAPE",
    `section access table "${table.name}" has a field twice`,
  );
  return { name: table.name, fields, rows };
}

/** The same data and the same section access have the same version, wherever they lie. */
export function versionOf(model: Model, access: readonly AccessTable[] | undefined): string {
  const hash = createHash("sha256");
  for (const part of canonicalParts(model)) hash.update(part);
  hash.update(JSON.stringify(access ?? null));
  return hash.digest("hex");
}
