import {
  COLUMN_BYTES, columnBase, columnEntries, columnOffset, columnStride, columnTable, columnWidth, noteBeyond,
  storedAt, storedWide, widthMask,
} from "./column";

/** Rows a block: many columns read the same records, which are to stay in the cache meanwhile. A multiple of 64. */
const BLOCK: u32 = 1024;

export function scatter(columns: usize, count: u32, rows: u32, mask: usize): void {
  for (let from: u32 = 0; from < rows; from += BLOCK) {
    const n = min(BLOCK, rows - from);
    for (let k: u32 = 0; k < count; k++) {
      const c = columns + <usize>k * COLUMN_BYTES;
      if (mask == 0) scatterAll(c, from, n);
      else scatterSome(c, from, n, mask + <usize>(from >> 3));
    }
  }
}

/** Reads before it writes: most bits are set already, and a write would hold up the next read of the same word. */
// @ts-ignore: decorator
@inline function setBit(c: usize, table: usize, entries: u32, stored: u32): void {
  if (stored >= entries) {
    noteBeyond(c, stored);
    return;
  }
  const at = table + (<usize>(stored >> 5) << 2);
  const word = load<u32>(at);
  const bit = <u32>1 << (stored & 31);
  if ((word & bit) == 0) store<u32>(at, word | bit);
}

function scatterAll(c: usize, from: u32, n: u32): void {
  const table = columnTable(c);
  const entries = columnEntries(c);
  const width = columnWidth(c);
  const mask = widthMask(width);
  const stride = columnStride(c);
  const offset = columnOffset(c);
  if (width == 0) {
    setBit(c, table, entries, 0);
  } else if (stride & 7) {
    const base = columnBase(c);
    let bit = offset + from * stride;
    for (let r: u32 = 0; r < n; r++, bit += stride) setBit(c, table, entries, storedAt(base, bit, mask));
  } else {
    const step = <usize>(stride >> 3);
    let at = columnBase(c) + <usize>(offset >> 3) + <usize>from * step;
    for (let r: u32 = 0; r < n; r++, at += step) setBit(c, table, entries, storedWide(at, offset & 7, mask));
  }
}

function scatterSome(c: usize, from: u32, n: u32, rows: usize): void {
  const table = columnTable(c);
  const entries = columnEntries(c);
  const mask = widthMask(columnWidth(c));
  const stride = columnStride(c);
  const base = columnBase(c);
  const offset = columnOffset(c);
  const step = <usize>(stride >> 3);
  const aligned = (stride & 7) == 0;
  let at = base + <usize>(offset >> 3) + <usize>from * step;
  let bit = offset + from * stride;
  for (let row: u32 = 0; row < n; row += 64, rows += 8) {
    for (let word = load<u64>(rows); word != 0; word &= word - 1) {
      const r = <u32>ctz(word);
      const stored = aligned ? storedWide(at + <usize>r * step, offset & 7, mask) : storedAt(base, bit + r * stride, mask);
      setBit(c, table, entries, stored);
    }
    at += step << 6;
    bit += stride << 6;
  }
}
