/**
 * Bit-packed records, the readable version (format notes 1.4). A record is one little-endian integer of `recordBytes`
 * bytes; a field is `width` bits of it from `bitOffset`; `index = raw + bias`, and a negative index is NULL.
 *
 * Fields are up to 32 bits wide at any bit, so one may reach over 5 bytes: the low word holds its first 32 bits from
 * the byte it begins in, the fifth byte the rest.
 */

/** Bytes that may be read behind the last record, so that every field can be read as a whole word. */
export const RECORD_SLACK = 8;

/**
 * Unpacks one field of `rows` records.
 * @param records `rows * recordBytes` bytes, then at least {@link RECORD_SLACK} more of any content
 * @param out at least `rows` long; receives `raw + bias`
 * @returns the greatest index; -Infinity if there are no rows
 */
export function unpackField(
  records: Uint8Array,
  recordBytes: number,
  rows: number,
  bitOffset: number,
  width: number,
  bias: number,
  out: Int32Array,
): number {
  if (rows === 0) return Number.NEGATIVE_INFINITY;
  if (width === 0) {
    out.fill(bias, 0, rows);
    return bias;
  }
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const shift = bitOffset & 7;
  const mask = width === 32 ? 0xffffffff : (1 << width) - 1;
  let at = bitOffset >>> 3;
  let greatest = Number.NEGATIVE_INFINITY;
  if (shift + width <= 32) {
    for (let row = 0; row < rows; row++, at += recordBytes) {
      const index = (((view.getUint32(at, true) >>> shift) & mask) >>> 0) + bias;
      out[row] = index;
      if (index > greatest) greatest = index;
    }
    return greatest;
  }
  for (let row = 0; row < rows; row++, at += recordBytes) {
    const low = view.getUint32(at, true) >>> shift;
    const high = view.getUint8(at + 4) << (32 - shift);
    const index = (((low | high) & mask) >>> 0) + bias;
    out[row] = index;
    if (index > greatest) greatest = index;
  }
  return greatest;
}

/**
 * Packs one field into `rows` records, by OR: the records' bits of this field must be zero before.
 * @param indexes at least `rows` long
 * @param records `rows * recordBytes` bytes, then at least {@link RECORD_SLACK} more, which stay zero
 * @returns false if some `index - bias` does not fit `width` bits: the records are not to be used then
 */
export function packField(
  records: Uint8Array,
  recordBytes: number,
  rows: number,
  bitOffset: number,
  width: number,
  bias: number,
  indexes: Int32Array,
): boolean {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const shift = bitOffset & 7;
  let at = bitOffset >>> 3;
  let all = 0;
  if (width === 0) {
    for (let row = 0; row < rows; row++) all |= indexes[row]! - bias;
  } else if (shift + width <= 32) {
    for (let row = 0; row < rows; row++, at += recordBytes) {
      const raw = indexes[row]! - bias;
      all |= raw;
      view.setUint32(at, view.getUint32(at, true) | (raw << shift), true);
    }
  } else {
    for (let row = 0; row < rows; row++, at += recordBytes) {
      const raw = indexes[row]! - bias;
      all |= raw;
      view.setUint32(at, view.getUint32(at, true) | (raw << shift), true);
      view.setUint8(at + 4, view.getUint8(at + 4) | (raw >>> (32 - shift)));
    }
  }
  // A shift by 32 is one by 0.
  return width === 32 || all >>> width === 0;
}
