// What one would write without WebAssembly: loops over typed arrays of 32-bit words, without allocation or BigInt, and
// beside each the same loop unrolled by hand, which is the fastest JavaScript we know of. Words are signed, since V8 keeps
// those in integer registers. Records are a whole number of words here, which is the best case for JavaScript.

import type { FieldPlace } from "./data.ts";

/** Records from row 0 on. */
export interface Words {
  readonly words: Int32Array;
  /** Words a record. */
  readonly step: number;
}

/** One field of rows `from` to `from + rows` to a column, from row `to` of it on. */
export type UnpackJs = (r: Words, from: number, rows: number, f: FieldPlace, out: Int32Array, to: number) => void;

export const unpackJs: UnpackJs = ({ words, step }, from, rows, f, out, to) => {
  const mask = (1 << f.bitWidth) - 1;
  const shift = f.bitOffset & 31;
  const end = to + rows;
  let at = from * step + (f.bitOffset >>> 5);
  if (shift + f.bitWidth <= 32) {
    for (let r = to; r < end; r++, at += step) out[r] = (words[at]! >>> shift) & mask;
  } else {
    const rest = 32 - shift;
    for (let r = to; r < end; r++, at += step) out[r] = ((words[at]! >>> shift) | (words[at + 1]! << rest)) & mask;
  }
};

/** Four rows a turn. */
export const unpackFourJs: UnpackJs = ({ words, step }, from, rows, f, out, to) => {
  const mask = (1 << f.bitWidth) - 1;
  const shift = f.bitOffset & 31;
  const end = to + rows;
  const [step2, step3, step4] = [2 * step, 3 * step, 4 * step];
  let at = from * step + (f.bitOffset >>> 5);
  let r = to;
  if (shift + f.bitWidth <= 32) {
    for (; r < end - 3; r += 4, at += step4) {
      out[r] = (words[at]! >>> shift) & mask;
      out[r + 1] = (words[at + step]! >>> shift) & mask;
      out[r + 2] = (words[at + step2]! >>> shift) & mask;
      out[r + 3] = (words[at + step3]! >>> shift) & mask;
    }
    for (; r < end; r++, at += step) out[r] = (words[at]! >>> shift) & mask;
  } else {
    const rest = 32 - shift;
    for (; r < end; r++, at += step) out[r] = ((words[at]! >>> shift) | (words[at + 1]! << rest)) & mask;
  }
};

/** Rows a block: its records stay in the cache while field after field is taken from them. */
const BLOCK = 1024;

/** All fields of some rows, to the beginning of the columns. */
export function unpackAllJs(
  unpack: UnpackJs,
  records: Words,
  from: number,
  rows: number,
  fields: readonly FieldPlace[],
  outs: readonly Int32Array[],
): void {
  for (let row = 0; row < rows; row += BLOCK) {
    const n = Math.min(BLOCK, rows - row);
    for (let k = 0; k < fields.length; k++) unpack(records, from + row, n, fields[k]!, outs[k]!, row);
  }
}

/** Rows whose field is allowed, to a bitmap. The field lies within one word. */
export type TestJs = (
  r: Words,
  from: number,
  rows: number,
  f: FieldPlace,
  allowed: Uint8Array,
  mask: Uint8Array,
) => void;

export const testJs: TestJs = ({ words, step }, from, rows, f, allowed, mask) => {
  const valueMask = (1 << f.bitWidth) - 1;
  const shift = f.bitOffset & 31;
  let at = from * step + (f.bitOffset >>> 5);
  for (let r = 0; r < rows; r += 8) {
    let byte = 0;
    for (let bit = 0; bit < 8; bit++, at += step) byte |= allowed[(words[at]! >>> shift) & valueMask]! << bit;
    mask[r >> 3] = byte;
  }
};

/** Eight rows a turn. */
export const testEightJs: TestJs = ({ words, step }, from, rows, f, allowed, mask) => {
  const valueMask = (1 << f.bitWidth) - 1;
  const shift = f.bitOffset & 31;
  const [step2, step3, step4] = [2 * step, 3 * step, 4 * step];
  let at = from * step + (f.bitOffset >>> 5);
  for (let r = 0; r < rows; r += 8, at += step4) {
    let byte = allowed[(words[at]! >>> shift) & valueMask]!;
    byte |= allowed[(words[at + step]! >>> shift) & valueMask]! << 1;
    byte |= allowed[(words[at + step2]! >>> shift) & valueMask]! << 2;
    byte |= allowed[(words[at + step3]! >>> shift) & valueMask]! << 3;
    at += step4;
    byte |= allowed[(words[at]! >>> shift) & valueMask]! << 4;
    byte |= allowed[(words[at + step]! >>> shift) & valueMask]! << 5;
    byte |= allowed[(words[at + step2]! >>> shift) & valueMask]! << 6;
    byte |= allowed[(words[at + step3]! >>> shift) & valueMask]! << 7;
    mask[r >> 3] = byte;
  }
};

/** Allowed rows, copied one after the other from word `to` on; returns how many. `chosen` has room for all rows. */
export type FilterJs = (
  r: Words,
  from: number,
  rows: number,
  f: FieldPlace,
  allowed: Uint8Array,
  chosen: Int32Array,
  out: Int32Array,
  to: number,
) => number;

/** First which, then the copies: quicker than both in one loop. */
export const filterJs: FilterJs = ({ words, step }, from, rows, f, allowed, chosen, out, to) => {
  const valueMask = (1 << f.bitWidth) - 1;
  const shift = f.bitOffset & 31;
  const word = f.bitOffset >>> 5;
  let kept = 0;
  let at = from * step;
  for (let r = 0; r < rows; r++, at += step) {
    if (allowed[(words[at + word]! >>> shift) & valueMask] !== 0) chosen[kept++] = at;
  }
  return copyChosen(words, step, chosen, kept, out, to);
};

/** Four rows a turn, of which mostly none is allowed. */
export const filterFourJs: FilterJs = ({ words, step }, from, rows, f, allowed, chosen, out, to) => {
  const valueMask = (1 << f.bitWidth) - 1;
  const shift = f.bitOffset & 31;
  const [step2, step3, step4] = [2 * step, 3 * step, 4 * step];
  const word = f.bitOffset >>> 5;
  let kept = 0;
  let at = from * step;
  for (let r = 0; r < rows; r += 4, at += step4) {
    const a = allowed[(words[at + word]! >>> shift) & valueMask]!;
    const b = allowed[(words[at + word + step]! >>> shift) & valueMask]!;
    const c = allowed[(words[at + word + step2]! >>> shift) & valueMask]!;
    const d = allowed[(words[at + word + step3]! >>> shift) & valueMask]!;
    if ((a | b | c | d) === 0) continue;
    chosen[kept] = at;
    kept += a;
    chosen[kept] = at + step;
    kept += b;
    chosen[kept] = at + step2;
    kept += c;
    chosen[kept] = at + step3;
    kept += d;
  }
  return copyChosen(words, step, chosen, kept, out, to);
};

function copyChosen(
  words: Int32Array,
  step: number,
  chosen: Int32Array,
  kept: number,
  out: Int32Array,
  to: number,
): number {
  for (let k = 0; k < kept; k++, to += step) {
    const at = chosen[k]!;
    for (let i = 0; i < step; i++) out[to + i] = words[at + i]!;
  }
  return kept;
}
