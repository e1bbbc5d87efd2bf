// CRC-32C, eight bytes at a time ("slicing by 8"): table k holds the remainder of a byte followed by k zero bytes.

/** 8 tables of 256 words, in the kernel's own memory below the arena. */
const TABLES: usize = 1024;

/** Fills the constant tables. Every instance on a shared memory writes the same. */
export function init(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let rest = i;
    for (let bit = 0; bit < 8; bit++) rest = (rest >> 1) ^ (rest & 1 ? 0x82f63b78 : 0);
    store<u32>(TABLES + (<usize>i << 2), rest);
  }
  for (let k: usize = 1; k < 8; k++) {
    for (let i: usize = 0; i < 256; i++) {
      const before = load<u32>(TABLES + ((k - 1) << 10) + (i << 2));
      store<u32>(TABLES + (k << 10) + (i << 2), (before >> 8) ^ entry(0, before & 0xff));
    }
  }
}

// @ts-ignore: decorator
@inline function entry(k: usize, byte: u32): u32 {
  return load<u32>(TABLES + (k << 10) + (<usize>byte << 2));
}

export function crc32c(at: usize, length: usize, crc: u32): u32 {
  let rest = ~crc;
  const end = at + length;
  for (; at + 8 <= end; at += 8) {
    const low = load<u32>(at) ^ rest;
    const high = load<u32>(at, 4);
    rest = entry(7, low & 0xff) ^ entry(6, (low >> 8) & 0xff) ^ entry(5, (low >> 16) & 0xff) ^ entry(4, low >> 24)
      ^ entry(3, high & 0xff) ^ entry(2, (high >> 8) & 0xff) ^ entry(1, (high >> 16) & 0xff) ^ entry(0, high >> 24);
  }
  for (; at < end; at++) rest = (rest >> 8) ^ entry(0, (rest ^ load<u8>(at)) & 0xff);
  return ~rest;
}
