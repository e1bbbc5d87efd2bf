import {
  COLUMN_BYTES, columnBase, columnBias, columnEntries, columnOffset, columnStride, columnTable, columnWidth, noteBeyond,
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

export function firstUse(columns: usize, count: u32, rows: u32): void {
  for (let from: u32 = 0; from < rows; from += BLOCK) {
    const n = min(BLOCK, rows - from);
    for (let k: u32 = 0; k < count; k++) numberSymbols(columns + <usize>k * COLUMN_BYTES, from, n);
  }
}

function numberSymbols(c: usize, from: u32, n: u32): void {
  const table = columnTable(c);
  const entries = columnEntries(c);
  const width = columnWidth(c);
  const mask = widthMask(width);
  const stride = columnStride(c);
  const offset = columnOffset(c);
  if (width == 0) {
    numberSymbol(c, table, entries, 0);
  } else if (stride & 7) {
    const base = columnBase(c);
    let bit = offset + from * stride;
    for (let r: u32 = 0; r < n; r++, bit += stride) numberSymbol(c, table, entries, storedAt(base, bit, mask));
  } else {
    const step = <usize>(stride >> 3);
    let at = columnBase(c) + <usize>(offset >> 3) + <usize>from * step;
    for (let r: u32 = 0; r < n; r++, at += step) numberSymbol(c, table, entries, storedWide(at, offset & 7, mask));
  }
}

// @ts-ignore: decorator
@inline function numberSymbol(c: usize, table: usize, entries: u32, stored: u32): void {
  if (stored >= entries) noteBeyond(c, stored);
  else if (load<u32>(table + (<usize>stored << 2)) == 0) meet(c, table, stored);
}

/** A NULL, whose entry stays 0, or the first use of a symbol. */
function meet(c: usize, table: usize, stored: u32): void {
  const bias = columnBias(c);
  if (bias < 0 && stored < <u32>-bias) {
    store<u32>(c, 1, 48);
    return;
  }
  const used = load<u32>(c, 44);
  store<u32>(<usize>load<u32>(c, 40) + (<usize>used << 2), stored);
  store<u32>(c, used + 1, 44);
  store<u32>(table + (<usize>stored << 2), used + 1);
}

export function settle(columns: usize, count: u32): void {
  for (let k: u32 = 0; k < count; k++) {
    const c = columns + <usize>k * COLUMN_BYTES;
    const bias = columnBias(c);
    const entries = columnEntries(c);
    const table = columnTable(c);
    // number - 1 - bias, with the bias -2 where there are NULLs; 0 - 1 would be UNUSED already, 0 + 1 would not.
    const add: u32 = load<u32>(c, 48) ? 1 : u32.MAX_VALUE;
    const nulls = bias < 0 ? min<u32>(<u32>-bias, entries) : 0;
    memory.fill(table, 0, <usize>nulls << 2);
    for (let i = nulls; i < entries; i++) {
      const at = table + (<usize>i << 2);
      const number = load<u32>(at);
      store<u32>(at, number == 0 ? u32.MAX_VALUE : number + add);
    }
  }
}
