import { bitPositions, wordsFor } from "../table/model-bits.ts";
import { encodeSymbols } from "../table/model-cells.ts";
import type { SymbolTable } from "../table/symbols.ts";

/**
 * Numbers the symbols of one domain by first use over all its columns. The loops are plain functions over typed arrays:
 * a million symbols go through each, and as methods that meet several shapes they were compiled anew for every column.
 */
export class FirstUse {
  readonly #from: SymbolTable;
  /** Per symbol its number plus 1, or 0. */
  readonly #numbers: Uint32Array;
  /** A bit for each symbol met: it stays in the cache where the numbers of a large domain do not. */
  readonly #seen: Uint32Array;
  #count = 0;

  constructor(from: SymbolTable) {
    this.#from = from;
    this.#numbers = new Uint32Array(from.count);
    this.#seen = new Uint32Array(wordsFor(from.count));
  }

  /** The column of the rows at `kept`, or of all, in the new numbers. */
  renumber(index: Int32Array, kept: Int32Array | undefined): Int32Array {
    const out = kept === undefined ? index.slice() : pick(index, kept);
    this.#count = renumberInPlace(out, this.#numbers, this.#seen, this.#count);
    return out;
  }

  /** 0, 1, 2, … in place of the symbols. */
  numbers(): SymbolTable {
    return encodeSymbols(Array.from({ length: this.#count }, (_, i) => i));
  }

  symbols(): SymbolTable {
    const count = this.#count;
    const { bytes, starts } = this.#from;
    const met = bitPositions(this.#seen);
    const length = evenLength(starts, met);
    const to = new Uint32Array(count + 1);
    if (length > 0) evenStarts(to, length);
    else startsOf(to, starts, met, this.#numbers);
    const out = new Uint8Array(to[count]!);
    if (length > 0) placeEven(out, length, bytes, starts, met, this.#numbers);
    else place(out, to, bytes, starts, met, this.#numbers);
    return { bytes: out, starts: to, count };
  }
}

function pick(index: Int32Array, kept: Int32Array): Int32Array {
  const out = new Int32Array(kept.length);
  for (let r = 0; r < kept.length; r++) out[r] = index[kept[r]!]!;
  return out;
}

/** Returns how many numbers are given now. What is met first waits for no look at its number. */
function renumberInPlace(column: Int32Array, numbers: Uint32Array, seen: Uint32Array, given: number): number {
  let count = given;
  for (let r = 0; r < column.length; r++) {
    const s = column[r]!;
    if (s < 0) continue;
    const word = seen[s >>> 5]!;
    const bit = 1 << (s & 31);
    if ((word & bit) !== 0) {
      column[r] = numbers[s]! - 1;
      continue;
    }
    seen[s >>> 5] = word | bit;
    column[r] = count;
    count += 1;
    numbers[s] = count;
  }
  return count;
}

/** The length of every entry in use if all are as long, else 0: numbers are, and so are codes and dates as texts. */
function evenLength(starts: Uint32Array, met: Int32Array): number {
  let even = 0;
  for (let i = 0; i < met.length; i++) {
    const length = starts[met[i]! + 1]! - starts[met[i]!]!;
    if (i === 0) even = length;
    else if (length !== even) return 0;
  }
  return even;
}

function evenStarts(to: Uint32Array, length: number): void {
  for (let i = 0; i < to.length; i++) to[i] = i * length;
}

function startsOf(to: Uint32Array, starts: Uint32Array, met: Int32Array, numbers: Uint32Array): void {
  for (let i = 0; i < met.length; i++) {
    const s = met[i]!;
    to[numbers[s]!] = starts[s + 1]! - starts[s]!;
  }
  for (let i = 1; i < to.length; i++) to[i]! += to[i - 1]!;
}

/** Entries up to this many bytes are copied four bytes at a time: a view for each would cost more than the copy. */
const LONG = 64;

/**
 * Entries that are all as long, whose places follow from their numbers. Symbols are gone through as they lie, so what
 * jumps are stores, which nothing waits for.
 */
function placeEven(
  out: Uint8Array,
  length: number,
  bytes: Uint8Array,
  starts: Uint32Array,
  met: Int32Array,
  numbers: Uint32Array,
): void {
  const source = new DataView(bytes.buffer, bytes.byteOffset);
  const target = new DataView(out.buffer);
  for (let i = 0; i < met.length; i++) {
    const s = met[i]!;
    copyEntry(source, starts[s]!, target, (numbers[s]! - 1) * length, length);
  }
}

function place(
  out: Uint8Array,
  to: Uint32Array,
  bytes: Uint8Array,
  starts: Uint32Array,
  met: Int32Array,
  numbers: Uint32Array,
): void {
  const source = new DataView(bytes.buffer, bytes.byteOffset);
  const target = new DataView(out.buffer);
  for (let i = 0; i < met.length; i++) {
    const s = met[i]!;
    const at = starts[s]!;
    const length = starts[s + 1]! - at;
    const there = to[numbers[s]! - 1]!;
    if (length > LONG) out.set(bytes.subarray(at, at + length), there);
    else copyEntry(source, at, target, there, length);
  }
}

/** The last four bytes overlap those before; the shortest entry, an empty text, has two. */
function copyEntry(source: DataView, at: number, target: DataView, to: number, length: number): void {
  if (length < 4) {
    for (let i = 0; i < length; i++) target.setUint8(to + i, source.getUint8(at + i));
    return;
  }
  const last = length - 4;
  for (let i = 0; i < last; i += 4) target.setInt32(to + i, source.getInt32(at + i));
  target.setInt32(to + last, source.getInt32(at + last));
}
