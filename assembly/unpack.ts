import {
  COLUMN_BYTES, columnBase, columnBias, columnEntries, columnOffset, columnStride, columnTable, columnWidth, noteBeyond,
  storedAt, storedNarrow, storedWide, widthMask,
} from "./column";
import { groupSize, unpackGroup, unpackVector } from "./unpack-simd";

/** What a block of rows may take of the second-level cache, records and indexes together. */
const BLOCK_BYTES: u32 = 256 * 1024;
const MAX_BLOCK: u32 = 4096;

export function unpack(columns: usize, count: u32, rows: u32): void {
  if (rows == 0 || count == 0) return;
  // Field by field over a block that stays in the cache; a block is a multiple of 8 rows, so vectors stay on bytes.
  const block = blockRows(columnStride(columns) >> 3, count);
  for (let from: u32 = 0; from < rows; from += block) {
    const n = min(block, rows - from);
    for (let k: u32 = 0; k < count;) {
      const c = columns + <usize>k * COLUMN_BYTES;
      if (ASC_FEATURE_SIMD) {
        const size = groupSize(c, count - k);
        if (size > 1) {
          unpackGroup(c, size, from, n);
          k += size;
          continue;
        }
      }
      unpackColumn(c, from, n);
      k += 1;
    }
  }
}

function blockRows(recordBytes: u32, count: u32): u32 {
  const rows = BLOCK_BYTES / (recordBytes + 4 * count + 1);
  return max(64, min(MAX_BLOCK, rows & ~7));
}

/** One column, rows `from` to `from + n`. */
export function unpackColumn(c: usize, from: u32, n: u32): void {
  const stride = columnStride(c);
  const width = columnWidth(c);
  const bias = columnBias(c);
  const to = columnTable(c) + (<usize>from << 2);
  const end = to + (<usize>n << 2);
  const mask = widthMask(width);
  let top: u32 = 0;
  if (width == 0) {
    for (let p = to; p < end; p += 4) store<i32>(p, bias);
  } else if (stride & 7) {
    const base = columnBase(c);
    const offset = columnOffset(c);
    if (ASC_FEATURE_SIMD) {
      if (offset == 0 && stride == width && width <= 25 && n >= 8) {
        top = unpackVector(c, base + <usize>((from >> 3) * width), to, n);
        checkTop(c, top);
        return;
      }
    }
    let bit = offset + from * stride;
    for (let p = to; p < end; p += 4, bit += stride) {
      const stored = storedAt(base, bit, mask);
      top = stored > top ? stored : top;
      store<i32>(p, <i32>stored + bias);
    }
  } else {
    const step = <usize>(stride >> 3);
    const offset = columnOffset(c);
    const at = columnBase(c) + <usize>(offset >> 3) + <usize>from * step;
    const shift = offset & 7;
    top = shift + width <= 32
      ? unpackNarrow(at, step, shift, mask, bias, to, end)
      : unpackWide(at, step, shift, mask, bias, to, end);
  }
  checkTop(c, top);
}

// @ts-ignore: decorator
@inline export function checkTop(c: usize, top: u32): void {
  if (top >= columnEntries(c)) noteBeyond(c, top);
}

function unpackNarrow(at: usize, step: usize, shift: u32, mask: u32, bias: i32, to: usize, end: usize): u32 {
  let top: u32 = 0;
  if (ASC_FEATURE_SIMD) {
    const masks = i32x4.splat(mask);
    const biases = i32x4.splat(bias);
    const whole = to + ((end - to) & ~15);
    let tops = i32x4.splat(0);
    for (; to < whole; to += 16) {
      let v = v128.load32_zero(at);
      v = v128.load_lane<u32>(at + step, v, 1);
      v = v128.load_lane<u32>(at + 2 * step, v, 2);
      v = v128.load_lane<u32>(at + 3 * step, v, 3);
      at += 4 * step;
      v = v128.and(i32x4.shr_u(v, <i32>shift), masks);
      tops = i32x4.max_u(tops, v);
      v128.store(to, i32x4.add(v, biases));
    }
    top = topOf(tops);
  } else {
    const whole = to + ((end - to) & ~15);
    for (; to < whole; to += 16) {
      const a = storedNarrow(at, shift, mask);
      const b = storedNarrow(at + step, shift, mask);
      const c = storedNarrow(at + 2 * step, shift, mask);
      const d = storedNarrow(at + 3 * step, shift, mask);
      at += 4 * step;
      top = larger(larger(larger(a, b), larger(c, d)), top);
      store<i32>(to, <i32>a + bias);
      store<i32>(to, <i32>b + bias, 4);
      store<i32>(to, <i32>c + bias, 8);
      store<i32>(to, <i32>d + bias, 12);
    }
  }
  for (; to < end; to += 4, at += step) {
    const stored = storedNarrow(at, shift, mask);
    top = larger(stored, top);
    store<i32>(to, <i32>stored + bias);
  }
  return top;
}

function unpackWide(at: usize, step: usize, shift: u32, mask: u32, bias: i32, to: usize, end: usize): u32 {
  let top: u32 = 0;
  for (; to < end; to += 4, at += step) {
    const stored = storedWide(at, shift, mask);
    top = larger(stored, top);
    store<i32>(to, <i32>stored + bias);
  }
  return top;
}

// @ts-ignore: decorator
@inline function larger(a: u32, b: u32): u32 { return a > b ? a : b; }

// @ts-ignore: decorator
@inline export function topOf(v: v128): u32 {
  return larger(
    larger(<u32>i32x4.extract_lane(v, 0), <u32>i32x4.extract_lane(v, 1)),
    larger(<u32>i32x4.extract_lane(v, 2), <u32>i32x4.extract_lane(v, 3)),
  );
}
