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
  const seen = <usize>load<u32>(c, 40);
  if (stride & 7) {
    const base = columnBase(c);
    let bit = offset + from * stride;
    for (let r: u32 = 0; r < n; r++, bit += stride) renumberWide(c, base + <usize>(bit >> 3), bit & 7, mask, seen);
    return;
  }
  const step = <usize>(stride >> 3);
  const shift = offset & 7;
  const at = columnBase(c) + <usize>(offset >> 3) + <usize>from * step;
  const end = at + <usize>n * step;
  if (width == 0) numberOf(c, 0, seen);
  else if (shift + width > 32) for (let p = at; p < end; p += step) renumberWide(c, p, shift, mask, seen);
  else if (seen != 0) renumberSeen(c, at, end, step, shift, mask, seen);
  else renumberNarrow(c, at, end, step, shift, mask);
}

function renumberNarrow(c: usize, at: usize, end: usize, step: usize, shift: u32, mask: u32): void {
  const table = columnTable(c);
  const entries = columnEntries(c);
  const span = nullSpan(c);
  const others = ~(mask << shift);
  const bytes = bytesOf(c, step, shift);
  for (; at < end; at += step) {
    const word = load<u32>(at);
    const stored = (word >> shift) & mask;
    if (stored >= entries) {
      noteBeyond(c, stored);
      continue;
    }
    const number = load<u32>(table + (<usize>stored << 2));
    const to = number != 0 ? number - 1 + span : meet(c, table, span, stored, 0);
    put(at, (word & others) | (to << shift), bytes);
  }
}

/**
 * The same where the table is larger than the second-level cache, and its bits are not: what is met first needs no look
 * into the table, and a store there does not hold up what follows.
 */
function renumberSeen(c: usize, at: usize, end: usize, step: usize, shift: u32, mask: u32, seen: usize): void {
  const table = columnTable(c);
  const entries = columnEntries(c);
  const span = nullSpan(c);
  const others = ~(mask << shift);
  const bytes = bytesOf(c, step, shift);
  let used = load<u32>(c, 44);
  for (; at < end; at += step) {
    const word = load<u32>(at);
    const stored = (word >> shift) & mask;
    if (stored >= entries) {
      noteBeyond(c, stored);
      continue;
    }
    const byte = seen + <usize>(stored >> 3);
    const bits = <u32>load<u8>(byte);
    const bit = <u32>1 << (stored & 7);
    let to: u32 = 0;
    if (bits & bit) {
      to = load<u32>(table + (<usize>stored << 2)) - 1 + span;
    } else if (stored < span) {
      store<u32>(c, 1, 48);
    } else {
      store<u8>(byte, bits | bit);
      to = used + span;
      used += 1;
      store<u32>(table + (<usize>stored << 2), used);
    }
    put(at, (word & others) | (to << shift), bytes);
  }
  store<u32>(c, used, 44);
}

/**
 * Bytes to be written of a word. Where records are shorter than it, only those that the field has bits of: else the
 * next record could not be read before this one was looked up and stored, one miss of the cache after the other.
 */
// @ts-ignore: decorator
@inline function bytesOf(c: usize, step: usize, shift: u32): u32 {
  return step < 4 ? (shift + columnWidth(c) + 7) >> 3 : 4;
}

// @ts-ignore: decorator
@inline function put(at: usize, word: u32, bytes: u32): void {
  if (bytes == 4) store<u32>(at, word);
  else if (bytes == 1) store<u8>(at, word);
  else {
    store<u16>(at, word);
    if (bytes == 3) store<u8>(at, word >> 16, 2);
  }
}

// @ts-ignore: decorator
@inline function renumberWide(c: usize, at: usize, shift: u32, mask: u32, seen: usize): void {
  const word = load<u64>(at);
  const to = numberOf(c, <u32>(word >> <u64>shift) & mask, seen);
  if (to != STAYS) store<u64>(at, (word & ~(<u64>mask << <u64>shift)) | (<u64>to << <u64>shift));
}

/** What is stored in place of `stored`. */
// @ts-ignore: decorator
@inline function numberOf(c: usize, stored: u32, seen: usize): u32 {
  if (stored >= columnEntries(c)) {
    noteBeyond(c, stored);
    return STAYS;
  }
  const table = columnTable(c);
  const span = nullSpan(c);
  const number = load<u32>(table + (<usize>stored << 2));
  return number != 0 ? number - 1 + span : meet(c, table, span, stored, seen);
}

/** A NULL, whose entry stays 0, or the first use of a symbol. */
function meet(c: usize, table: usize, span: u32, stored: u32, seen: usize): u32 {
  if (stored < span) {
    store<u32>(c, 1, 48);
    return 0;
  }
  const used = load<u32>(c, 44);
  store<u32>(c, used + 1, 44);
  store<u32>(table + (<usize>stored << 2), used + 1);
  if (seen != 0) {
    const byte = seen + <usize>(stored >> 3);
    store<u8>(byte, <u32>load<u8>(byte) | (<u32>1 << (stored & 7)));
  }
  return used + span;
}

/** Stored indexes that stand for NULL. */
// @ts-ignore: decorator
@inline export function nullSpan(c: usize): u32 {
  const bias = columnBias(c);
  return bias < 0 ? <u32>-bias : 0;
}
