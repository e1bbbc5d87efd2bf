import { COLUMN_BYTES, columnBase, columnBias, columnOffset, columnStride, columnTable, columnWidth, noteWrote, widthMask } from "./column";

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
@inline export function orWide(at: usize, shift: u32, value: u32): void {
  store<u64>(at, load<u64>(at) | (<u64>value << <u64>shift));
}
