import {
  COLUMN_BYTES, columnBase, columnBias, columnOffset, columnStride, columnTable, columnWidth, noteWrote,
  storedAt, storedWide, widthMask,
} from "./column";
import { nullSpan } from "./renumber";

/** Rows a block: each column ORs into the same records, which are to stay in the first-level cache meanwhile. */
const BLOCK: u32 = 512;

export function pack(columns: usize, count: u32, rows: u32): void {
  for (let from: u32 = 0; from < rows; from += BLOCK) {
    const n = min(BLOCK, rows - from);
    for (let k: u32 = 0; k < count; k++) packColumn(columns + <usize>k * COLUMN_BYTES, from, n);
  }
}

function packColumn(c: usize, from: u32, n: u32): void {
  const bias = columnBias(c);
  const mask = widthMask(columnWidth(c));
  const stride = columnStride(c);
  let p = columnTable(c) + (<usize>from << 2);
  const end = p + (<usize>n << 2);
  const base = columnBase(c);
  const offset = columnOffset(c);
  let seen: u32 = 0;
  if (stride & 7) {
    let bit = offset + from * stride;
    for (; p < end; p += 4, bit += stride) {
      const stored = storedOf(load<i32>(p), bias);
      seen |= stored;
      orWide(base + <usize>(bit >> 3), bit & 7, stored & mask);
    }
  } else {
    const step = <usize>(stride >> 3);
    let at = base + <usize>(offset >> 3) + <usize>from * step;
    const shift = offset & 7;
    const bits = shift + columnWidth(c);
    if (bits <= 8) {
      for (; p < end; p += 4, at += step) {
        const stored = storedOf(load<i32>(p), bias);
        seen |= stored;
        store<u8>(at, load<u8>(at) | ((stored & mask) << shift));
      }
    } else if (bits <= 16) {
      for (; p < end; p += 4, at += step) {
        const stored = storedOf(load<i32>(p), bias);
        seen |= stored;
        store<u16>(at, load<u16>(at) | ((stored & mask) << shift));
      }
    } else if (bits <= 32) {
      for (; p < end; p += 4, at += step) {
        const stored = storedOf(load<i32>(p), bias);
        seen |= stored;
        store<u32>(at, load<u32>(at) | ((stored & mask) << shift));
      }
    } else {
      for (; p < end; p += 4, at += step) {
        const stored = storedOf(load<i32>(p), bias);
        seen |= stored;
        orWide(at, shift, stored & mask);
      }
    }
  }
  noteWrote(c, seen);
}

// @ts-ignore: decorator
@inline function storedOf(index: i32, bias: i32): u32 {
  return index < 0 ? 0 : <u32>(index - bias);
}

// @ts-ignore: decorator
@inline function orWide(at: usize, shift: u32, value: u32): void {
  store<u64>(at, load<u64>(at) | (<u64>value << <u64>shift));
}

export function repack(columns: usize, count: u32, rows: u32, out: usize, toStride: u32): void {
  for (let from: u32 = 0; from < rows; from += BLOCK) {
    const n = min(BLOCK, rows - from);
    for (let k: u32 = 0; k < count; k++) {
      const c = columns + <usize>k * COLUMN_BYTES;
      if ((columnStride(c) | toStride) & 7) repackBits(c, from, n, out, toStride);
      else repackBytes(c, from, n, out, <usize>(toStride >> 3));
    }
  }
}

/** The bias -2 where there are NULLs, 0 where there are none; NULL was made 0. */
// @ts-ignore: decorator
@inline function rebiased(stored: u32, span: u32, nulls: u32): u32 {
  return stored < span ? 0 : stored - span + nulls;
}

function repackBytes(c: usize, from: u32, n: u32, out: usize, toStep: usize): void {
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

function repackBits(c: usize, from: u32, n: u32, out: usize, toStride: u32): void {
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
    const value = rebiased(storedAt(base, bit, mask), span, nulls);
    seen |= value;
    orWide(out + <usize>(toBit >> 3), toBit & 7, value & toMask);
  }
  noteWrote(c, seen);
}
