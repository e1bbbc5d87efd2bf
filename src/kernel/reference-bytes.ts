/** CRC-32C, bit by bit (RFC 3720 B.4): reflected polynomial 0x82F63B78, all bits inverted before and after. */
export function crc32c(bytes: Uint8Array, at: number, length: number, crc: number): number {
  let rest = ~crc;
  for (let i = at; i < at + length; i++) {
    rest ^= bytes[i]!;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0x82f63b78 : 0);
  }
  return ~rest >>> 0;
}

/** Length of the longest prefix of whole well-formed characters; the rows of Unicode 15, table 3-7. */
export function utf8Prefix(bytes: Uint8Array, at: number, length: number): number {
  const end = at + length;
  let i = at;
  while (i < end) {
    const size = characterAt(bytes, i, end);
    if (size === 0) break;
    i += size;
  }
  return i - at;
}

/** Bytes of the character that begins at `i`, 0 if it is not well-formed. */
function characterAt(bytes: Uint8Array, i: number, end: number): number {
  const a = bytes[i]!;
  if (a < 0x80) return 1;
  if (a < 0xc2 || a > 0xf4) return 0;
  const size = a < 0xe0 ? 2 : a < 0xf0 ? 3 : 4;
  if (i + size > end) return 0;
  const b = bytes[i + 1]!;
  // No overlong forms (E0, F0), no surrogates (ED), nothing above U+10FFFF (F4).
  const least = a === 0xe0 ? 0xa0 : a === 0xf0 ? 0x90 : 0x80;
  const most = a === 0xed ? 0x9f : a === 0xf4 ? 0x8f : 0xbf;
  if (b < least || b > most) return 0;
  for (let k = 2; k < size; k++) if ((bytes[i + k]! & 0xc0) !== 0x80) return 0;
  return size;
}
