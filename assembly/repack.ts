import {
  COLUMN_BYTES, columnBase, columnEntries, columnOffset, columnStride, columnWidth, noteBeyond, noteWrote, storedAt,
  storedWide, widthMask,
} from "./column";
import { orWide } from "./pack";
import { nullSpan } from "./renumber";

/** Rows a block: each column ORs into the same records, which are to stay in the first-level cache meanwhile. */
const BLOCK: u32 = 512;

export function repack(columns: usize, count: u32, rows: u32, out: usize, toStride: u32): void {
  for (let from: u32 = 0; from < rows; from += BLOCK) {
    const n = min(BLOCK, rows - from);
    for (let k: u32 = 0; k < count; k++) {
      const c = columns + <usize>k * COLUMN_BYTES;
      if ((columnStride(c) | toStride) & 7) repackBits(c, from, n, out, toStride);
      else if (mapOf(c) != 0) repackMapped(c, from, n, out, <usize>(toStride >> 3));
      else repackBytes(c, from, n, out, <usize>(toStride >> 3));
    }
  }
}

// @ts-ignore: decorator
@inline function mapOf(c: usize): usize {
  return <usize>load<u32>(c, 60);
}

/** The bias -2 where there are NULLs, 0 where there are none; NULL was made 0. */
// @ts-ignore: decorator
@inline function rebiased(stored: u32, span: u32, nulls: u32): u32 {
  return stored < span ? 0 : stored - span + nulls;
}

// @ts-ignore: decorator
@inline function mapped(c: usize, map: usize, entries: u32, stored: u32): u32 {
  if (stored < entries) return load<u32>(map + (<usize>stored << 2));
  noteBeyond(c, stored);
  return 0;
}

export function repackBytes(c: usize, from: u32, n: u32, out: usize, toStep: usize): void {
  const span = nullSpan(c);
  const nulls: u32 = load<u32>(c, 48) ? 2 : 0;
  const mask = widthMask(columnWidth(c));
  const offset = columnOffset(c);
  const shift = offset & 7;
  const step = <usize>(columnStride(c) >> 3);
  let at = columnBase(c) + <usize>(offset >> 3) + <usize>from * step;
  const toOffset = load<u32>(c, 32);
  const toWidth = load<u32>(c, 36);
  const toMask = widthMask(toWidth);
  const toShift = toOffset & 7;
  let to = out + <usize>(toOffset >> 3) + <usize>from * toStep;
  const bits = toShift + toWidth;
  let seen: u32 = 0;
  if (toWidth == 0) {
    for (let r: u32 = 0; r < n; r++, at += step) seen |= rebiased(storedWide(at, shift, mask), span, nulls);
  } else if (bits <= 8) {
    for (let r: u32 = 0; r < n; r++, at += step, to += toStep) {
      const value = rebiased(storedWide(at, shift, mask), span, nulls);
      seen |= value;
      store<u8>(to, load<u8>(to) | ((value & toMask) << toShift));
    }
  } else if (bits <= 16) {
    for (let r: u32 = 0; r < n; r++, at += step, to += toStep) {
      const value = rebiased(storedWide(at, shift, mask), span, nulls);
      seen |= value;
      store<u16>(to, load<u16>(to) | ((value & toMask) << toShift));
    }
  } else if (bits <= 32) {
    for (let r: u32 = 0; r < n; r++, at += step, to += toStep) {
      const value = rebiased(storedWide(at, shift, mask), span, nulls);
      seen |= value;
      store<u32>(to, load<u32>(to) | ((value & toMask) << toShift));
    }
  } else {
    for (let r: u32 = 0; r < n; r++, at += step, to += toStep) {
      const value = rebiased(storedWide(at, shift, mask), span, nulls);
      seen |= value;
      orWide(to, toShift, value & toMask);
    }
  }
  noteWrote(c, seen);
}

/** The same by a table. */
export function repackMapped(c: usize, from: u32, n: u32, out: usize, toStep: usize): void {
  const map = mapOf(c);
  const entries = columnEntries(c);
  const mask = widthMask(columnWidth(c));
  const offset = columnOffset(c);
  const shift = offset & 7;
  const step = <usize>(columnStride(c) >> 3);
  let at = columnBase(c) + <usize>(offset >> 3) + <usize>from * step;
  const toOffset = load<u32>(c, 32);
  const toWidth = load<u32>(c, 36);
  const toMask = widthMask(toWidth);
  const toShift = toOffset & 7;
  let to = out + <usize>(toOffset >> 3) + <usize>from * toStep;
  const bits = toShift + toWidth;
  let seen: u32 = 0;
  if (toWidth == 0) {
    for (let r: u32 = 0; r < n; r++, at += step) seen |= mapped(c, map, entries, storedWide(at, shift, mask));
  } else if (bits <= 8) {
    for (let r: u32 = 0; r < n; r++, at += step, to += toStep) {
      const value = mapped(c, map, entries, storedWide(at, shift, mask));
      seen |= value;
      store<u8>(to, load<u8>(to) | ((value & toMask) << toShift));
    }
  } else if (bits <= 16) {
    for (let r: u32 = 0; r < n; r++, at += step, to += toStep) {
      const value = mapped(c, map, entries, storedWide(at, shift, mask));
      seen |= value;
      store<u16>(to, load<u16>(to) | ((value & toMask) << toShift));
    }
  } else if (bits <= 32) {
    for (let r: u32 = 0; r < n; r++, at += step, to += toStep) {
      const value = mapped(c, map, entries, storedWide(at, shift, mask));
      seen |= value;
      store<u32>(to, load<u32>(to) | ((value & toMask) << toShift));
    }
  } else {
    for (let r: u32 = 0; r < n; r++, at += step, to += toStep) {
      const value = mapped(c, map, entries, storedWide(at, shift, mask));
      seen |= value;
      orWide(to, toShift, value & toMask);
    }
  }
  noteWrote(c, seen);
}

function repackBits(c: usize, from: u32, n: u32, out: usize, toStride: u32): void {
  const map = mapOf(c);
  const entries = columnEntries(c);
  const span = nullSpan(c);
  const nulls: u32 = load<u32>(c, 48) ? 2 : 0;
  const mask = widthMask(columnWidth(c));
  const stride = columnStride(c);
  const base = columnBase(c);
  const toMask = widthMask(load<u32>(c, 36));
  let bit = columnOffset(c) + from * stride;
  let toBit = load<u32>(c, 32) + from * toStride;
  let seen: u32 = 0;
  for (let r: u32 = 0; r < n; r++, bit += stride, toBit += toStride) {
    const stored = storedAt(base, bit, mask);
    const value = map != 0 ? mapped(c, map, entries, stored) : rebiased(stored, span, nulls);
    seen |= value;
    orWide(out + <usize>(toBit >> 3), toBit & 7, value & toMask);
  }
  noteWrote(c, seen);
}
