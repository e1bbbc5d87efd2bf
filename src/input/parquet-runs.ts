import { needs } from "../errors.ts";

/** Values a run may have beyond those that are wanted: writers fill up their last groups. */
const FILL = 504;

function check(condition: boolean): asserts condition {
  needs(condition, "IMPORT_SYNTAX", "a page of the Parquet file is damaged");
}

/** A cursor over `bytes` for unsigned varints of 32 bits. */
function varints(bytes: Uint8Array, from: number) {
  let at = from;
  return {
    at: () => at,
    skip(length: number) {
      at += length;
      check(at <= bytes.byteLength);
    },
    next(): number {
      let value = 0;
      for (let shift = 0; shift < 35; shift += 7) {
        check(at < bytes.byteLength);
        const byte = bytes[at++]!;
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) return value >>> 0;
      }
      return check(false) as never;
    },
  };
}

/**
 * Checks the runs of RLE and bit-packed values from `from` on: that together they are `count` values and hardly more.
 * A run is two bytes and may claim a thousand million values, which would be written out.
 * @param width bits of a value
 * @returns how many of the `count` values are odd: of definition levels, those that are there
 * @throws `IMPORT_SYNTAX`
 */
export function checkRuns(bytes: Uint8Array, from: number, width: number, count: number): number {
  check(width <= 32);
  const c = varints(bytes, from);
  let odd = 0;
  for (let seen = 0; seen < count; ) {
    const head = c.next();
    const packed = (head & 1) === 1;
    const values = packed ? (head >>> 1) * 8 : head >>> 1;
    check(values <= count - seen + FILL);
    const used = Math.min(values, count - seen);
    const at = c.at();
    if (packed) {
      // The last group may be cut off behind its last value.
      c.skip(Math.min((head >>> 1) * width, bytes.byteLength - at));
      if (width === 1) for (let i = 0; i < used; i++) odd += ((bytes[at + (i >> 3)] ?? 0) >> (i & 7)) & 1;
    } else {
      c.skip((width + 7) >> 3);
      odd += width > 0 && (bytes[at]! & 1) === 1 ? used : 0;
    }
    seen += values;
  }
  return odd;
}

/** Sum of delta-coded integers (INT32), each from 0 on, and where they end. */
interface Deltas {
  readonly sum: number;
  readonly end: number;
}

/**
 * Checks the head of delta-coded integers: that blocks have values, so that reading gets on.
 * @throws `IMPORT_SYNTAX`
 */
export function checkDeltas(bytes: Uint8Array, from: number, count: number): void {
  if (count > 0) deltaHead(varints(bytes, from), count);
}

function deltaHead(c: ReturnType<typeof varints>, count: number): { readonly parts: number; readonly values: number } {
  const block = c.next();
  const parts = c.next();
  check(block >= 1 && block <= 65_536 && parts >= 1 && parts <= 512 && block % parts === 0);
  check(c.next() >= count);
  return { parts, values: block / parts };
}

/**
 * Adds up delta-coded lengths. Of texts that share their beginnings the sum is what they come to when written out.
 * @throws `IMPORT_SYNTAX`
 */
export function sumDeltas(bytes: Uint8Array, from: number, count: number): Deltas {
  const c = varints(bytes, from);
  const { parts, values } = deltaHead(c, count);
  const zigzag = (value: number) => (value >>> 1) ^ -(value & 1);
  let value = zigzag(c.next());
  check(value >= 0);
  let sum = value;
  for (let read = 1; read < count; ) {
    const least = zigzag(c.next());
    const widths = bytes.subarray(c.at(), c.at() + parts);
    c.skip(parts);
    for (const width of widths) {
      if (read >= count) break;
      check(width <= 32);
      const at = c.at();
      c.skip(Math.min(Math.ceil((values * width) / 8), bytes.byteLength - at));
      for (let i = 0; i < values && read < count; i++, read++) {
        value = (value + least + bitsAt(bytes, at * 8 + i * width, width)) | 0;
        check(value >= 0);
        sum += value;
      }
    }
  }
  return { sum, end: c.at() };
}

function bitsAt(bytes: Uint8Array, bit: number, width: number): number {
  let value = 0;
  for (let i = 0; i < width; i++) value |= (((bytes[(bit + i) >> 3] ?? 0) >> ((bit + i) & 7)) & 1) << i;
  return value;
}
