// Entries of a symbol table to where their numbers say. The table is gone through as it lies, so what jumps are stores,
// which wait for nothing; to fetch each number's entry would wait for the memory twice.

import { copy16 } from "./compact";

/** Bytes of the kernel's own memory where entries without a number go, so that no jump is to be foretold; then cleared. */
const SPARE: usize = 512;
const SPARE_BYTES: usize = 256;

export function evenLength(starts: usize, count: u32): u32 {
  if (count == 0) return 0;
  let before = load<u32>(starts);
  const length = load<u32>(starts, 4) - before;
  let others: u32 = 0;
  const end = starts + (<usize>count << 2);
  for (; starts < end; starts += 4) {
    const next = load<u32>(starts, 4);
    others |= (next - before) ^ length;
    before = next;
  }
  return others == 0 ? length : 0;
}

export function numberedLengths(starts: usize, count: u32, numbers: usize, lengths: usize): void {
  const end = starts + (<usize>count << 2);
  for (; starts < end; starts += 4, numbers += 4) {
    const number = load<u32>(numbers);
    if (number == 0) continue;
    store<u32>(lengths + (<usize>(number - 1) << 2), load<u32>(starts, 4) - load<u32>(starts));
  }
}

export function offsetsOf(lengths: usize, count: u32): usize {
  let sum: u32 = 0;
  const end = lengths + (<usize>count << 2);
  for (; lengths < end; lengths += 4) {
    const length = load<u32>(lengths);
    store<u32>(lengths, sum);
    sum += length;
  }
  return <usize>sum;
}

export function placeEntries(at: usize, starts: usize, count: u32, numbers: usize, offsets: usize, length: u32, out: usize): void {
  const end = numbers + (<usize>count << 2);
  if (offsets != 0) {
    for (; numbers < end; starts += 4, numbers += 4) {
      const number = load<u32>(numbers);
      if (number == 0) continue;
      const from = at + <usize>load<u32>(starts);
      copyExactly(out + <usize>load<u32>(offsets + (<usize>(number - 1) << 2)), from, at + <usize>load<u32>(starts, 4) - from);
    }
    return;
  }
  const size = <usize>length;
  let from = at;
  if (size > SPARE_BYTES) {
    for (; numbers < end; numbers += 4, from += size) {
      const number = load<u32>(numbers);
      if (number != 0) memory.copy(out + <usize>(number - 1) * size, from, size);
    }
    return;
  }
  for (; numbers < end; numbers += 4, from += size) {
    const number = load<u32>(numbers);
    copyExactly(select<usize>(out + <usize>(number - 1) * size, SPARE, number != 0), from, size);
  }
  memory.fill(SPARE, 0, SPARE_BYTES);
}

/** Writes no byte more, since what lies behind may be there already. The last part overlaps the one before it. */
// @ts-ignore: decorator
@inline function copyExactly(to: usize, from: usize, length: usize): void {
  if (length > 256) {
    memory.copy(to, from, length);
  } else if (length >= 16) {
    const last = length - 16;
    for (let i: usize = 0; i < last; i += 16) copy16(to + i, from + i);
    copy16(to + last, from + last);
  } else if (length >= 8) {
    store<u64>(to, load<u64>(from));
    store<u64>(to + length - 8, load<u64>(from + length - 8));
  } else if (length >= 4) {
    store<u32>(to, load<u32>(from));
    store<u32>(to + length - 4, load<u32>(from + length - 4));
  } else {
    for (let i: usize = 0; i < length; i++) store<u8>(to + i, load<u8>(from + i));
  }
}
