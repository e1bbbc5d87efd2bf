// Four values at once. `i8x16.swizzle` brings the four bytes of each value into a lane of its own; WebAssembly has no
// shift by a different count in each lane, so a multiplication by 2^(7 - shift) lines all values up at bit 7, and one
// shift and one AND finish them. That takes 25 bits: wider values go the scalar way.

import {
  COLUMN_BYTES, columnBase, columnBias, columnEntries, columnOffset, columnStride, columnTable, columnWidth, noteBeyond,
  storedNarrow, widthMask,
} from "./column";

const MAX_WIDTH: u32 = 25;

// Where a descriptor keeps what its group needs.
const PICKS: usize = 64;
const FACTORS: usize = 80;
const MASKS: usize = 96;
const BIASES: usize = 112;
/** In place of the picks, when all is done. */
const TOPS: usize = PICKS;

// @ts-ignore: decorator
@inline function groupable(c: usize): bool {
  return columnWidth(c) <= MAX_WIDTH && (columnStride(c) & 7) == 0;
}

/** How many columns from `c` on, four at the most, lie in one window of 16 bytes of the same records. */
export function groupSize(c: usize, left: u32): u32 {
  if (!groupable(c)) return 1;
  const most = min<u32>(left, 4);
  let low = columnOffset(c) >> 3;
  let high = low;
  let size: u32 = 1;
  while (size < most) {
    const d = c + <usize>size * COLUMN_BYTES;
    if (!groupable(d) || columnBase(d) != columnBase(c) || columnStride(d) != columnStride(c)) break;
    const byte = columnOffset(d) >> 3;
    const newLow = min(low, byte);
    const newHigh = max(high, byte);
    // Each value is taken as the four bytes from its first one.
    if (newHigh + 4 - newLow > 16) break;
    low = newLow;
    high = newHigh;
    size += 1;
  }
  return size;
}

/** Columns `c` to `c + size` (2 to 4 of them, as {@link groupSize} found), rows `from` to `from + n`. */
export function unpackGroup(c: usize, size: u32, from: u32, n: u32): void {
  const c1 = c + COLUMN_BYTES;
  const c2 = size > 2 ? c + 2 * COLUMN_BYTES : c1;
  const c3 = size > 3 ? c + 3 * COLUMN_BYTES : c1;
  let low = min(columnOffset(c) >> 3, columnOffset(c1) >> 3);
  low = min(low, min(columnOffset(c2) >> 3, columnOffset(c3) >> 3));
  const step = <usize>(columnStride(c) >> 3);
  const o0 = columnOffset(c), o1 = columnOffset(c1), o2 = columnOffset(c2), o3 = columnOffset(c3);
  const m0 = widthMask(columnWidth(c)), m1 = widthMask(columnWidth(c1));
  const m2 = widthMask(columnWidth(c2)), m3 = widthMask(columnWidth(c3));
  // Byte i of a lane comes from byte (first byte of the value) + i of the window.
  let picks = i32x4.splat(0x03020100);
  picks = i8x16.add(picks, lanes(((o0 >> 3) - low) * 0x01010101, ((o1 >> 3) - low) * 0x01010101,
    ((o2 >> 3) - low) * 0x01010101, ((o3 >> 3) - low) * 0x01010101));
  const factors = lanes(<u32>1 << (7 - (o0 & 7)), <u32>1 << (7 - (o1 & 7)), <u32>1 << (7 - (o2 & 7)), <u32>1 << (7 - (o3 & 7)));
  const masks = lanes(m0, m1, m2, m3);
  const biases = lanes(<u32>columnBias(c), <u32>columnBias(c1), <u32>columnBias(c2), <u32>columnBias(c3));
  v128.store(c, picks, PICKS);
  v128.store(c, factors, FACTORS);
  v128.store(c, masks, MASKS);
  v128.store(c, biases, BIASES);
  const at = columnBase(c) + <usize>low + <usize>from * step;
  const skip = <usize>from << 2;
  if (size == 2) {
    unpackTwo(c, at, step, (n >> 3) << 1, columnTable(c) + skip, columnTable(c1) + skip);
  } else {
    // Where there are three columns, the second one's table takes what is too much first.
    const t0 = columnTable(c) + skip, t1 = columnTable(c1) + skip, t2 = columnTable(c2) + skip, t3 = columnTable(c3) + skip;
    if (isPlain(c) && isPlain(c1) && isPlain(c2) && isPlain(c3)) unpackPlainFour(c, at, step, n >> 3, t0, t1, t2, t3);
    else unpackFour(c, at, step, (n >> 3) << 1, t0, t1, t2, t3);
  }
  noteTop(c, load<u32>(c, TOPS));
  noteTop(c1, load<u32>(c, TOPS + 4));
  if (size > 2) noteTop(c2, load<u32>(c, TOPS + 8));
  if (size > 3) noteTop(c3, load<u32>(c, TOPS + 12));
  for (let row = from + (n & ~7); row < from + n; row++) {
    for (let k: u32 = 0; k < size; k++) one(c + <usize>k * COLUMN_BYTES, row);
  }
}

