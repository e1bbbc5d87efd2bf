import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { isQErr, needs, QErr } from "../errors.ts";
import { systemCode } from "../source/file.ts";
import { fileOperations, syncDirectory } from "../source/file-operations.ts";
import { fileSink } from "../source/file-sink.ts";
import { folderSink } from "../source/folder-sink.ts";
import type { ByteSink } from "../source/sink.ts";
import { isAdminMade } from "../table/admin-note.ts";
import { writeQvd } from "../table/qvd-write.ts";
import type { AppTable } from "../table/qvf-draft.ts";
import type { Table } from "../table/table.ts";
import type { ReducedApp } from "./access-app.ts";
import { newAppParts, writeApp } from "./app-write.ts";

export interface WriteReducedOptions {
  /** Where the app came from: never written over, since what was reduced away would be lost. */
  readonly source: string;
  readonly force?: boolean | undefined;
  /** Time of creation in the files; now if left out. Give one to get the same bytes for the same reduction. */
  readonly created?: Date | undefined;
}

/**
 * Writes a reduced app: `OUT.qvf` as an app of its own, `OUT.qvd` if there is one table, else a folder with a QVD a
 * table. There is no script, section access, sheet, snapshot, variable or lineage in it, and nothing of the source but
 * what the user may see.
 * @throws `USAGE` if `out` is the source, or is a QVD for several tables; `SINK_EXISTS`, `SINK_WRITE`
 */
export async function writeReduced(app: ReducedApp, out: string, options: WriteReducedOptions): Promise<void> {
  if ((await sameFile(out, options.source)) || (await sameFile(dirname(out), options.source))) {
    throw new QErr("USAGE", "a reduced app is never written over its source or into it");
  }
  const force = options.force === true;
  const ending = extname(out).toLowerCase();
  if (ending === ".qvf") return withSink(out, force, (sink) => writeQvfTo(sink, app, options.created));
  const tables = app.tables.filter((_, i) => app.model.tables[i]!.columns.length > 0);
  if (ending === ".qvd") {
    const [only] = tables;
    if (only === undefined || tables.length > 1)
      throw new QErr("USAGE", `the app has ${tables.length} tables: name a folder or a .qvf`);
    return withSink(out, force, (sink) => writeTable(sink, only, options.created));
  }
  return writeTables(tables, out, options);
}

/**
 * A QVD a table. A new or empty folder appears whole. One with files in it, with `force`, gets each file whole when all of
 * them are written; a crash in the middle of the renames leaves some old and some new, and a second run finishes.
 */
async function writeTables(tables: readonly Table[], out: string, options: WriteReducedOptions): Promise<void> {
  const { source, force, created } = options;
  const taken = new Set<string>();
  const named = tables.map((table) => ({ table, name: `${fileName(table.name, taken)}.qvd` }));
  const isFilled = (await stat(out).catch(() => undefined))?.isDirectory() && (await readdir(out)).length > 0;
  if (isFilled && !force) throw new QErr("SINK_EXISTS", `${out} is not empty`, { hint: "use --force" });
  const names = named.map(({ name }) => name);
  if (isFilled) await needsRoom(out, names, source);
  const sink = await folderSink(isFilled ? join(out, ".reduced") : out);
  try {
    for (const { table, name } of named) {
      // Nobody else writes there, and a rename leaves no second name behind, whatever fails.
      await withSink(join(sink.temporary, name), true, (file) => writeTable(file, table, created));
    }
    if (!isFilled) return await sink.commit();
    for (const { name } of named) await fileOperations().rename(join(sink.temporary, name), join(out, name));
    await syncDirectory(out);
  } catch (error) {
    throw isQErr(error)
      ? error
      : new QErr("SINK_WRITE", `${out} cannot be written (${systemCode(error)})`, { cause: error });
  } finally {
    await sink.abort();
  }
}

/** Nothing in the folder is the source, nor would be taken for a table that this user sees. */
async function needsRoom(out: string, names: readonly string[], source: string): Promise<void> {
  const there = (await readdir(out)).filter((name) => extname(name).toLowerCase() === ".qvd");
  for (const name of there) {
    needs(!(await sameFile(join(out, name), source)), "USAGE", "a reduced app is never written beside its source", {
      hint: "choose a new folder",
    });
    needs(
      names.includes(name),
      "SINK_EXISTS",
      `${join(out, name)} is of no table that this user sees, and would stay`,
      {
        hint: "choose a new folder, or remove the file",
      },
    );
  }
}

/** The bytes of a reduced app as a QVF. The caller commits or aborts the sink. */
export async function writeQvfTo(sink: ByteSink, app: ReducedApp, created?: Date): Promise<void> {
  const keys = new Set(app.syntheticKeys.map((k) => `${k.name} Table`));
  const tables = await Promise.all(
    app.tables.map(async (table): Promise<AppTable> => {
      const columns = await Promise.all(
        table.fields.map(async ({ name, numberFormat, tags }, k) => ({
          name,
          numberFormat,
          tags,
          symbols: await table.symbols(k),
        })),
      );
      const isSynthetic = keys.has(table.name);
      return { name: table.name, source: "", columns, rows: table.rows, isSynthetic, batches: () => table.scan() };
    }),
  );
  const { syntheticKeys } = app;
  const asAdmin = app.tables.some((table) => isAdminMade(table.comment));
  const parts = await newAppParts({ title: app.name, script: "", tables, access: [], asAdmin, syntheticKeys, created });
  await writeApp(sink, parts);
}

async function writeTable(sink: ByteSink, table: Table, created: Date | undefined): Promise<void> {
  const columns = await Promise.all(
    table.fields.map(async ({ name, numberFormat, comment, tags, nullable }, k) => {
      return { name, numberFormat, comment, tags, nullable, symbols: await table.symbols(k) };
    }),
  );
  const { name, comment, rows } = table;
  await writeQvd(sink, { name, comment, rows, columns, createdUtc: created, batches: table.scan() });
}

async function withSink(path: string, force: boolean, work: (sink: ByteSink) => Promise<void>): Promise<void> {
  const sink = await fileSink(path, { force });
  try {
    await work(sink);
    await sink.commit();
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

async function sameFile(a: string, b: string): Promise<boolean> {
  const [x, y] = await Promise.all([a, b].map((p) => realpath(p).catch(() => undefined)));
  return x !== undefined && x === y;
}

/** A name that every file system takes, and that no other table has. */
function fileName(table: string, taken: Set<string>): string {
  const base =
    table
      .replaceAll(/[^\p{L}\p{N} ._$()-]/gu, "_")
      .replace(/^\.+/, "_")
      .slice(0, 100) || "table";
  let name = base;
  for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${base} (${n})`;
  taken.add(name.toLowerCase());
  return name;
}
