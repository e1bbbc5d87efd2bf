import {
  COLUMN_BYTES, columnBase, columnEntries, columnOffset, columnStride, columnTable, columnWidth, noteBeyond, storedAt,
  storedNarrow, storedWide, widthMask,
} from "./column";
import { MAX_BYTE_WIDTH, testBytes } from "./test-simd";

/** Rows a block: the records of a block are still in the cache when the next column is tested. A multiple of 64. */
const BLOCK: u32 = 8192;

export function test(columns: usize, count: u32, rows: u32, mask: usize, refine: bool): void {
  for (let from: u32 = 0; from < rows; from += BLOCK) {
    const n = min(BLOCK, rows - from);
    const at = mask + <usize>(from >> 3);
    let k: u32 = 0;
    if (!refine) {
      if (count == 0) fillMask(at, n);
      else testAll(columns, from, n, at);
      k = 1;
    }
    for (; k < count; k++) testSome(columns + <usize>k * COLUMN_BYTES, from, n, at);
  }
}

/** Every row, whatever the mask held. */
function testAll(c: usize, from: u32, n: u32, mask: usize): void {
  const width = columnWidth(c);
  const stride = columnStride(c);
  const offset = columnOffset(c);
  if (width == 0) {
    if (allowed(c, columnTable(c), columnEntries(c), 0)) fillMask(mask, n);
    else memory.fill(mask, 0, <usize>((n + 63) >> 6) << 3);
    return;
  }
  if ((stride & 7) == 0) {
    const at = columnBase(c) + <usize>(offset >> 3) + <usize>from * <usize>(stride >> 3);
    const shift = offset & 7;
    if (ASC_FEATURE_SIMD) {
      if (width <= MAX_BYTE_WIDTH) {
        testBytes(c, at, <usize>(stride >> 3), shift, width, n, mask);
        return;
      }
    }
    if (shift + width <= 32) testNarrow(c, at, <usize>(stride >> 3), shift, widthMask(width), n, mask);
    else testWide(c, at, <usize>(stride >> 3), shift, widthMask(width), n, mask);
    return;
  }
  const base = columnBase(c);
  const valueMask = widthMask(width);
  const table = columnTable(c);
  const entries = columnEntries(c);
  let bit = offset + from * stride;
  for (let row: u32 = 0; row < n; row += 64, mask += 8) {
    const end = min<u32>(64, n - row);
    let word: u64 = 0;
    for (let r: u32 = 0; r < end; r++, bit += stride) {
      word |= <u64>allowed(c, table, entries, storedAt(base, bit, valueMask)) << <u64>r;
    }
    store<u64>(mask, word);
  }
}

/** 1 if the stored index is in the set. */
// @ts-ignore: decorator
@inline function allowed(c: usize, table: usize, entries: u32, stored: u32): u32 {
  if (stored >= entries) {
    noteBeyond(c, stored);
    return 0;
  }
  return (load<u32>(table + (<usize>(stored >> 5) << 2)) >> (stored & 31)) & 1;
}

function testNarrow(c: usize, at: usize, step: usize, shift: u32, valueMask: u32, n: u32, mask: usize): void {
  const table = columnTable(c);
  const entries = columnEntries(c);
  const step2 = step << 1;
  const step3 = step + step2;
  const step4 = step << 2;
  let left = n;
  for (; left >= 64; left -= 64, mask += 8) {
    for (let i: usize = 0; i < 8; i++) {
      let byte = allowed(c, table, entries, storedNarrow(at, shift, valueMask));
      byte |= allowed(c, table, entries, storedNarrow(at + step, shift, valueMask)) << 1;
      byte |= allowed(c, table, entries, storedNarrow(at + step2, shift, valueMask)) << 2;
      byte |= allowed(c, table, entries, storedNarrow(at + step3, shift, valueMask)) << 3;
      at += step4;
      byte |= allowed(c, table, entries, storedNarrow(at, shift, valueMask)) << 4;
      byte |= allowed(c, table, entries, storedNarrow(at + step, shift, valueMask)) << 5;
      byte |= allowed(c, table, entries, storedNarrow(at + step2, shift, valueMask)) << 6;
      byte |= allowed(c, table, entries, storedNarrow(at + step3, shift, valueMask)) << 7;
      at += step4;
      store<u8>(mask + i, byte);
    }
  }
  if (left == 0) return;
  let word: u64 = 0;
  for (let r: u32 = 0; r < left; r++, at += step) {
    word |= <u64>allowed(c, table, entries, storedNarrow(at, shift, valueMask)) << <u64>r;
  }
  store<u64>(mask, word);
}

function testWide(c: usize, at: usize, step: usize, shift: u32, valueMask: u32, n: u32, mask: usize): void {
  const table = columnTable(c);
  const entries = columnEntries(c);
  for (let row: u32 = 0; row < n; row += 64, mask += 8) {
    const end = min<u32>(64, n - row);
    let word: u64 = 0;
    for (let r: u32 = 0; r < end; r++, at += step) {
      word |= <u64>allowed(c, table, entries, storedWide(at, shift, valueMask)) << <u64>r;
    }
    store<u64>(mask, word);
  }
}

/** Only the rows in the mask: they become few after the first column, so jumping from bit to bit is cheaper. */
function testSome(c: usize, from: u32, n: u32, mask: usize): void {
  const table = columnTable(c);
  const entries = columnEntries(c);
  const width = columnWidth(c);
  const valueMask = widthMask(width);
  const stride = columnStride(c);
  const offset = columnOffset(c);
  const words = mask + (<usize>((n + 63) >> 6) << 3);
  if (stride & 7) {
    const base = columnBase(c);
    let first = offset + from * stride;
    for (; mask < words; mask += 8, first += stride << 6) {
      let kept: u64 = 0;
      for (let word = load<u64>(mask); word != 0; word &= word - 1) {
        const r = ctz(word);
        kept |= <u64>allowed(c, table, entries, storedAt(base, first + <u32>r * stride, valueMask)) << r;
      }
      store<u64>(mask, kept);
    }
  } else {
    const step = <usize>(stride >> 3);
    const shift = offset & 7;
    let at = columnBase(c) + <usize>(offset >> 3) + <usize>from * step;
    for (; mask < words; mask += 8, at += step << 6) {
      let kept: u64 = 0;
      for (let word = load<u64>(mask); word != 0; word &= word - 1) {
        const r = ctz(word);
        kept |= <u64>allowed(c, table, entries, storedWide(at + <usize>r * step, shift, valueMask)) << r;
      }
      store<u64>(mask, kept);
    }
  }
}

function fillMask(mask: usize, n: u32): void {
  const whole = <usize>(n >> 6) << 3;
  memory.fill(mask, 0xff, whole);
  if (n & 63) store<u64>(mask + whole, (<u64>1 << <u64>(n & 63)) - 1);
}
