import {
  COLUMN_BYTES, columnBase, columnBias, columnEntries, columnOffset, columnStride, columnTable, columnWidth, noteBeyond,
  widthMask,
} from "./column";

/** Rows a block: many columns go over the same records, which are to stay in the cache meanwhile. A multiple of 8. */
const BLOCK: u32 = 1024;

/** The stored index keeps itself: it is beyond the table. */
const STAYS: u32 = u32.MAX_VALUE;

export function renumber(columns: usize, count: u32, rows: u32): void {
  for (let from: u32 = 0; from < rows; from += BLOCK) {
    const n = min(BLOCK, rows - from);
    for (let k: u32 = 0; k < count; k++) renumberColumn(columns + <usize>k * COLUMN_BYTES, from, n);
  }
}

function renumberColumn(c: usize, from: u32, n: u32): void {
  const width = columnWidth(c);
  const mask = widthMask(width);
  const stride = columnStride(c);
  const offset = columnOffset(c);
  const table = columnTable(c);
  const entries = columnEntries(c);
  const span = nullSpan(c);
  if (width == 0) {
    numberOf(c, table, entries, span, 0);
  } else if (stride & 7) {
    const base = columnBase(c);
    let bit = offset + from * stride;
    for (let r: u32 = 0; r < n; r++, bit += stride) {
      renumberWide(c, base + <usize>(bit >> 3), bit & 7, mask, table, entries, span);
    }
  } else {
    const step = <usize>(stride >> 3);
    const shift = offset & 7;
    let at = columnBase(c) + <usize>(offset >> 3) + <usize>from * step;
    if (shift + width <= 32) {
      const others = ~(mask << shift);
      for (let r: u32 = 0; r < n; r++, at += step) {
        const word = load<u32>(at);
        const to = numberOf(c, table, entries, span, (word >> shift) & mask);
        if (to != STAYS) store<u32>(at, (word & others) | (to << shift));
      }
    } else {
      for (let r: u32 = 0; r < n; r++, at += step) renumberWide(c, at, shift, mask, table, entries, span);
    }
  }
}

// @ts-ignore: decorator
@inline function renumberWide(c: usize, at: usize, shift: u32, mask: u32, table: usize, entries: u32, span: u32): void {
  const word = load<u64>(at);
  const to = numberOf(c, table, entries, span, <u32>(word >> <u64>shift) & mask);
  if (to != STAYS) store<u64>(at, (word & ~(<u64>mask << <u64>shift)) | (<u64>to << <u64>shift));
}

/** What is stored in place of `stored`. */
// @ts-ignore: decorator
@inline function numberOf(c: usize, table: usize, entries: u32, span: u32, stored: u32): u32 {
  if (stored >= entries) {
    noteBeyond(c, stored);
    return STAYS;
  }
  const number = load<u32>(table + (<usize>stored << 2));
  return number != 0 ? number - 1 + span : meet(c, table, span, stored);
}

/** A NULL, whose entry stays 0, or the first use of a symbol. */
// @ts-ignore: decorator
@inline function meet(c: usize, table: usize, span: u32, stored: u32): u32 {
  if (stored < span) {
    store<u32>(c, 1, 48);
    return 0;
  }
  const used = load<u32>(c, 44);
  store<u32>(<usize>load<u32>(c, 40) + (<usize>used << 2), stored);
  store<u32>(c, used + 1, 44);
  store<u32>(table + (<usize>stored << 2), used + 1);
  return used + span;
}

/** Stored indexes that stand for NULL. */
// @ts-ignore: decorator
@inline export function nullSpan(c: usize): u32 {
  const bias = columnBias(c);
  return bias < 0 ? <u32>-bias : 0;
}
