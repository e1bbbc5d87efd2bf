import { readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import type { QvdTable } from "../table/qvd-table.ts";
import { type ByteSource, type OpenOptions, openFile, openSource } from "./open.ts";

/** Paths of the QVDs in a folder, in the order of their names. */
export async function qvdsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names
    .filter((n) => extname(n).toLowerCase() === ".qvd")
    .sort()
    .map((n) => join(folder, n));
}

/** Opens files, and closes them whatever becomes of the work. */
export async function withFiles<T>(
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

/** Opens QVDs in sources of the caller. What the tables hold lasts longer than their files. */
export async function withTables<T>(
  sources: readonly ByteSource[],
  options: OpenOptions,
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

/** The same bytes, of which closing is somebody else's business. */
export function borrowed(source: ByteSource): ByteSource {
  const { size, name } = source;
  const read: ByteSource["read"] = (offset, length) => source.read(offset, length);
  const readInto: ByteSource["readInto"] = (offset, target) => source.readInto(offset, target);
  return { size, name, read, readInto, close: async () => {} };
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
