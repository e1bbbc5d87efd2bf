import type { Arena, Pointer } from "./arena.ts";
import { bitTableBytes } from "./sizes.ts";

/**
 * A column descriptor, {@link COLUMN_BYTES} bytes, little endian:
 *
 *     +0  u32 base       address of row 0            +28 u32 beyond     greatest stored index >= entries, plus 1
 *     +4  u32 stride     bits from row to row        +32 u32 toOffset   repack: first bit in the new record
 *     +8  u32 bitOffset  first bit                   +36 u32 toWidth    repack: bits in the new record
 *     +12 u32 bitWidth   0-32                        +40 u32 seen       renumber: bits of symbols met, or 0
 *     +16 i32 bias       index = stored + bias       +44 u32 used       renumber: symbols met
 *     +20 u32 table      address; see Kernel         +48 u32 nulls      renumber: 1 if a NULL was met
 *     +24 u32 entries    of that table               +52 u32 wrote      pack, repack: OR of what was stored
 *     +56 u32 left       number: yet to be met       +60 u32 map        repack: table of new values, or 0
 *                                                    +64 64 bytes      the kernel's own, while it runs
 */
export const COLUMN_BYTES = 128;

export const AT = {
  base: 0,
  stride: 4,
  bitOffset: 8,
  bitWidth: 12,
  bias: 16,
  table: 20,
  entries: 24,
  beyond: 28,
  toOffset: 32,
  toWidth: 36,
  seen: 40,
  used: 44,
  nulls: 48,
  wrote: 52,
  left: 56,
  map: 60,
} as const;

/** What goes into a descriptor; what is left out is 0. */
export interface ColumnPlace {
  readonly base: Pointer;
  /** Bits. */
  readonly stride: number;
  readonly bitOffset: number;
  readonly bitWidth: number;
  readonly bias: number;
  readonly table?: Pointer;
  /** Stored indexes that have an entry in `table`. */
  readonly entries?: number;
  readonly toOffset?: number;
  readonly toWidth?: number;
  readonly seen?: Pointer;
  readonly left?: number;
}

/** Allocates and writes descriptors, one after the other. */
export function writeColumns(arena: Arena, columns: readonly ColumnPlace[]): Pointer {
  const at = arena.alloc(columns.length * COLUMN_BYTES);
  arena.bytes(at, columns.length * COLUMN_BYTES).fill(0);
  columns.forEach((column, k) => {
    const to = at + k * COLUMN_BYTES;
    arena.view.setInt32(to + AT.bias, column.bias, true);
    setColumn(arena, to, "base", column.base);
    setColumn(arena, to, "stride", column.stride);
    setColumn(arena, to, "bitOffset", column.bitOffset);
    setColumn(arena, to, "bitWidth", column.bitWidth);
    setColumn(arena, to, "table", column.table ?? 0);
    setColumn(arena, to, "entries", column.entries ?? 0);
    setColumn(arena, to, "toOffset", column.toOffset ?? 0);
    setColumn(arena, to, "toWidth", column.toWidth ?? 0);
    setColumn(arena, to, "seen", column.seen ?? 0);
    setColumn(arena, to, "left", column.left ?? 0);
  });
  return at;
}

/** Any member of a descriptor but `bias`. */
export function setColumn(arena: Arena, column: Pointer, member: keyof typeof AT, value: number): void {
  arena.view.setUint32(column + AT[member], value, true);
}

export function getColumn(arena: Arena, column: Pointer, member: keyof typeof AT): number {
  return arena.view.getUint32(column + AT[member], true);
}

/**
 * Stored indexes a field can have: NULLs and symbols. A kernel table needs no more entries, whatever the width.
 * @param symbols symbols of the field
 */
export function storedCount(symbols: number, bias: number): number {
  return Math.max(0, symbols - bias);
}

/**
 * Writes a set of symbols as a bit table in stored space: NULL is never in it. Returns how many can be stored.
 * @param has asked for each symbol
 */
export function writeSymbolBits(
  arena: Arena,
  table: Pointer,
  symbols: number,
  bias: number,
  has: (symbol: number) => boolean,
): number {
  const bits = arena.bytes(table, bitTableBytes(storedCount(symbols, bias)));
  bits.fill(0);
  let count = 0;
  for (let symbol = Math.max(0, bias); symbol < symbols; symbol++) {
    if (!has(symbol)) continue;
    bits[(symbol - bias) >> 3]! |= 1 << ((symbol - bias) & 7);
    count += 1;
  }
  return count;
}

/** The symbols of a bit table in stored space, ascending. */
export function readSymbolBits(arena: Arena, table: Pointer, symbols: number, bias: number): number[] {
  const bits = arena.bytes(table, bitTableBytes(storedCount(symbols, bias)));
  const all: number[] = [];
  for (let symbol = Math.max(0, bias); symbol < symbols; symbol++) {
    if (bits[(symbol - bias) >> 3]! & (1 << ((symbol - bias) & 7))) all.push(symbol);
  }
  return all;
}
