import { needs } from "../errors.ts";

/**
 * Walks a SNAPPY block without unpacking it, and says how many bytes it unpacks to. The library that unpacks takes the
 * length of a literal for a signed number and would go back and forth in the block; and it is given its output at the
 * length that a page header claims, which is compared before anything of that length is allocated.
 * Source: the format description of snappy, parts 1 and 2.
 * @throws `IMPORT_SYNTAX` if an element ends behind the block, or copies from before its beginning
 */
export function snappyLength(packed: Uint8Array): number {
  const end = packed.byteLength;
  const little = (from: number, count: number): number => {
    damagedUnless(from + count <= end);
    let value = 0;
    for (let i = 0; i < count; i++) value += packed[from + i]! * 2 ** (8 * i);
    return value;
  };
  let at = 0;
  while (at < end && packed[at]! >= 128) at += 1;
  at += 1;
  let length = 0;
  while (at < end) {
    const tag = packed[at]!;
    const kind = tag & 3;
    at += 1;
    if (kind === 0) {
      // 60 to 63 stand for a length in the one to four bytes that follow.
      const more = Math.max(0, (tag >>> 2) - 59);
      const literal = (more === 0 ? tag >>> 2 : little(at, more)) + 1;
      at += more + literal;
      damagedUnless(at <= end);
      length += literal;
      continue;
    }
    const bytes = kind === 3 ? 4 : kind;
    const offset = little(at, bytes) + (kind === 1 ? (tag >>> 5) * 256 : 0);
    damagedUnless(offset > 0 && offset <= length);
    at += bytes;
    length += kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
  }
  return length;
}

function damagedUnless(condition: boolean): void {
  needs(condition, "IMPORT_SYNTAX", "a page of the Parquet file does not unpack");
}
