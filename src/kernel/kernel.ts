import type { Arena, Pointer } from "./arena.ts";

/**
 * The hot loops, behind one typed door. Three builds do the same: readable TypeScript (`reference.ts`, the oracle), and
 * AssemblyScript with and without SIMD (`wasm.ts`). Only numbers and pointers cross it; what they point to lies in the
 * kernel's {@link Arena}.
 *
 * **Columns.** A stored index of a row is a run of bits: `bitWidth` bits, little endian, from bit
 * `bitOffset + row * stride` of `base`. With a stride of 8 bits times the record size that is a field of a row-major
 * index table (QVD); with a stride of `bitWidth` and offset 0 it is the bit vector of one column (QVF). Every function
 * that takes columns takes both. `columns` points to `count` descriptors of `COLUMN_BYTES` bytes (`column.ts`).
 *
 * **Stored space.** Tables that are looked up per row are in stored space: entry `s` belongs to the stored index `s`,
 * which stands for symbol `s + bias`, and for NULL where that is negative. A stored index at or above the descriptor's
 * `entries` is damage: it is never looked up, and raises `beyond` to itself plus 1, so the caller finds it after the call
 * (0: there was none; 2^32 counts as 2^32 - 1).
 *
 * **Row masks.** Bit `r & 7` of byte `r >> 3` is row `r`; a mask takes `maskBytes(rows)` bytes, the bits from `rows` on
 * are zero.
 *
 * **Slack.** Every buffer is followed by `SLACK` bytes that a kernel may read and write over; the arena's `alloc`
 * gives them. One call may cover at the most `MAX_CALL_BITS` bits of a column with a stride that is no whole byte.
 */
export interface Kernel {
  readonly build: KernelBuild;
  readonly arena: Arena;

  /**
   * For each column: `table[r] = stored + bias`, an int32 a row, negative for NULL; what is beyond `entries` is written
   * all the same. No table may lie over what is read.
   */
  unpack(columns: Pointer, count: number, rows: number): void;

  /**
   * The inverse: ORs `table[r] - bias`, or 0 for a negative index, into bits that were zero. `wrote` gathers the OR of
   * what was stored: it passes `2 ** bitWidth - 1` exactly if some index did not fit (its upper bits are dropped).
   */
  pack(columns: Pointer, count: number, rows: number): void;

  /**
   * A row passes if for every column its stored index has its bit set in `table` (bits in stored space, those of NULL
   * clear). With `refine` only rows set in `mask` before can pass. Columns are tested in order, and a row that failed is
   * not looked at again: `beyond` tells of the rows looked at.
   */
  test(columns: Pointer, count: number, rows: number, mask: Pointer, refine: boolean): void;

  /** Sets in each column's `table` the bit of every stored index of the rows in `mask`; of all rows if `mask` is 0. */
  scatter(columns: Pointer, count: number, rows: number, mask: Pointer): void;

  /**
   * Numbers the symbols of each column from 0 in the order of their first use, and writes the numbers in place of the
   * stored indexes: number `n` as `n + nullSpan(bias)`, NULL as 0. That always fits, since there are no more numbers than
   * stored indexes. `table` holds a uint32 for each of `entries` stored indexes, zero before the first call, then the
   * number plus 1; `used` counts. A NULL sets `nulls` to 1. What is beyond `entries` stays as it is. For a large table
   * `seen` may be a bit for each entry, zero before the first call, then set for the symbols met; the result is the same.
   */
  renumber(columns: Pointer, count: number, rows: number): void;

  /**
   * Numbers as {@link renumber} does, into `table`, but leaves the records as they are; `left`, set by the caller, is how
   * many symbols a column may still meet, and one more if it may meet NULL. Each that is met takes one off; at 0 the
   * column is looked at no more, nor for what is beyond `entries`.
   */
  number(columns: Pointer, count: number, rows: number): void;

