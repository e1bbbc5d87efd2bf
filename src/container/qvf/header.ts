import { cursor, readU32, readU64 } from "../../bytes/cursor.ts";
import { byteWriter, reserve, written } from "../../bytes/writer.ts";
import { needs, QErr } from "../../errors.ts";

/** Everything in a QVF is counted in sectors of this many bytes. */
export const SECTOR = 512;

const MAGIC = 0x0001ffff;
/** The number after the magic; a QVW carries the same at offset 4. */
const FAMILY = 1729;
const ROOT_POINTER = 0x40;

/** True if `head` (8 bytes or more) begins like a QVF. */
export function isQvf(head: Uint8Array): boolean {
  if (head.byteLength < 8) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return view.getUint32(0, true) === MAGIC && view.getUint32(4, true) === FAMILY;
}

/**
 * Reads the header sector (512 bytes) and returns the byte offset of the root directory's inode.
 * @throws `QVF_HEADER` if it is not the header of a QVF with 512-byte sectors.
 */
export function parseHeader(sector: Uint8Array): { readonly root: number } {
  needs(isQvf(sector), "QVF_HEADER", "the file does not begin like a QVF", { part: "header", offset: 0 });
  const c = cursor(sector, "header", { code: "QVF_HEADER" });
  c.offset = 8;
  const fixed = [readU32(c), readU32(c), readU32(c)];
  if (fixed[0] !== 0 || fixed[1] !== SECTOR || fixed[2] !== 1) {
    throw new QErr(
      "QVF_HEADER",
      `header says version ${fixed[0]}, sector size ${fixed[1]}; known are 0 and ${SECTOR}`,
      {
        part: "header",
        offset: 8,
      },
    );
  }
  c.offset = ROOT_POINTER;
  const root = readU64(c);
  const length = readU64(c);
  needs(length === SECTOR && root >= SECTOR && root % SECTOR === 0, "QVF_HEADER", "the root directory has no place", {
    part: "header",
    offset: ROOT_POINTER,
  });
  return { root };
}

/** The header sector of a file whose root inode is at `root`. */
export function encodeHeader(root: number): Uint8Array {
  const w = byteWriter(SECTOR);
  reserve(w, SECTOR);
  w.view.setUint32(0, MAGIC, true);
  w.view.setUint32(4, FAMILY, true);
  w.view.setUint32(12, SECTOR, true);
  w.view.setUint32(16, 1, true);
  w.view.setBigUint64(ROOT_POINTER, BigInt(root), true);
  w.view.setBigUint64(ROOT_POINTER + 8, BigInt(SECTOR), true);
  return written(w);
}
