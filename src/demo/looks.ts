import { readFile } from "node:fs/promises";
import { inflateSync } from "node:zlib";
import { digestFile } from "../engine/app-digest.ts";
import { openKeys } from "../engine/key-access.ts";
import { openSource } from "../engine/open.ts";
import { openTable } from "../engine/open-table.ts";
import { type ShownRows, shownRows } from "../engine/rows.ts";

/** What the checks of the demo read a file with; none of it goes through the commands that it shows. */
export interface Look {
  readonly table?: string | undefined;
  /** References to private keys. */
  readonly keys?: readonly string[];
}

/** All rows of a table as texts, `-` for NULL. */
export function rowsOf(file: string, { table, keys = [] }: Look = {}): Promise<ShownRows> {
  return withRing(keys, async (find) => {
    const opened = await openTable(file, { table, asAdmin: true, find });
    try {
      return await shownRows(opened.table);
    } finally {
      await opened.close();
    }
  });
}

/** The content of a file as hashes, whatever its layout. */
export function contentOf(file: string, keys: readonly string[] = []): Promise<string> {
  return withRing(keys, async (find) => {
    const source = await openSource(file);
    try {
      return JSON.stringify((await digestFile(source, { find })).tables);
    } finally {
      await source.close();
    }
  });
}

async function withRing<T>(
  keys: readonly string[],
  work: (find: ReturnType<typeof openKeys>["find"] | undefined) => Promise<T>,
): Promise<T> {
  if (keys.length === 0) return work(undefined);
  const ring = openKeys(keys);
  try {
    return await work(ring.find);
  } finally {
    await ring.close();
  }
}

/** The cells of one field. */
export function columnOf({ names, rows }: ShownRows, field: string): readonly string[] {
  const at = names.indexOf(field);
  return rows.map((row) => row[at]!);
}

/** True if `seen` is `whole` with every cell of the `hidden` fields NULL. */
export function isWholeBut(seen: ShownRows, whole: ShownRows, hidden: readonly string[]): boolean {
  const names = JSON.stringify(seen.names) === JSON.stringify(whole.names);
  const wanted = whole.rows.map((row) => row.map((cell, k) => (hidden.includes(whole.names[k]!) ? "-" : cell)));
  return names && whole.rows.length > 0 && JSON.stringify(seen.rows) === JSON.stringify(wanted);
}

/** Texts of a field that stand in no other field, and are too long to be met by chance. */
export function ownTexts(shown: ShownRows, field: string): readonly string[] {
  const others = shown.rows.map((row) => row.filter((_, k) => shown.names[k] !== field).join("\n")).join("\n");
  return [...new Set(columnOf(shown, field))].filter((text) => text.length >= 5 && !others.includes(text));
}

/** Which of the texts the file holds, packed or not: apps are written with deflate, so both are looked at. */
export async function textsIn(file: string, texts: readonly string[]): Promise<readonly string[]> {
  const bytes = await readFile(file);
  const layers = [bytes];
  for (let at = bytes.indexOf(0x78); at >= 0; at = bytes.indexOf(0x78, at + 1)) {
    try {
      layers.push(inflateSync(bytes.subarray(at)));
    } catch {
      // Not the beginning of a stream.
    }
  }
  return texts.filter((text) => layers.some((layer) => layer.includes(text)));
}
