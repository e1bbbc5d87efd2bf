import type { Arena, Pointer } from "./arena.ts";
import { SYMBOL_FAULT, type SymbolFault } from "./kernel.ts";
import { utf8Prefix } from "./reference-bytes.ts";

/** Bytes before the text of an entry: the type byte and the number, if there is one. */
function headBytes(type: number): number {
  return type === 4 ? 1 : type === 1 || type === 5 ? 5 : 9;
}

export function walkSymbols(
  arena: Arena,
  at: Pointer,
  length: number,
  count: number,
  starts: Pointer,
  report: Pointer,
): SymbolFault {
  const bytes = arena.bytes(at, length);
  const begins = arena.uint32(starts, count + 1);
  let offset = 0;
  let types = 0;
  const stop = (fault: SymbolFault, whole: number): SymbolFault => {
    begins[whole] = offset;
    arena.uint32(report, 3).set([whole, offset, types]);
    return fault;
  };
  for (let i = 0; i < count; i++) {
    if (offset >= length) return stop(SYMBOL_FAULT.MISSING, i);
    const type = bytes[offset]!;
    if (type !== 1 && type !== 2 && type !== 4 && type !== 5 && type !== 6) return stop(SYMBOL_FAULT.TYPE, i);
    const text = offset + headBytes(type);
    if (text > length) return stop(SYMBOL_FAULT.CUT, i);
    let next = text;
    if (type >= 4) {
      const nul = text < length ? bytes.indexOf(0, text) : -1;
      if (nul < 0) return stop(SYMBOL_FAULT.OPEN, i);
      next = nul + 1;
    }
    begins[i] = offset;
    types |= 1 << type;
    offset = next;
  }
  return stop(offset < length ? SYMBOL_FAULT.LEFT : SYMBOL_FAULT.NONE, count);
}

export function symbolsUtf8(arena: Arena, at: Pointer, starts: Pointer, count: number): number {
  const begins = arena.uint32(starts, count + 1);
  const bytes = new Uint8Array(arena.buffer);
  for (let i = 0; i < count; i++) {
    const type = bytes[at + begins[i]!]!;
    if (type < 4) continue;
    const text = at + begins[i]! + headBytes(type);
    const length = at + begins[i + 1]! - 1 - text;
    if (utf8Prefix(bytes, text, length) !== length) return i;
  }
  return count;
}

export function evenLength(arena: Arena, starts: Pointer, count: number): number {
  const begins = arena.uint32(starts, count + 1);
  const lengths = new Set(Array.from({ length: count }, (_, i) => begins[i + 1]! - begins[i]!));
  return lengths.size === 1 ? [...lengths][0]! : 0;
}

export function numberedLengths(
  arena: Arena,
  starts: Pointer,
  count: number,
  numbers: Pointer,
  lengths: Pointer,
): void {
  const begins = arena.uint32(starts, count + 1);
  const to = new Uint32Array(arena.buffer, lengths);
  arena.uint32(numbers, count).forEach((number, i) => {
    if (number > 0) to[number - 1] = begins[i + 1]! - begins[i]!;
  });
}

export function offsetsOf(arena: Arena, lengths: Pointer, count: number): number {
  let sum = 0;
  const all = arena.uint32(lengths, count);
  all.forEach((length, i) => {
    all[i] = sum;
    sum += length;
  });
  return sum;
}

export interface EntriesToPlace {
  readonly at: Pointer;
  readonly starts: Pointer;
  readonly count: number;
  readonly numbers: Pointer;
  readonly offsets: Pointer;
  readonly length: number;
  readonly out: Pointer;
}

export function placeEntries(arena: Arena, entries: EntriesToPlace): void {
  const { at, starts, count, numbers, offsets, length, out } = entries;
  const bytes = new Uint8Array(arena.buffer);
  arena.uint32(numbers, count).forEach((number, i) => {
    if (number === 0) return;
    if (offsets === 0) {
      bytes.copyWithin(out + (number - 1) * length, at + i * length, at + (i + 1) * length);
      return;
    }
    const [from, end] = arena.uint32(starts + 4 * i, 2);
    const [to] = arena.uint32(offsets + 4 * (number - 1), 1);
    bytes.copyWithin(out + to!, at + from!, at + end!);
  });
}
