import { ARENA_BASE, Arena, type Pointer } from "./arena.ts";
import { AT, COLUMN_BYTES, getColumn, setColumn } from "./column.ts";
import type { Kernel } from "./kernel.ts";
import { crc32c, utf8Prefix } from "./reference-bytes.ts";
import { evenLength, numberedLengths, offsetsOf, placeEntries, symbolsUtf8, walkSymbols } from "./reference-symbols.ts";
import { nullSpan } from "./sizes.ts";

/** A descriptor, read. */
interface Column {
  readonly at: Pointer;
  readonly base: Pointer;
  readonly stride: number;
  readonly bitOffset: number;
  readonly bitWidth: number;
  readonly bias: number;
  readonly table: Pointer;
  readonly entries: number;
  readonly toOffset: number;
  readonly toWidth: number;
  readonly seen: Pointer;
  readonly map: Pointer;
}

/**
 * The kernel in TypeScript: the oracle for the others, and what runs where WebAssembly is forbidden.
 * @param memory linear memory to work in; a new one of `arenaBytes` if left out
 */
export function referenceKernel(arenaBytes: number, memory?: ArrayBufferLike): Kernel {
  const buffer = memory ?? new ArrayBuffer(ARENA_BASE + arenaBytes);
  const arena = new Arena(buffer);
  const view = arena.view;
  const bytes = new Uint8Array(buffer);

  function read(columns: Pointer, k: number): Column {
    const at = columns + k * COLUMN_BYTES;
    const u32 = (member: keyof typeof AT) => view.getUint32(at + AT[member], true);
    return {
      at,
      base: u32("base"),
      stride: u32("stride"),
      bitOffset: u32("bitOffset"),
      bitWidth: u32("bitWidth"),
      bias: view.getInt32(at + AT.bias, true),
      table: u32("table"),
      entries: u32("entries"),
      toOffset: u32("toOffset"),
      toWidth: u32("toWidth"),
      seen: u32("seen"),
      map: u32("map"),
    };
  }

  function eachColumn(columns: Pointer, count: number, visit: (column: Column) => void): void {
    for (let k = 0; k < count; k++) visit(read(columns, k));
  }

  /** The bits of one index: at most 32, so over at most five bytes. Arithmetic, since 39 bits do not fit an int32. */
  function stored(c: Column, row: number): number {
    const bit = c.bitOffset + row * c.stride;
    const first = c.base + Math.floor(bit / 8);
    let value = 0;
    for (let i = 4; i >= 0; i--) value = value * 256 + bytes[first + i]!;
    return Math.floor(value / 2 ** (bit % 8)) % 2 ** c.bitWidth;
  }

  function setBits(base: Pointer, bit: number, width: number, value: number): void {
    for (let i = 0; i < width; i++) bytes[base + Math.floor((bit + i) / 8)]! &= ~(1 << ((bit + i) % 8));
    orBits(base, bit, width, value);
  }

  function orBits(base: Pointer, bit: number, width: number, value: number): void {
    for (let i = 0; i < width; i++) {
      if (Math.floor(value / 2 ** i) % 2 === 1) bytes[base + Math.floor((bit + i) / 8)]! |= 1 << ((bit + i) % 8);
    }
  }

  /** True if `index` has an entry; else it is noted. */
  function within(c: Column, index: number): boolean {
    if (index < c.entries) return true;
    const beyond = Math.min(index + 1, 0xffffffff);
    if (beyond > view.getUint32(c.at + AT.beyond, true)) view.setUint32(c.at + AT.beyond, beyond, true);
    return false;
  }

  function wrote(c: Column, value: number): void {
    view.setUint32(c.at + AT.wrote, view.getUint32(c.at + AT.wrote, true) | value, true);
  }

  const hasBit = (table: Pointer, i: number) => (bytes[table + (i >> 3)]! & (1 << (i & 7))) !== 0;

  return {
    build: "reference",
    arena,
    unpack(columns, count, rows) {
      eachColumn(columns, count, (c) => {
        for (let row = 0; row < rows; row++) {
          const index = stored(c, row);
          within(c, index);
          view.setInt32(c.table + row * 4, index + c.bias, true);
        }
      });
    },
    pack(columns, count, rows) {
      eachColumn(columns, count, (c) => {
        for (let row = 0; row < rows; row++) {
          const index = view.getInt32(c.table + row * 4, true);
          const value = index < 0 ? 0 : (index - c.bias) >>> 0;
          wrote(c, value);
          orBits(c.base, c.bitOffset + row * c.stride, c.bitWidth, value);
        }
      });
    },
    test(columns, count, rows, mask, refine) {
      for (let row = 0; row < rows; row++) {
        let passes = !refine || hasBit(mask, row);
        for (let k = 0; passes && k < count; k++) {
          const c = read(columns, k);
          const index = stored(c, row);
          passes = within(c, index) && hasBit(c.table, index);
        }
        if (passes) bytes[mask + (row >> 3)]! |= 1 << (row & 7);
        else bytes[mask + (row >> 3)]! &= ~(1 << (row & 7));
      }
      for (let row = rows; row % 64 !== 0; row++) bytes[mask + (row >> 3)]! &= ~(1 << (row & 7));
    },
    scatter(columns, count, rows, mask) {
      eachColumn(columns, count, (c) => {
        for (let row = 0; row < rows; row++) {
          if (mask !== 0 && !hasBit(mask, row)) continue;
          const index = stored(c, row);
          if (within(c, index)) bytes[c.table + (index >> 3)]! |= 1 << (index & 7);
        }
      });
    },
    renumber(columns, count, rows) {
      eachColumn(columns, count, (c) => {
        let used = view.getUint32(c.at + AT.used, true);
        for (let row = 0; row < rows; row++) {
          const index = stored(c, row);
          if (!within(c, index)) continue;
          let to = 0;
          if (index < nullSpan(c.bias)) {
            view.setUint32(c.at + AT.nulls, 1, true);
          } else {
            const entry = c.table + index * 4;
            if (view.getUint32(entry, true) === 0) {
              used += 1;
              view.setUint32(entry, used, true);
              if (c.seen !== 0) bytes[c.seen + (index >> 3)]! |= 1 << (index & 7);
            }
            to = view.getUint32(entry, true) - 1 + nullSpan(c.bias);
          }
          setBits(c.base, c.bitOffset + row * c.stride, c.bitWidth, to);
        }
        view.setUint32(c.at + AT.used, used, true);
      });
    },
    number(columns, count, rows) {
      eachColumn(columns, count, (c) => {
        const one = (member: "left" | "used", change: 1 | -1) =>
          setColumn(arena, c.at, member, getColumn(arena, c.at, member) + change);
        for (let row = 0; row < rows && getColumn(arena, c.at, "left") > 0; row++) {
          const index = stored(c, row);
          if (!within(c, index)) continue;
          const isNull = index < nullSpan(c.bias);
          const met = isNull ? getColumn(arena, c.at, "nulls") : view.getUint32(c.table + index * 4, true);
          if (met !== 0) continue;
          if (isNull) {
            setColumn(arena, c.at, "nulls", 1);
          } else {
            one("used", 1);
            view.setUint32(c.table + index * 4, getColumn(arena, c.at, "used"), true);
          }
          one("left", -1);
        }
      });
    },
    settle(column) {
      const c = read(column, 0);
      const hasNull = getColumn(arena, column, "nulls") !== 0;
      for (let index = 0; index < c.entries; index++) {
        const entry = c.table + index * 4;
        const number = view.getUint32(entry, true);
        const isNull = index < nullSpan(c.bias);
        const to = isNull ? 0 : number - 1 + (hasNull ? 2 : 0);
        view.setUint32(entry, (isNull ? hasNull : number !== 0) ? to : 0xffffffff, true);
      }
    },
    repack(columns, count, rows, out, toStride) {
      eachColumn(columns, count, (c) => {
        const nulls = view.getUint32(c.at + AT.nulls, true) === 0 ? 0 : 2;
        const rebiased = (from: number) => (from < 0 ? 0 : (from + nulls) >>> 0);
        for (let row = 0; row < rows; row++) {
          const index = stored(c, row);
          let value = 0;
          if (c.map === 0) value = rebiased(index - nullSpan(c.bias));
          else if (within(c, index)) value = view.getUint32(c.map + index * 4, true);
          wrote(c, value);
          orBits(out, c.toOffset + row * toStride, c.toWidth, value);
        }
      });
    },
    compact(records, recordBytes, rows, mask, out) {
      let kept = 0;
      for (let row = 0; row < rows; row++) {
        if (!hasBit(mask, row)) continue;
        const from = records + row * recordBytes;
        bytes.copyWithin(out + kept * recordBytes, from, from + recordBytes);
        kept += 1;
      }
      return kept;
    },
    countRows(mask, rows) {
      let count = 0;
      for (let row = 0; row < rows; row++) if (hasBit(mask, row)) count += 1;
      return count;
    },
    crc32c: (at, length, crc) => crc32c(bytes, at, length, crc),
    utf8: (at, length) => utf8Prefix(bytes, at, length),
    symbols: (at, length, count, starts, report) => walkSymbols(arena, at, length, count, starts, report),
    symbolsUtf8: (at, starts, count) => symbolsUtf8(arena, at, starts, count),
    evenLength: (starts, count) => evenLength(arena, starts, count),
    numberedLengths: (starts, count, numbers, lengths) => numberedLengths(arena, starts, count, numbers, lengths),
    offsetsOf: (lengths, count) => offsetsOf(arena, lengths, count),
    placeEntries: (at, starts, count, numbers, offsets, length, out) =>
      placeEntries(arena, { at, starts, count, numbers, offsets, length, out }),
    zero(at, length) {
      bytes.fill(0, at, at + length);
    },
    copy(to, from, length) {
      bytes.copyWithin(to, from, from + length);
    },
  };
}
