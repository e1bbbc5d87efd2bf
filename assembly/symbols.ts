// Symbol tables as stored in a QVD: 01 int32 | 02 float64 | 04 text 00 | 05 int32 text 00 | 06 float64 text 00.

import { walk } from "./utf8";

const NONE: u32 = 0;
const TYPE: u32 = 1;
const CUT: u32 = 2;
const OPEN: u32 = 3;
const MISSING: u32 = 4;
const LEFT: u32 = 5;

export function symbols(at: usize, length: usize, count: u32, starts: usize, report: usize): u32 {
  const end = at + length;
  let p = at;
  let types: u32 = 0;
  let fault = NONE;
  let i: u32 = 0;
  while (i < count) {
    if (p >= end) {
      fault = MISSING;
      break;
    }
    const type = <u32>load<u8>(p);
    if (type == 4) {
      // Texts mostly come in runs: every NUL of 16 bytes is found at once.
      const before = i;
      if (ASC_FEATURE_SIMD) {
        i = textRun(at, p, end, count, i, starts);
        if (i > before) {
          types |= 16;
          p = at + <usize>load<u32>(starts + (<usize>i << 2));
          continue;
        }
      }
    } else if (type == 1 || type == 2) {
      const size: usize = type == 1 ? 5 : 9;
      const before = i;
      const most = i + <u32>min<usize>((end - p) / size, <usize>(count - i));
      for (; i < most && <u32>load<u8>(p) == type; i++, p += size) store<u32>(starts + (<usize>i << 2), <u32>(p - at));
      if (i > before) {
        types |= <u32>1 << type;
        continue;
      }
    } else if (type == 0 || type > 6 || type == 3) {
      fault = TYPE;
      break;
    }
    const text = p + (type == 4 ? 1 : type == 1 || type == 5 ? 5 : 9);
    if (text > end) {
      fault = CUT;
      break;
    }
    let next = text;
    if (type >= 4) {
      next = nulFrom(text, end) + 1;
      if (next > end) {
        fault = OPEN;
        break;
      }
    }
    store<u32>(starts + (<usize>i << 2), <u32>(p - at));
    types |= <u32>1 << type;
    p = next;
    i += 1;
  }
  if (fault == NONE && p < end) fault = LEFT;
  store<u32>(starts + (<usize>i << 2), <u32>(p - at));
  store<u32>(report, i);
  store<u32>(report, <u32>(p - at), 4);
  store<u32>(report, types, 8);
  return fault;
}

/** The first NUL from `p`, `end` if there is none. May read the slack behind `end`. */
function nulFrom(p: usize, end: usize): usize {
  if (ASC_FEATURE_SIMD) {
    for (; p < end; p += 16) {
      const nuls = i8x16.bitmask(i8x16.eq(v128.load(p), i8x16.splat(0)));
      if (nuls) return min(p + <usize>ctz(nuls), end);
    }
  } else {
    for (; p < end; p += 8) {
      const v = load<u64>(p);
      const nuls = (v - 0x0101010101010101) & ~v & 0x8080808080808080;
      if (nuls) return min(p + <usize>(ctz(nuls) >> 3), end);
    }
  }
  return end;
}

/**
 * Entries of type 4 one after the other from `p`, where entry `i` begins. Writes their starts, and that of the entry
 * behind the last whole one; returns its number.
 */
function textRun(at: usize, p: usize, end: usize, count: u32, i: u32, starts: usize): u32 {
  store<u32>(starts + (<usize>i << 2), <u32>(p - at));
  for (; p < end; p += 64) {
    let nuls = nulMask(p) | (nulMask(p + 16) << 16) | (nulMask(p + 32) << 32) | (nulMask(p + 48) << 48);
    for (; nuls != 0; nuls &= nuls - 1) {
      const next = p + <usize>ctz(nuls) + 1;
      if (next > end) return i;
      i += 1;
      store<u32>(starts + (<usize>i << 2), <u32>(next - at));
      if (i == count || next == end || load<u8>(next) != 4) return i;
    }
  }
  return i;
}

// @ts-ignore: decorator
@inline function nulMask(p: usize): u64 {
  return <u64><u32>i8x16.bitmask(i8x16.eq(v128.load(p), i8x16.splat(0)));
}

export function symbolsUtf8(at: usize, starts: usize, count: u32): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const from = at + <usize>load<u32>(starts + (<usize>i << 2));
    const type = <u32>load<u8>(from);
    if (type < 4) continue;
    const text = from + (type == 4 ? 1 : type == 5 ? 5 : 9);
    const end = at + <usize>load<u32>(starts + (<usize>i << 2), 4) - 1;
    if (walk(text, end) != end) return i;
  }
  return count;
}
