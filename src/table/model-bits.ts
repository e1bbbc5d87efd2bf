/**
 * Bitsets in 32-bit words. A set of rows has bit r for row r. A set of values (a *state*) has bit 0 for NULL, which is
 * never set, and bit id + 1 for a value, so that a NULL index (-1) fails every test without a branch.
 */
export type Bits = Uint32Array;

export function wordsFor(bits: number): number {
  return Math.ceil(bits / 32);
}

/** `count` bits, all set. */
export function allBits(count: number): Bits {
  const out = new Uint32Array(wordsFor(count)).fill(0xffffffff);
  if (count % 32 !== 0) out[out.length - 1] = 2 ** (count % 32) - 1;
  return out;
}

/** An empty state over `size` values. */
export function noValues(size: number): Bits {
  return new Uint32Array(wordsFor(size + 1));
}

export function hasBit(bits: Bits, at: number): boolean {
  return ((bits[at >>> 5]! >>> (at & 31)) & 1) === 1;
}

/** True if the row is in a set of rows, of which `undefined` is that of all. */
export function hasRow(rows: Bits | undefined, row: number): boolean {
  return rows === undefined || hasBit(rows, row);
}

export function setBit(bits: Bits, at: number): void {
  bits[at >>> 5]! |= 1 << (at & 31);
}

export function andInto(target: Bits, other: Bits): void {
  for (let i = 0; i < target.length; i++) target[i]! &= other[i]!;
}

export function orInto(target: Bits, other: Bits): void {
  for (let i = 0; i < target.length; i++) target[i]! |= other[i]!;
}

export function isEmptySet(bits: Bits): boolean {
  for (let i = 0; i < bits.length; i++) if (bits[i] !== 0) return false;
  return true;
}

/** True if every bit of `a` is in `b`. */
export function isSubset(a: Bits, b: Bits): boolean {
  for (let i = 0; i < a.length; i++) if ((a[i]! & ~b[i]!) !== 0) return false;
  return true;
}

export function countBits(bits: Bits): number {
  let count = 0;
  for (let i = 0; i < bits.length; i++) {
    let x = bits[i]!;
    x -= (x >>> 1) & 0x55555555;
    x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
    count += Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return count;
}

/** The positions of the set bits, ascending. */
export function bitPositions(bits: Bits): Int32Array {
  const out = new Int32Array(countBits(bits));
  let n = 0;
  for (let w = 0; w < bits.length; w++) {
    let word = bits[w]!;
    while (word !== 0) {
      out[n++] = w * 32 + (31 - Math.clz32(word & -word));
      word &= word - 1;
    }
  }
  return out;
}