/** Nothing to add, and no index that a column of this width could store is beyond its table. */
// @ts-ignore: decorator
@inline function isPlain(c: usize): bool {
  return columnBias(c) == 0 && columnEntries(c) > widthMask(columnWidth(c));
}

/**
 * The loops. Their constants come from memory on purpose: with them computed in the same function V8 takes 2.7 times as
 * long (Node 20, measured). They leave the greatest stored indexes in the first descriptor, or zeros where none matters.
 */
function unpackFour(c: usize, at: usize, step: usize, turns: u32, t0: usize, t1: usize, t2: usize, t3: usize): void {
  if (ASC_FEATURE_SIMD) {
    const picks = v128.load(c, PICKS);
    const factors = v128.load(c, FACTORS);
    const masks = v128.load(c, MASKS);
    const biases = v128.load(c, BIASES);
    let tops = i32x4.splat(0);
    for (; turns != 0; turns--) {
      const a = values(at, picks, factors, masks);
      const b = values(at + step, picks, factors, masks);
      const d = values(at + 2 * step, picks, factors, masks);
      const e = values(at + 3 * step, picks, factors, masks);
      at += 4 * step;
      tops = i32x4.max_u(tops, i32x4.max_u(i32x4.max_u(a, b), i32x4.max_u(d, e)));
      storeColumns(i32x4.add(a, biases), i32x4.add(b, biases), i32x4.add(d, biases), i32x4.add(e, biases), t0, t1, t2, t3);
      t0 += 16;
      t1 += 16;
      t2 += 16;
      t3 += 16;
    }
    v128.store(c, tops, TOPS);
  }
}

function unpackPlainFour(c: usize, at: usize, step: usize, turns: u32, t0: usize, t1: usize, t2: usize, t3: usize): void {
  if (ASC_FEATURE_SIMD) {
    const picks = v128.load(c, PICKS);
    const factors = v128.load(c, FACTORS);
    const masks = v128.load(c, MASKS);
    const step2 = step << 1, step3 = step2 + step, step4 = step << 2;
    for (; turns != 0; turns--) {
      const a = values(at, picks, factors, masks);
      const b = values(at + step, picks, factors, masks);
      const d = values(at + step2, picks, factors, masks);
      const e = values(at + step3, picks, factors, masks);
      at += step4;
      storeColumns(a, b, d, e, t0, t1, t2, t3);
      const f = values(at, picks, factors, masks);
      const g = values(at + step, picks, factors, masks);
      const h = values(at + step2, picks, factors, masks);
      const i = values(at + step3, picks, factors, masks);
      at += step4;
      storeColumns(f, g, h, i, t0 + 16, t1 + 16, t2 + 16, t3 + 16);
      t0 += 32;
      t1 += 32;
      t2 += 32;
      t3 += 32;
    }
    v128.store(c, i32x4.splat(0), TOPS);
  }
}

/** Four records of four values become four columns of four rows. */
// @ts-ignore: decorator
@inline function storeColumns(a: v128, b: v128, d: v128, e: v128, t0: usize, t1: usize, t2: usize, t3: usize): void {
  const ab01 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const de01 = v128.shuffle<i32>(d, e, 0, 4, 1, 5);
  const ab23 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const de23 = v128.shuffle<i32>(d, e, 2, 6, 3, 7);
  v128.store(t3, v128.shuffle<i64>(ab23, de23, 1, 3));
  v128.store(t2, v128.shuffle<i64>(ab23, de23, 0, 2));
  v128.store(t1, v128.shuffle<i64>(ab01, de01, 1, 3));
  v128.store(t0, v128.shuffle<i64>(ab01, de01, 0, 2));
}

// @ts-ignore: decorator
@inline function twice(v: v128): v128 {
  return v128.shuffle<i64>(v, v, 0, 0);
}

/** Two columns: two records side by side fill a vector, so there is half as much to shift and to transpose. */
function unpackTwo(c: usize, at: usize, step: usize, turns: u32, t0: usize, t1: usize): void {
  if (ASC_FEATURE_SIMD) {
    const picks = v128.load(c, PICKS);
    // The lanes of the one record, and of the other; a byte from outside the window is 0.
    const none = i64x2.splat(-1);
    const first = v128.shuffle<i64>(picks, none, 0, 2);
    const second = v128.shuffle<i64>(none, picks, 0, 2);
    const factors = twice(v128.load(c, FACTORS));
    const masks = twice(v128.load(c, MASKS));
    const biases = twice(v128.load(c, BIASES));
    let tops = i32x4.splat(0);
    for (; turns != 0; turns--) {
      let a = sideBySide(at, at + step, first, second, factors, masks);
      let b = sideBySide(at + 2 * step, at + 3 * step, first, second, factors, masks);
      at += 4 * step;
      tops = i32x4.max_u(tops, i32x4.max_u(a, b));
      a = i32x4.add(a, biases);
      b = i32x4.add(b, biases);
      v128.store(t1, v128.shuffle<i32>(a, b, 1, 3, 5, 7));
      v128.store(t0, v128.shuffle<i32>(a, b, 0, 2, 4, 6));
      t0 += 16;
      t1 += 16;
    }
    v128.store(c, i32x4.max_u(tops, v128.shuffle<i64>(tops, tops, 1, 0)), TOPS);
  }
}

