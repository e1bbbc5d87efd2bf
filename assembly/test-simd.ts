// Columns of at most 8 bits, sixteen rows at a time: a set of 256 symbols is 32 bytes, which two vectors hold, so
// `i8x16.swizzle` looks sixteen symbols up at once and no row reads a table in memory.

import { columnEntries, columnTable, noteBeyond, storedNarrow, widthMask } from "./column";

export const MAX_BYTE_WIDTH: u32 = 8;

// Where a descriptor keeps the set, cut off at its entries.
const SET: usize = 64;
const SET_HIGH: usize = 80;
const TOPS: usize = 96;

/** `n` rows from `at`, whatever the mask held; the index begins `shift` 0-7 bits into a record of `step` bytes. */
export function testBytes(c: usize, at: usize, step: usize, shift: u32, width: u32, n: u32, mask: usize): void {
  const table = columnTable(c);
  const entries = columnEntries(c);
  for (let i: u32 = 0; i < 32; i++) {
    const left = <i32>entries - <i32>(i << 3);
    const valid = left >= 8 ? 0xff : left <= 0 ? 0 : (<u32>1 << left) - 1;
    store<u8>(c + <usize>i, load<u8>(table + <usize>i) & valid, SET);
  }
  testSixteens(c, at, step, shift, width, n >> 4, mask);
  let top: u32 = 0;
  for (let i: usize = 0; i < 16; i++) top = max(top, <u32>load<u8>(c + i, TOPS));
  at += <usize>(n & ~15) * step;
  mask += <usize>(n >> 4) << 1;
  let rest: u32 = 0;
  for (let r: u32 = 0; r < (n & 15); r++, at += step) {
    const stored = storedNarrow(at, shift, widthMask(width));
    top = max(top, stored);
    rest |= ((<u32>load<u8>(c + <usize>(stored >> 3), SET) >> (stored & 7)) & 1) << r;
  }
  // The last word to its end: what is left of it, then zeros.
  if (n & 63) {
    store<u16>(mask, rest);
    for (let i = (n >> 4) + 1; i & 3; i++) {
      mask += 2;
      store<u16>(mask, 0);
    }
  }
  if (top >= entries) noteBeyond(c, top);
}

/** Leaves the greatest stored index of each of its sixteen lanes in the descriptor. */
function testSixteens(c: usize, at: usize, step: usize, shift: u32, width: u32, turns: u32, mask: usize): void {
  if (ASC_FEATURE_SIMD) {
    const low = v128.load(c, SET);
    const high = v128.load(c, SET_HIGH);
    const values = i16x8.splat(<i16>widthMask(width));
    const powers = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
    const none = i8x16.splat(0);
    let tops = none;
    for (; turns != 0; turns--, mask += 2) {
      const a = eight(at, step, none);
      at += step << 3;
      const b = eight(at, step, none);
      at += step << 3;
      const stored = i8x16.narrow_i16x8_u(
        v128.and(i16x8.shr_u(a, <i32>shift), values),
        v128.and(i16x8.shr_u(b, <i32>shift), values),
      );
      tops = i8x16.max_u(tops, stored);
      const byte = v128.and(i16x8.shr_u(stored, 3), i8x16.splat(31));
      // Outside 0-15 `swizzle` gives 0, and so each byte comes from one of the two.
      const found = v128.or(i8x16.swizzle(low, byte), i8x16.swizzle(high, i8x16.sub(byte, i8x16.splat(16))));
      const power = i8x16.swizzle(powers, v128.and(stored, i8x16.splat(7)));
      store<u16>(mask, i8x16.bitmask(i8x16.eq(v128.and(found, power), power)));
    }
    v128.store(c, tops, TOPS);
  }
}

// @ts-ignore: decorator
@inline function eight(at: usize, step: usize, none: v128): v128 {
  const step2 = step << 1;
  const at2 = at + step2;
  const at4 = at + (step2 << 1);
  const at6 = at2 + (step2 << 1);
  let v = v128.load_lane<u16>(at, none, 0);
  v = v128.load_lane<u16>(at + step, v, 1);
  v = v128.load_lane<u16>(at2, v, 2);
  v = v128.load_lane<u16>(at2 + step, v, 3);
  v = v128.load_lane<u16>(at4, v, 4);
  v = v128.load_lane<u16>(at4 + step, v, 5);
  v = v128.load_lane<u16>(at6, v, 6);
  return v128.load_lane<u16>(at6 + step, v, 7);
}
