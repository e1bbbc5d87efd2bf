// UTF-8 as in Unicode 15, table 3-7. The SIMD check looks every byte and the one before it up in three tables of 16
// (Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte", 2020); it only says that something is
// wrong in a block, and the scalar walk then says where.

export function utf8(at: usize, length: usize): usize {
  const end = at + length;
  let from = at;
  if (ASC_FEATURE_SIMD) {
    from = wellFormedBlocks(at, end);
  }
  return walk(from, end) - at;
}

/** The first place from `at` where no well-formed character begins; `end` if there is none. */
export function walk(at: usize, end: usize): usize {
  while (at < end) {
    if (at + 8 <= end && (load<u64>(at) & 0x8080808080808080) == 0) {
      at += 8;
      continue;
    }
    const a = <u32>load<u8>(at);
    if (a < 0x80) {
      at += 1;
      continue;
    }
    if (a < 0xc2 || a > 0xf4) return at;
    const size: usize = a < 0xe0 ? 2 : a < 0xf0 ? 3 : 4;
    if (at + size > end) return at;
    const b = <u32>load<u8>(at, 1);
    // No overlong forms (E0, F0), no surrogates (ED), nothing above U+10FFFF (F4).
    const least: u32 = a == 0xe0 ? 0xa0 : a == 0xf0 ? 0x90 : 0x80;
    const most: u32 = a == 0xed ? 0x9f : a == 0xf4 ? 0x8f : 0xbf;
    if (b < least || b > most) return at;
    if (size > 2 && (load<u8>(at, 2) & 0xc0) != 0x80) return at;
    if (size > 3 && (load<u8>(at, 3) & 0xc0) != 0x80) return at;
    at += size;
  }
  return at;
}

// One bit for each way to go wrong; a pair of bytes is wrong if a bit stands in all three tables.
const TOO_SHORT: u8 = 1; // a lead byte followed by a lead byte or ASCII
const TOO_LONG: u8 = 2; // ASCII followed by a continuation
const OVERLONG_3: u8 = 4;
const TOO_LARGE: u8 = 8;
const SURROGATE: u8 = 16;
const OVERLONG_2: u8 = 32;
const TOO_LARGE_1000: u8 = 64; // as OVERLONG_4: the third table tells them apart
const TWO_CONTS: u8 = 128; // two continuations, right only in longer characters
const CARRY: u8 = TOO_SHORT | TOO_LONG | TWO_CONTS;

/** The end of the last block up to which all is well-formed, moved back to where a character begins. */
function wellFormedBlocks(at: usize, end: usize): usize {
  const firstHigh = i8x16(
    TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
    TWO_CONTS, TWO_CONTS, TWO_CONTS, TWO_CONTS,
    TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | TOO_LARGE_1000,
  );
  const firstLow = i8x16(
    CARRY | OVERLONG_3 | OVERLONG_2 | TOO_LARGE_1000, CARRY | OVERLONG_2, CARRY, CARRY, CARRY | TOO_LARGE,
    CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
    CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
    CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
    CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE, CARRY | TOO_LARGE | TOO_LARGE_1000,
    CARRY | TOO_LARGE | TOO_LARGE_1000,
  );
  const secondHigh = i8x16(
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
    TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | TOO_LARGE_1000,
    TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | TOO_LARGE,
    TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | TOO_LARGE,
    TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | TOO_LARGE,
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
  );
  const low4 = i8x16.splat(0x0f);
  const start = at;
  let before = i8x16.splat(0);
  for (; at + 32 <= end; at += 32) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    if (!v128.any_true(v128.and(v128.or(a, b), i8x16.splat(<i8>0x80)))) {
      // All ASCII: right unless a character was left open.
      if (at > start && openAt(at, start) != at) break;
      before = b;
      continue;
    }
    const wrong = v128.or(
      pairFaults(a, before, firstHigh, firstLow, secondHigh, low4),
      pairFaults(b, a, firstHigh, firstLow, secondHigh, low4),
    );
    if (v128.any_true(wrong)) break;
    before = b;
  }
  return openAt(at, start);
}

// @ts-ignore: decorator
@inline function pairFaults(v: v128, before: v128, firstHigh: v128, firstLow: v128, secondHigh: v128, low4: v128): v128 {
  const one = i8x16.shuffle(before, v, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
  const two = i8x16.shuffle(before, v, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29);
  const three = i8x16.shuffle(before, v, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28);
  const pair = v128.and(
    v128.and(i8x16.swizzle(firstHigh, i8x16.shr_u(one, 4)), i8x16.swizzle(firstLow, v128.and(one, low4))),
    i8x16.swizzle(secondHigh, i8x16.shr_u(v, 4)),
  );
  // The third and fourth byte of a character must be a second continuation, and nothing else may be.
  const third = i8x16.sub_sat_u(two, i8x16.splat(<i8>(0xe0 - 0x80)));
  const fourth = i8x16.sub_sat_u(three, i8x16.splat(<i8>(0xf0 - 0x80)));
  const must = v128.and(v128.or(third, fourth), i8x16.splat(<i8>0x80));
  return v128.xor(must, pair);
}

/** `at`, or the lead byte of the character that reaches over it. */
function openAt(at: usize, start: usize): usize {
  for (let back: usize = 1; back <= 3 && at - back >= start; back++) {
    const byte = <u32>load<u8>(at - back);
    if (byte < 0x80) return at;
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > <i32>back ? at - back : at;
  }
  return at;
}
