import { QErr } from "../../errors.ts";
import { SECTOR } from "./header.ts";

/**
 * Which sectors of a file are spoken for. Every inode, extent table and extent claims its sectors before it is read, so
 * a loop, a shared sector or a place outside the file is an error and the walk of any file ends.
 */
export interface Claims {
  /**
   * Takes `[offset, offset + length)` for `part`; `length` is rounded up to whole sectors.
   * @throws `QVF_EXTENT` if the range is not aligned, not inside the file, or taken already.
   */
  take(offset: number, length: number, part: string): void;
  /** Sectors taken so far. */
  readonly taken: number;
}

/** Claims over a file of `size` bytes: one bit a sector. */
export function sectorClaims(size: number): Claims {
  const sectors = Math.floor(size / SECTOR);
  const bits = new Uint8Array(Math.ceil(sectors / 8));
  let taken = 0;
  return {
    get taken() {
      return taken;
    },
    take(offset, length, part) {
      const place = { part, offset, length };
      if (offset % SECTOR !== 0 || length < 1) {
        throw new QErr("QVF_EXTENT", `${part}: extent ${offset}+${length} is not made of sectors`, place);
      }
      const first = offset / SECTOR;
      const count = Math.ceil(length / SECTOR);
      if (first > sectors - count) {
        throw new QErr("QVF_EXTENT", `${part}: extent ${offset}+${length} is outside the file (${size} bytes)`, place);
      }
      for (let i = first; i < first + count; i++) {
        if ((bits[i >> 3]! >> (i & 7)) & 1) {
          throw new QErr("QVF_EXTENT", `${part}: sector at ${i * SECTOR} is used twice`, { part, offset: i * SECTOR });
        }
        bits[i >> 3]! |= 1 << (i & 7);
      }
      taken += count;
    },
  };
}
