import { type Cursor, cursor, readU64 } from "../../bytes/cursor.ts";
import { byteWriter, reserve, writeU64, written } from "../../bytes/writer.ts";
import { needs, QErr } from "../../errors.ts";
import { MAX_QVF_EXTENT_DEPTH } from "../../limits.ts";
import type { ByteSource } from "../../source/source.ts";
import type { Claims } from "./claims.ts";
import { SECTOR } from "./header.ts";

/**
 *     00  u64 size          bytes in use
 *     08  u64 allocated     sum of the data extents
 *     10  16 bytes          0x11 for files and subdirectories, 0x00 for the root directory
 *     20  u64 0x30 + own offset, u64 464 | 2^63      the extent table inside this sector
 *     30  29 entries        u64 offset, u64 length; bit 63 of the length = another table of entries, else data;
 *                           length 0 ends a table
 */
export interface Inode {
  readonly offset: number;
  readonly size: number;
  readonly allocated: number;
  readonly extents: readonly Extent[];
}

export interface Extent {
  readonly offset: number;
  readonly length: number;
}

const TABLE_AT = 0x30;
const TABLE_BYTES = SECTOR - TABLE_AT;
const ENTRY = 16;
const INDIRECT = 1n << 63n;
const FILE_MARK = 0x11;

/**
 * Reads the inode at `offset` with all of its extent tables. Tables and extents are claimed; the inode's own sector was
 * claimed by the directory that names it.
 * @throws `QVF_INODE` if the inode contradicts itself, `QVF_EXTENT` if an extent is impossible.
 */
export async function readInode(source: ByteSource, offset: number, claims: Claims, part: string): Promise<Inode> {
  const sector = await source.read(offset, SECTOR);
  const c = cursor(sector, `inode of ${part}`, { base: offset, code: "QVF_INODE" });
  const size = readU64(c);
  const allocated = readU64(c);
  c.offset = 0x20;
  const pointer = readU64(c);
  const length = c.view.getBigUint64(c.offset, true);
  if (pointer !== offset + TABLE_AT || length !== (BigInt(TABLE_BYTES) | INDIRECT)) {
    throw new QErr("QVF_INODE", `inode of ${part} does not point to its own extent table`, { part, offset });
  }
  c.offset = TABLE_AT;
  const extents: Extent[] = [];
  await readTable(c, 1);
  const sum = extents.reduce((total, extent) => total + extent.length, 0);
  if (sum !== allocated || size > allocated) {
    throw new QErr("QVF_INODE", `${part}: size ${size}, allocated ${allocated}, extents hold ${sum} bytes`, {
      part,
      offset,
    });
  }
  return { offset, size, allocated, extents };

  async function readTable(table: Cursor, depth: number): Promise<void> {
    needs(depth <= MAX_QVF_EXTENT_DEPTH, "QVF_EXTENT", `${part}: extent tables are nested too deep`, { part, offset });
    while (table.end - table.offset >= ENTRY) {
      const at = readU64(table);
      const raw = table.view.getBigUint64(table.offset, true);
      table.offset += 8;
      if (raw === 0n) return;
      const bytes = Number(raw & ~INDIRECT);
      if (raw & INDIRECT) {
        claims.take(at, bytes, part);
        const inner = await source.read(at, bytes);
        await readTable(cursor(inner, `extent table of ${part}`, { base: at, code: "QVF_INODE" }), depth + 1);
      } else {
        needs(bytes % SECTOR === 0, "QVF_EXTENT", `${part}: extent of ${bytes} bytes is not made of sectors`, {
          part,
          offset: at,
        });
        claims.take(at, bytes, part);
        extents.push({ offset: at, length: bytes });
      }
    }
  }
}

/** `length` bytes of a stream from `from`, gathered over its extents. The caller has checked the range. */
export async function readExtents(source: ByteSource, inode: Inode, from: number, length: number): Promise<Uint8Array> {
  let at = 0;
  const pieces: Extent[] = [];
  for (const extent of inode.extents) {
    const start = Math.max(from, at);
    const end = Math.min(from + length, at + extent.length);
    if (start < end) pieces.push({ offset: extent.offset + start - at, length: end - start });
    at += extent.length;
  }
  if (pieces.length === 1) return source.read(pieces[0]!.offset, length);
  const out = new Uint8Array(length);
  let filled = 0;
  for (const piece of pieces) {
    await source.readInto(piece.offset, out.subarray(filled, filled + piece.length));
    filled += piece.length;
  }
  return out;
}

/** The sector of an inode whose data lies in one extent, or in none. */
export function encodeInode(offset: number, size: number, extent: Extent | undefined, isRoot: boolean): Uint8Array {
  const w = byteWriter(SECTOR);
  writeU64(w, size);
  writeU64(w, extent?.length ?? 0);
  const mark = reserve(w, 16);
  if (!isRoot) w.bytes.fill(FILE_MARK, mark, mark + 16);
  writeU64(w, offset + TABLE_AT);
  const at = reserve(w, SECTOR - w.length);
  w.view.setBigUint64(at, BigInt(TABLE_BYTES) | INDIRECT, true);
  if (extent !== undefined) {
    w.view.setBigUint64(TABLE_AT, BigInt(extent.offset), true);
    w.view.setBigUint64(TABLE_AT + 8, BigInt(extent.length), true);
  }
  return written(w);
}
