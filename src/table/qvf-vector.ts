/**
 * The index vector of a QVF column: `width` bits a row, packed from the least significant bit of the first byte on. For
 * 8, 16 and 32 bits that is a plain array. `bytes` has 8 bytes of room after the first bit of the last row, or is plain.
 */

/**
 * Unpacks the rows `[from, from + count)` into `out`, `bias` added; a negative sum is NULL.
 * Returns the greatest index, -1 if every row is NULL or there is none. `width` is 0-32.
 */
export function unpackVector(
  bytes: Uint8Array,
  width: number,
  bias: number,
  from: number,
  count: number,
  out: Int32Array,
): number {
  if (width === 0) {
    out.fill(bias, 0, count);
    return count === 0 ? -1 : Math.max(bias, -1);
  }
  if (width <= 25) return unpackNarrow(bytes, width, bias, from, count, out);
  return unpackVectorSlowly(bytes, width, bias, from, count, out);
}

/** Up to 25 bits: with a shift of at most 7 they lie within one 32-bit load. */
function unpackNarrow(
  bytes: Uint8Array,
  width: number,
  bias: number,
  from: number,
  count: number,
  out: Int32Array,
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const mask = 2 ** width - 1;
  // Plain arrays end with their last row, so there the last loads of 32 bits would not fit.
  const loads = Math.min(count, Math.max(0, Math.floor(((bytes.byteLength - 4) * 8) / width) + 1 - from));
  let greatest = -1;
  // Bit positions pass 2^32 in long vectors: byte and shift are kept apart.
  let at = Math.floor((from * width) / 8);
  let shift = (from * width) % 8;
  for (let i = 0; i < loads; i++) {
    const index = ((view.getUint32(at, true) >>> shift) & mask) + bias;
    out[i] = index;
    if (index > greatest) greatest = index;
    shift += width;
    at += shift >>> 3;
    shift &= 7;
  }
  if (loads === count) return greatest;
  const rest = unpackVectorSlowly(bytes, width, bias, from + loads, count - loads, out.subarray(loads));
  return Math.max(greatest, rest);
}

/** The same bit by bit: what {@link unpackVector} is held to. */
export function unpackVectorSlowly(
  bytes: Uint8Array,
  width: number,
  bias: number,
  from: number,
  count: number,
  out: Int32Array,
): number {
  let greatest = -1;
  for (let i = 0; i < count; i++) {
    let stored = 0;
    for (let k = 0; k < width; k++) {
      const bit = (from + i) * width + k;
      if ((bytes[Math.floor(bit / 8)]! >> (bit % 8)) & 1) stored += 2 ** k;
    }
    // An index of 2^31 and more belongs to no symbol; it must not wrap to a NULL.
    const index = Math.min(stored + bias, 2 ** 31 - 1);
    out[i] = index;
    if (index > greatest) greatest = index;
  }
  return greatest;
}

/**
 * Packs `count` indexes less `bias` into the rows `[row, row + count)` of `bytes`, a vector of zeros there.
 * @returns false if some `index - bias` does not fit `width` bits: the vector is not to be used then
 */
export function packVector(
  bytes: Uint8Array,
  width: number,
  bias: number,
  row: number,
  indexes: Int32Array,
  count: number,
): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Only packed vectors have room for whole words after their last row.
  const words = width <= 25 && width !== 8 && width !== 16;
  let at = Math.floor((row * width) / 8);
  let shift = (row * width) % 8;
  let all = 0;
  for (let i = 0; i < count; i++) {
    const stored = indexes[i]! - bias;
    all |= stored;
    if (width === 0) continue;
    if (words) view.setUint32(at, view.getUint32(at, true) | (stored << shift), true);
    else packSlowly(bytes, at, shift, width, stored);
    shift += width;
    at += shift >>> 3;
    shift &= 7;
  }
  // A shift by 32 is one by 0.
  return width === 32 || all >>> width === 0;
}

function packSlowly(bytes: Uint8Array, at: number, shift: number, width: number, stored: number): void {
  for (let k = 0; k < width; k++) {
    const bit = shift + k;
    if (Math.floor(stored / 2 ** k) % 2 === 1) bytes[at + (bit >> 3)]! |= 1 << (bit & 7);
  }
}

/** Bits that hold `greatest`; 0 if every row stores 0. */
export function bitsFor(greatest: number): number {
  return greatest <= 0 ? 0 : 32 - Math.clz32(greatest);
}
