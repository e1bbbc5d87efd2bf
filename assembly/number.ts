import {
  COLUMN_BYTES, columnBase, columnEntries, columnOffset, columnStride, columnTable, columnWidth, noteBeyond, storedAt,
  storedNarrow, storedWide, widthMask,
} from "./column";
import { nullSpan } from "./renumber";

/** Rows a block: many columns go over the same records, which are to stay in the cache meanwhile. A multiple of 8. */
const BLOCK: u32 = 1024;

/** What no value in a new layout is: all bits, so that it shows in `wrote`. */
const UNMET: u32 = u32.MAX_VALUE;

export function number(columns: usize, count: u32, rows: u32): void {
  for (let from: u32 = 0; from < rows; from += BLOCK) {
    const n = min(BLOCK, rows - from);
    for (let k: u32 = 0; k < count; k++) {
      const c = columns + <usize>k * COLUMN_BYTES;
      if (load<u32>(c, 56) != 0) numberColumn(c, from, n);
    }
  }
}

function numberColumn(c: usize, from: u32, n: u32): void {
  const width = columnWidth(c);
  const mask = widthMask(width);
  const stride = columnStride(c);
  const offset = columnOffset(c);
  const base = columnBase(c);
  if (stride & 7) {
    let bit = offset + from * stride;
    for (; n > 0; n--, bit += stride) if (look(c, storedAt(base, bit, mask))) return;
    return;
  }
  const step = <usize>(stride >> 3);
  const shift = offset & 7;
  let at = base + <usize>(offset >> 3) + <usize>from * step;
  const end = at + <usize>n * step;
  if (width == 0) look(c, 0);
  else if (shift + width > 32) {
    for (; at < end; at += step) if (look(c, storedWide(at, shift, mask))) return;
  } else {
    for (; at < end; at += step) if (look(c, storedNarrow(at, shift, mask))) return;
  }
}

/** True if this was the last that was to be met. */
// @ts-ignore: decorator
@inline function look(c: usize, stored: u32): bool {
  if (stored >= columnEntries(c)) {
    noteBeyond(c, stored);
    return false;
  }
  return load<u32>(columnTable(c) + (<usize>stored << 2)) == 0 && meet(c, stored);
}

function meet(c: usize, stored: u32): bool {
  if (stored < nullSpan(c)) {
    if (load<u32>(c, 48)) return false;
    store<u32>(c, 1, 48);
  } else {
    const used = load<u32>(c, 44) + 1;
    store<u32>(c, used, 44);
    store<u32>(columnTable(c) + (<usize>stored << 2), used);
  }
  const left = load<u32>(c, 56) - 1;
  store<u32>(c, left, 56);
  return left == 0;
}

export function settle(c: usize): void {
  const entries = columnEntries(c);
  const span = nullSpan(c);
  const nulls: u32 = load<u32>(c, 48) ? 2 : 0;
  let at = columnTable(c);
  for (let stored: u32 = 0; stored < entries; stored++, at += 4) {
    const number = load<u32>(at);
    if (stored < span) store<u32>(at, nulls ? 0 : UNMET);
    else store<u32>(at, number ? number - 1 + nulls : UNMET);
  }
}
