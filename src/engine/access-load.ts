import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { SyntheticKey } from "../container/qvf/model-header.ts";
import { sniff } from "../container/sniff.ts";
import { QErr } from "../errors.ts";
import type { AccessTable } from "../reduce/access-table.ts";
import { AS_ADMIN_NOTE } from "../table/admin-note.ts";
import type { Model } from "../table/model.ts";
import { canonicalParts } from "../table/model-canonical.ts";
import { loadModel } from "../table/model-load.ts";
import type { ScanProgress } from "../table/qvd-write.ts";
import type { SymbolTable } from "../table/symbols.ts";
import type { Table } from "../table/table.ts";
import { requireOpenFields, type ShutField, shutInApp, shutInQvd } from "./access-sealed.ts";
import { ACCESS_JSON, accessBeside, accessFrom, accessTable } from "./access-source.ts";
import { type ByteSource, type OpenOptions, openSource } from "./open.ts";
import { borrowed, qvdsIn, withFiles, withTables } from "./qvd-group.ts";
import { accessIsLost, isAdminMadeApp, lostAccess, openQvfApp } from "./qvf-app.ts";

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
  /** Says that an app of QVDs is to have no section access, or one that lost it; otherwise its absence is refused. */
  readonly withoutAccess?: boolean | undefined;
  readonly lenient?: boolean | undefined;
}

/**
 * Where an app comes from: a path (a QVF, a QVD, a folder of QVDs) or address; bytes of a QVF or QVD from anywhere; or
 * the bytes of several QVDs, each of them a table. Who hands sources in closes them; they are not needed any more once
 * the app is loaded.
 */
export type AppSource = string | ByteSource | readonly ByteSource[];

/**
 * Loads an app: a QVF with its section access; a folder of QVDs, each of them a table, with its section access in
 * `section-access.json` or as QVDs in the folder `section-access`; or QVDs.
 * @throws `USAGE` if an app of QVDs has no section access and nobody said that it is to have none; `APP_ACCESS` if a QVF says
 *   that it has some and it is gone; `SEAL_NO_IDENTITY` if a field stays sealed that decides who sees what; and what
 *   reading throws
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
  const looksBeside = options.access === undefined && options.withoutAccess !== true;
  const beside = looksBeside ? await accessBeside(from, options) : undefined;
  return withFiles(files, (sources) => loadQvds(sources, basename(from), options, beside));
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
    const opened = await app.model();
    const { header, tables, sectionAccess } = opened;
    const nobodySays = options.access === undefined && options.withoutAccess !== true;
    if (nobodySays && (await lostAccess(app, opened))) {
      throw accessIsLost("restore the app, or name its rules with --access; --no-access shows everything to everybody");
    }
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

/**
 * An app in memory outlives its file, but closing a sealed one overwrites its symbols. Tables share the symbols of their
 * fields: one copy of each.
 */
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

/** The same data and the same section access have the same version, wherever they lie. */
export function versionOf(model: Model, access: readonly AccessTable[] | undefined): string {
  const hash = createHash("sha256");
  for (const part of canonicalParts(model)) hash.update(part);
  hash.update(JSON.stringify(access ?? null));
  return hash.digest("hex");
}
