import { concat } from "../../src/bytes/concat.ts";
import { encodeFrame } from "../../src/container/qvf/frame.ts";
import { partsOf, type QvfPart } from "../../src/container/qvf/parts.ts";
import { openQvf } from "../../src/container/qvf/reader.ts";
import { newAppParts } from "../../src/engine/app-write.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { appTable } from "../../src/table/qvf-draft.ts";
import { writtenBytes } from "./qvf.ts";

/** Stands in the texts of the app; a message that holds it quotes a cell. */
export const CELL_MARK = "cellmark";

export const SECTOR = 512;

/** A sound app with two tables of users, section access with a star, and a media file. */
export async function goodParts(): Promise<QvfPart[]> {
  const rows = Array.from({ length: 20 }, (_, row) => row);
  const facts = memoryTable(
    "Facts",
    ["Key", "Text", "Amount", "Same"],
    [
      rows.map((row) => row % 7),
      rows.map((row) => (row % 5 === 0 ? null : `${CELL_MARK} ${row % 3}`)),
      rows.map((row) => row / 8 + 0.1),
      rows.map(() => "same"),
    ],
  );
  const keys = memoryTable("Keys", ["Key", "Name"], [rows.slice(0, 7), rows.slice(0, 7).map((row) => `name ${row}`)]);
  const access = memoryTable(
    "Access",
    ["ACCESS", "USERID", "NAME"],
    [
      ["ADMIN", "USER", "USER"],
      ["A", "B", "C"],
      ["*", "NAME 1", null],
    ],
  );
  const parts = await newAppParts({
    title: "Good",
    script: "LOAD 1;\r\n".repeat(20),
    tables: [await appTable(facts), await appTable(keys)],
    access: [await appTable(access)],
    created: new Date("2024-02-29T12:34:56Z"),
  });
  const image = encodeFrame(
    "binary",
    new Uint8Array(2000).map((_, i) => (i * i) % 251),
  );
  const media = { ...parts[0]!, path: "media/a.png", size: image.byteLength, read: async () => image };
  return [...parts, { ...media, path: "media", isDirectory: true, meta: new Uint8Array(0), size: 0 }, media];
}

let good: Promise<Uint8Array> | undefined;

/** The sound app as a file; a copy to be broken. */
export async function goodImage(): Promise<Uint8Array> {
  good ??= goodParts().then(writtenBytes);
  return (await good).slice();
}

/** Where an entry of an image lies. Every stream of a written file has one extent behind its inode. */
export interface ImagePlace {
  readonly inode: number;
  readonly data: number;
  /** Offset of the entry's first slot. */
  readonly slot: number;
}

export async function placeOf(bytes: Uint8Array, path: string): Promise<ImagePlace> {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const container = await openQvf(memorySource(bytes));
  const inode = container.entry(path)!.inode;
  const parent = path.includes("/") ? container.entry(path.slice(0, path.lastIndexOf("/")))!.inode : SECTOR;
  const size = Number(view.getBigUint64(parent, true));
  for (let slot = parent + SECTOR; slot < parent + SECTOR + size; slot += 64) {
    if ((view.getUint32(slot, true) & 3) === 3 && Number(view.getBigUint64(slot + 16, true)) === inode) {
      return { inode, data: inode + SECTOR, slot };
    }
  }
  throw new Error(`${path} has no slot`);
}

/** The good app with one stream replaced by what `edit` makes of it; the container is sound. */
export async function withStream(path: string, edit: (bytes: Uint8Array) => Uint8Array): Promise<Uint8Array> {
  const parts: QvfPart[] = [];
  for (const part of await partsOf(await openQvf(memorySource(await goodImage())))) {
    if (part.path !== path) {
      parts.push(part);
      continue;
    }
    const bytes = edit((await part.read()).slice());
    parts.push({ ...part, size: bytes.byteLength, read: async () => bytes });
  }
  return writtenBytes(parts);
}

/** The good app without an entry. */
export async function withoutStream(path: string): Promise<Uint8Array> {
  const parts = await partsOf(await openQvf(memorySource(await goodImage())));
  return writtenBytes(parts.filter((part) => part.path !== path));
}

/** A view to break a file with. */
export function editing(bytes: Uint8Array): {
  u32(at: number, value: number): void;
  i32(at: number, value: number): void;
  u64(at: number, value: bigint | number): void;
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    u32: (at, value) => view.setUint32(at, value, true),
    i32: (at, value) => view.setInt32(at, value, true),
    u64: (at, value) => view.setBigUint64(at, BigInt(value), true),
  };
}

/**
 * Spreads a stream over single sectors in reverse order, its extents in a chain of tables: `depth` of them point on to
 * another. The sectors go to the end of the file.
 */
export async function fragmented(bytes: Uint8Array, path: string, depth: number): Promise<Uint8Array> {
  const { inode, data } = await placeOf(bytes, path);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const allocated = Number(view.getBigUint64(inode + 8, true));
  const sectors = Array.from({ length: allocated / SECTOR }, (_, i) =>
    bytes.slice(data + i * SECTOR, data + (i + 1) * SECTOR),
  );
  const tablesAt = bytes.byteLength;
  const sectorsAt = tablesAt + depth * SECTOR;
  const out = concat([bytes, new Uint8Array(depth * SECTOR), ...sectors.toReversed()]);
  const set = editing(out);
  out.fill(0, data, data + allocated);
  out.fill(0, inode + 0x30, inode + SECTOR);
  let table = inode + 0x30;
  for (let d = 0; d < depth; d++) {
    set.u64(table, tablesAt + d * SECTOR);
    set.u64(table + 8, BigInt(SECTOR) | (1n << 63n));
    table = tablesAt + d * SECTOR;
  }
  sectors.forEach((_, i) => {
    set.u64(table + i * 16, sectorsAt + (sectors.length - 1 - i) * SECTOR);
    set.u64(table + i * 16 + 8, SECTOR);
  });
  return out;
}
