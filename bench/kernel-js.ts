// What one would write without WebAssembly: typed arrays over 32-bit words, no allocation, no BigInt. Records are a
// whole number of words here, which is the best case for JavaScript.

import type { FieldPlace } from "./data.ts";

/** One field to a column. */
export function unpackJs(words: Uint32Array, step: number, from: number, rows: number, f: FieldPlace, out: Int32Array) {
  const mask = 2 ** f.bitWidth - 1;
  const shift = f.bitOffset & 31;
  let at = from * step + (f.bitOffset >>> 5);
  if (shift + f.bitWidth <= 32) {
    for (let r = 0; r < rows; r++, at += step) out[r] = (words[at]! >>> shift) & mask;
  } else {
    for (let r = 0; r < rows; r++, at += step) {
      out[r] = ((words[at]! >>> shift) | (words[at + 1]! << (32 - shift))) & mask;
    }
  }
}

/** All fields of a block of rows, field by field, so that the records stay in the cache. */
export function unpackAllJs(
  words: Uint32Array,
  step: number,
  from: number,
  rows: number,
  fields: readonly FieldPlace[],
  outs: readonly Int32Array[],
) {
  const block = 1024;
  for (let row = 0; row < rows; row += block) {
    const n = Math.min(block, rows - row);
    for (let k = 0; k < fields.length; k++) {
      unpackJs(words, step, from + row, n, fields[k]!, outs[k]!.subarray(row, row + n));
    }
  }
}

/** Rows whose field is allowed, to a bitmap. The field lies within one word. */
export function testJs(
  words: Uint32Array,
  step: number,
  from: number,
  rows: number,
  f: FieldPlace,
  allowed: Uint8Array,
  mask: Uint8Array,
) {
  const valueMask = 2 ** f.bitWidth - 1;
  const shift = f.bitOffset & 31;
  let at = from * step + (f.bitOffset >>> 5);
  for (let r = 0; r < rows; r += 8) {
    let byte = 0;
    for (let bit = 0; bit < 8; bit++, at += step) byte |= allowed[(words[at]! >>> shift) & valueMask]! << bit;
    mask[r >> 3] = byte;
  }
}

/** Allowed rows, copied one after the other; returns how many. */
export function filterJs(
  words: Uint32Array,
  step: number,
  from: number,
  rows: number,
  f: FieldPlace,
  allowed: Uint8Array,
  out: Uint32Array,
): number {
  const valueMask = 2 ** f.bitWidth - 1;
  const shift = f.bitOffset & 31;
  const word = f.bitOffset >>> 5;
  let to = 0;
  let at = from * step;
  for (let r = 0; r < rows; r++, at += step) {
    if (allowed[(words[at + word]! >>> shift) & valueMask] === 0) continue;
    for (let i = 0; i < step; i++) out[to + i] = words[at + i]!;
    to += step;
  }
  return to / step;
}