// @ts-ignore: decorator
@inline function sideBySide(a: usize, b: usize, first: v128, second: v128, factors: v128, masks: v128): v128 {
  const both = v128.or(i8x16.swizzle(v128.load(a), first), i8x16.swizzle(v128.load(b), second));
  return v128.and(i32x4.shr_u(i32x4.mul(both, factors), 7), masks);
}

// @ts-ignore: decorator
@inline function values(at: usize, picks: v128, factors: v128, masks: v128): v128 {
  return v128.and(i32x4.shr_u(i32x4.mul(i8x16.swizzle(v128.load(at), picks), factors), 7), masks);
}

// @ts-ignore: decorator
@inline function lanes(a: u32, b: u32, c: u32, d: u32): v128 {
  let v = i32x4.splat(a);
  v = i32x4.replace_lane(v, 1, b);
  v = i32x4.replace_lane(v, 2, c);
  return i32x4.replace_lane(v, 3, d);
}

// @ts-ignore: decorator
@inline function noteTop(c: usize, top: u32): void {
  if (top >= columnEntries(c)) noteBeyond(c, top);
}

// @ts-ignore: decorator
@inline function one(c: usize, row: u32): void {
  const offset = columnOffset(c);
  const at = columnBase(c) + <usize>row * <usize>(columnStride(c) >> 3) + <usize>(offset >> 3);
  const stored = storedNarrow(at, offset & 7, widthMask(columnWidth(c)));
  noteTop(c, stored);
  store<i32>(columnTable(c) + (<usize>row << 2), <i32>stored + columnBias(c));
}

/**
 * A bit vector of one column, from a byte border: eight values of `width` bits are `width` bytes, so two windows of four
 * values come back at every eighth row. Returns the greatest stored index.
 */
export function unpackVector(c: usize, at: usize, to: usize, n: u32): u32 {
  const width = columnWidth(c);
  const half = width << 2; // bits of four values
  v128.store(c, vectorPicks(0, width), PICKS);
  v128.store(c, vectorFactors(0, width), FACTORS);
  v128.store(c, vectorPicks(half & 7, width), MASKS);
  v128.store(c, vectorFactors(half & 7, width), BIASES);
  let top = unpackEights(c, at, <usize>(half >> 3), <usize>width, to, n >> 3);
  at += <usize>(n >> 3) * <usize>width;
  const end = to + (<usize>n << 2);
  const mask = widthMask(width);
  const bias = columnBias(c);
  let bit: u32 = 0;
  for (let p = to + (<usize>(n & ~7) << 2); p < end; p += 4, bit += width) {
    const stored = <u32>(load<u64>(at + <usize>(bit >> 3)) >> <u64>(bit & 7)) & mask;
    top = max(top, stored);
    store<i32>(p, <i32>stored + bias);
  }
  return top;
}

function unpackEights(c: usize, at: usize, second: usize, step: usize, to: usize, turns: u32): u32 {
  const picks0 = v128.load(c, PICKS);
  const factors0 = v128.load(c, FACTORS);
  const picks1 = v128.load(c, MASKS);
  const factors1 = v128.load(c, BIASES);
  const masks = i32x4.splat(widthMask(columnWidth(c)));
  const biases = i32x4.splat(columnBias(c));
  let tops = i32x4.splat(0);
  for (; turns != 0; turns--) {
    const a = values(at, picks0, factors0, masks);
    const b = values(at + second, picks1, factors1, masks);
    tops = i32x4.max_u(tops, i32x4.max_u(a, b));
    v128.store(to, i32x4.add(a, biases));
    v128.store(to, i32x4.add(b, biases), 16);
    at += step;
    to += 32;
  }
  return max(
    max(<u32>i32x4.extract_lane(tops, 0), <u32>i32x4.extract_lane(tops, 1)),
    max(<u32>i32x4.extract_lane(tops, 2), <u32>i32x4.extract_lane(tops, 3)),
  );
}

function vectorPicks(bit: u32, width: u32): v128 {
  return i8x16.add(i32x4.splat(0x03020100), lanes((bit >> 3) * 0x01010101, ((bit + width) >> 3) * 0x01010101,
    ((bit + 2 * width) >> 3) * 0x01010101, ((bit + 3 * width) >> 3) * 0x01010101));
}

function vectorFactors(bit: u32, width: u32): v128 {
  return lanes(<u32>1 << (7 - (bit & 7)), <u32>1 << (7 - ((bit + width) & 7)), <u32>1 << (7 - ((bit + 2 * width) & 7)),
    <u32>1 << (7 - ((bit + 3 * width) & 7)));
}
