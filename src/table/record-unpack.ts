import { RECORD_SLACK, unpackField } from "../bytes/bitfield.ts";
import { Arena, type Pointer } from "../kernel/arena.ts";
import { COLUMN_BYTES, getColumn, setColumn, storedCount, writeColumns } from "../kernel/column.ts";
import { createKernel, type KernelOptions } from "../kernel/wasm.ts";
import type { FieldPlace } from "./strips.ts";

/** A field whose stored indexes are below those of its symbols, NULLs included. */
export interface PlacedField extends FieldPlace {
  readonly noOfSymbols: number;
}

/** Turns records into index columns: some fields, at most so many rows at a time. */
export interface Unpacker {
  /** Where records are read to, two buffers a strip. */
  readonly records: readonly [readonly Uint8Array[], readonly Uint8Array[]];
  /** One a field, in the order given; written over each time. */
  readonly indexes: readonly Int32Array[];
  /**
   * Unpacks the first rows of a buffer.
   * @returns the number in the list of a field with an index that has no symbol; -1 if all have one. There is nothing
   *   to unpack after such a field was found.
   */
  unpack(buffer: 0 | 1, rows: number): number;
  /** Overwrites records and indexes. */
  wipe(): void;
}

/** In TypeScript: the twin of {@link kernelUnpacker}, and quicker for small tables. */
export function scriptUnpacker(sizes: readonly number[], fields: readonly PlacedField[], maxRows: number): Unpacker {
  const room = () => sizes.map((size) => new Uint8Array(maxRows * size + RECORD_SLACK));
  const records = [room(), room()] as const;
  const indexes = fields.map(() => new Int32Array(maxRows));
  return {
    records,
    indexes,
    unpack: (buffer, rows) =>
      fields.findIndex(({ strip, bitOffset, bitWidth, bias, noOfSymbols }, k) => {
        const from = records[buffer][strip]!;
        return unpackField(from, sizes[strip]!, rows, bitOffset, bitWidth, bias, indexes[k]!) >= noOfSymbols;
      }),
    wipe() {
      for (const bytes of records.flat()) bytes.fill(0);
      for (const column of indexes) column.fill(0);
    },
  };
}

/**
 * With a kernel of its own; the columns are views of its memory.
 * @param sizes record bytes of each strip
 */
export function kernelUnpacker(
  sizes: readonly number[],
  fields: readonly PlacedField[],
  maxRows: number,
  build?: KernelOptions["build"],
): Unpacker {
  const chunk = sizes.reduce((sum, size) => sum + Arena.sizeOf(maxRows * size), 0);
  const columnsBytes = Arena.sizeOf(fields.length * COLUMN_BYTES);
  const { arena, unpack } = createKernel({
    arenaBytes: 2 * chunk + columnsBytes + fields.length * Arena.sizeOf(4 * maxRows),
    build,
  });
  const room = () => sizes.map((size) => arena.alloc(maxRows * size));
  const buffers = [room(), room()] as const;
  const tables = fields.map(() => arena.alloc(4 * maxRows));
  // By place in the record, so that neighbours are unpacked together.
  const order = fields
    .map((_, k) => k)
    .sort((a, b) => fields[a]!.strip - fields[b]!.strip || fields[a]!.bitOffset - fields[b]!.bitOffset);
  const columns = writeColumns(
    arena,
    order.map((k) => {
      const { strip, bitOffset, bitWidth, bias, noOfSymbols } = fields[k]!;
      const entries = storedCount(noOfSymbols, bias);
      return { base: 0, stride: sizes[strip]! * 8, bitOffset, bitWidth, bias, table: tables[k]!, entries };
    }),
  );
  const views = (at: readonly Pointer[]) => at.map((to, k) => arena.bytes(to, maxRows * sizes[k]! + RECORD_SLACK));
  return {
    records: [views(buffers[0]), views(buffers[1])],
    indexes: tables.map((table) => arena.int32(table, maxRows)),
    unpack(buffer, rows) {
      order.forEach((k, i) => {
        setColumn(arena, columns + i * COLUMN_BYTES, "base", buffers[buffer][fields[k]!.strip]!);
      });
      unpack(columns, fields.length, rows);
      const bad = order.filter((_, i) => getColumn(arena, columns + i * COLUMN_BYTES, "beyond") !== 0);
      return bad.length === 0 ? -1 : Math.min(...bad);
    },
    wipe: () => arena.wipe(),
  };
}