  /**
   * Turns the `table` that {@link number} filled into a `map` for {@link repack}: for each stored index the value in the
   * new layout, all bits set where it was never met.
   */
  settle(column: Pointer): void;

  /**
   * Moves what {@link renumber} made to a new layout: each column as `toWidth` bits from bit `toOffset + row * toStride`
   * of `out`, ORed into zeros, with the bias -2 where `nulls` is set and 0 where not. Where `map` is set the
   * stored indexes are still the old ones: what is stored is their entry in it, and 0 for what is beyond `entries`.
   * `wrote` gathers the OR of what was stored, as in {@link pack}.
   */
  repack(columns: Pointer, count: number, rows: number, out: Pointer, toStride: number): void;

  /**
   * Copies the records in `mask` one after the other to `out`, which lies elsewhere. Returns how many.
   * With `recordBytes` 4 it compacts an unpacked column.
   */
  compact(records: Pointer, recordBytes: number, rows: number, mask: Pointer, out: Pointer): number;

  /** Rows in a mask. */
  countRows(mask: Pointer, rows: number): number;

  /** CRC-32C (Castagnoli, reflected 0x82F63B78, as in RFC 3720 B.4); `crc` is 0 or the value so far. */
  crc32c(bytes: Pointer, length: number, crc: number): number;

  /** Length of the longest well-formed prefix of whole characters (Unicode 15, table 3-7); `length` if all is UTF-8. */
  utf8(bytes: Pointer, length: number): number;

  /**
   * Walks a stored symbol table of `count` entries (`table/symbols.ts`). Writes where each begins to `starts` (uint32,
   * `count + 1` of them, the last is the end), and to `report` three uint32: entries that are whole, the offset of the
   * end or of the entry that is not, and the type bytes met as bits `1 << type`.
   */
  symbols(bytes: Pointer, length: number, count: number, starts: Pointer, report: Pointer): SymbolFault;

  /** The first entry whose text is not UTF-8; `count` if there is none. */
  symbolsUtf8(bytes: Pointer, starts: Pointer, count: number): number;

  /** The length of each of `count` entries if all are as long, else 0; `starts` has one more, the end of the last. */
  evenLength(starts: Pointer, count: number): number;

  /**
   * For each of `count` entries that has a number: `lengths[number] = bytes of the entry`. `numbers` is what
   * {@link renumber} made of `table`, from the first of these entries on: number plus 1, or 0 for an entry without one.
   */
  numberedLengths(starts: Pointer, count: number, numbers: Pointer, lengths: Pointer): void;

  /** Turns `count` lengths into offsets from the first, in place. Returns their sum. */
  offsetsOf(lengths: Pointer, count: number): number;

  /**
   * Copies each of `count` entries that has a number, as above, to `out + offsets[number]`. If all are as long, both
   * `starts` and `offsets` are 0: entries of `length` bytes lie one after the other from `bytes`, and go to
   * `out + number * length`. Writes nothing else, no slack either, so a table can come in parts.
   */
  placeEntries(
    bytes: Pointer,
    starts: Pointer,
    count: number,
    numbers: Pointer,
    offsets: Pointer,
    length: number,
    out: Pointer,
  ): void;

  /** `memory.fill` with zero and `memory.copy`. */
  zero(at: Pointer, length: number): void;
  copy(to: Pointer, from: Pointer, length: number): void;
}

export type KernelBuild = "reference" | "scalar" | "simd";

/** What is wrong with a symbol table; the numbers are those that cross the border. */
export const SYMBOL_FAULT = {
  NONE: 0,
  /** A type byte that is none of 1, 2, 4, 5, 6. */
  TYPE: 1,
  /** A number that runs past the end. */
  CUT: 2,
  /** A text without its closing NUL. */
  OPEN: 3,
  /** Fewer entries than said. */
  MISSING: 4,
  /** Bytes behind the last entry. */
  LEFT: 5,
} as const;

export type SymbolFault = (typeof SYMBOL_FAULT)[keyof typeof SYMBOL_FAULT];
