import { concat } from "../../bytes/concat.ts";
import { cursor, readBytes, readF64, readU32, readU64, remaining } from "../../bytes/cursor.ts";
import { decodeUtf8, encodeUtf8 } from "../../bytes/utf8.ts";
import { byteWriter, writeBytes, writeF64, writeU32, writeU64, written } from "../../bytes/writer.ts";
import { needs, QErr } from "../../errors.ts";
import { SECTOR } from "./header.ts";

/**
 * One entry of a directory. On disk a first slot and as many continuation slots as its name and meta need:
 *
 *     00  u32 flags    bit 0 in use, bit 1 first slot of an entry, bit 2 subdirectory; other bits are junk in some files
 *     04  u32 n        continuation slots = max(0, ceil((8 + name + meta - 32) / 60))
 *     08  f64 time     OLE automation date
 *     10  u64 inode offset, u64 512
 *     20  32 bytes of body; a continuation slot is u32 1 and 60 bytes of body
 *     body = u32 length, name (UTF-8), u32 length, meta (JSON with its NUL; empty for directories)
 */
export interface DirectoryEntry {
  readonly name: string;
  readonly isDirectory: boolean;
  /** OLE automation date: days since 1899-12-30, as written by Qlik; local or UTC is not known. */
  readonly time: number;
  readonly inode: number;
  /** The meta as stored, with its NUL. */
  readonly meta: Uint8Array;
}

const SLOT = 64;
const FIRST_BODY = 32;
const MORE_BODY = 60;
const IN_USE = 1;
const FIRST = 2;
const DIRECTORY = 4;

function continuationSlots(name: number, meta: number): number {
  return Math.max(0, Math.ceil((8 + name + meta - FIRST_BODY) / MORE_BODY));
}

/**
 * The entries in the data of directory `path` (empty for the root), in slot order. Slots not in use are skipped.
 * @throws `QVF_DIRECTORY` if slots do not fit together, a name is empty, not UTF-8, has a slash or NUL, or comes twice.
 */
export function parseDirectory(data: Uint8Array, path: string): DirectoryEntry[] {
  const part = `directory ${path === "" ? "/" : path}`;
  const entries: DirectoryEntry[] = [];
  const names = new Set<string>();
  const c = cursor(data, part, { code: "QVF_DIRECTORY" });
  while (remaining(c) >= SLOT) {
    const slot = c.offset;
    const flags = readU32(c);
    if ((flags & (IN_USE | FIRST)) !== (IN_USE | FIRST)) {
      // A continuation slot without its first slot is a leftover of an entry that was dropped.
      c.offset = slot + SLOT;
      continue;
    }
    const count = readU32(c);
    const time = readF64(c);
    const inode = readU64(c);
    const length = readU64(c);
    needs(length === SECTOR, "QVF_DIRECTORY", `${part}: slot ${slot / SLOT} names an inode of ${length} bytes`, {
      part,
    });
    needs(count * SLOT <= data.byteLength - slot - SLOT, "QVF_DIRECTORY", `${part}: an entry runs past its end`, {
      part,
    });
    const pieces = [readBytes(c, FIRST_BODY)];
    for (let k = 0; k < count; k++) {
      needs((readU32(c) & (IN_USE | FIRST)) === IN_USE, "QVF_DIRECTORY", `${part}: a continuation slot is missing`, {
        part,
      });
      pieces.push(readBytes(c, MORE_BODY));
    }
    const { name, meta } = parseBody(concat(pieces), part);
    needs(!names.has(name), "QVF_DIRECTORY", `${part}: the name ${JSON.stringify(name)} comes twice`, { part });
    names.add(name);
    entries.push({ name, isDirectory: (flags & DIRECTORY) !== 0, time, inode, meta });
  }
  needs(remaining(c) === 0, "QVF_DIRECTORY", `${part}: ${remaining(c)} bytes are left after the last slot`, { part });
  return entries;
}

function parseBody(body: Uint8Array, part: string): { readonly name: string; readonly meta: Uint8Array } {
  const c = cursor(body, part, { code: "QVF_DIRECTORY" });
  const nameBytes = readBytes(c, readU32(c));
  const meta = readBytes(c, readU32(c));
  const slots = continuationSlots(nameBytes.byteLength, meta.byteLength);
  needs(FIRST_BODY + slots * MORE_BODY === body.byteLength, "QVF_DIRECTORY", `${part}: an entry has spare slots`, {
    part,
  });
  return { name: entryName(nameBytes, part), meta };
}

function entryName(bytes: Uint8Array, part: string): string {
  let name: string;
  try {
    name = decodeUtf8(bytes, part);
  } catch (cause) {
    throw new QErr("QVF_DIRECTORY", `${part}: a name is not UTF-8`, { part, cause });
  }
  // Slash parts a path; NUL, "." and ".." have no place in a name and would escape a folder it is extracted to.
  const good = name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name);
  needs(good, "QVF_DIRECTORY", `${part}: a name is empty or has a slash or NUL`, { part });
  return name;
}

/** The slots of `entries`, twin of {@link parseDirectory}; what follows a body in its last slot is zero. */
export function encodeDirectory(entries: readonly DirectoryEntry[]): Uint8Array {
  const w = byteWriter();
  for (const entry of entries) {
    const name = encodeUtf8(entry.name);
    const slots = continuationSlots(name.byteLength, entry.meta.byteLength);
    const body = new Uint8Array(FIRST_BODY + slots * MORE_BODY);
    const view = new DataView(body.buffer);
    view.setUint32(0, name.byteLength, true);
    body.set(name, 4);
    view.setUint32(4 + name.byteLength, entry.meta.byteLength, true);
    body.set(entry.meta, 8 + name.byteLength);
    writeU32(w, IN_USE | FIRST | (entry.isDirectory ? DIRECTORY : 0));
    writeU32(w, slots);
    writeF64(w, entry.time);
    writeU64(w, entry.inode);
    writeU64(w, SECTOR);
    writeBytes(w, body.subarray(0, FIRST_BODY));
    for (let k = 0; k < slots; k++) {
      writeU32(w, IN_USE);
      writeBytes(w, body.subarray(FIRST_BODY + k * MORE_BODY, FIRST_BODY + (k + 1) * MORE_BODY));
    }
  }
  return written(w);
}
