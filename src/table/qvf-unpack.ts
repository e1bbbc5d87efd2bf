import { Arena } from "../kernel/arena.ts";
import { COLUMN_BYTES, getColumn, setColumn, writeColumns } from "../kernel/column.ts";
import { createKernel, type KernelOptions } from "../kernel/wasm.ts";
import { unpackVector } from "./qvf-vector.ts";

/** A column of a QVF table to be unpacked. */
export interface VectorColumn {
  /** Inflated; empty if `width` is 0. */
  readonly vector: Uint8Array;
  readonly width: number;
  readonly bias: number;
  readonly symbolCount: number;
}

/** Turns index vectors into index columns, some rows at a time. */
export interface VectorUnpacker {
  /** One a column, in the order given; written over each time. */
  readonly indexes: readonly Int32Array[];
  /**
   * Unpacks the rows `[row, row + rows)`.
   * @returns the number of a column with an index that has no symbol; -1 if all have one
   */
  unpack(row: number, rows: number): number;
}

/** In TypeScript: the twin of {@link kernelVectors}, and quicker for small tables. */
export function scriptVectors(columns: readonly VectorColumn[], maxRows: number): VectorUnpacker {
  const indexes = columns.map(() => new Int32Array(maxRows));
  return {
    indexes,
    unpack: (row, rows) =>
      columns.findIndex(({ vector, width, bias, symbolCount }, k) => {
        return unpackVector(vector, width, bias, row, rows, indexes[k]!) >= symbolCount;
      }),
  };
}

/** With a kernel of its own; the columns are views of its memory. */
export function kernelVectors(
  columns: readonly VectorColumn[],
  maxRows: number,
  build?: KernelOptions["build"],
): VectorUnpacker {
  // One byte more, as rows may begin within a byte.
  const room = columns.map(({ width }) => Math.ceil((maxRows * width) / 8) + 1);
  const { arena, unpack } = createKernel({
    arenaBytes:
      room.reduce((sum, bytes) => sum + Arena.sizeOf(bytes) + Arena.sizeOf(4 * maxRows), 0) +
      Arena.sizeOf(columns.length * COLUMN_BYTES),
    build,
  });
  const buffers = room.map((bytes) => arena.alloc(bytes));
  const tables = columns.map(() => arena.alloc(4 * maxRows));
  const places = writeColumns(
    arena,
    columns.map(({ width, bias, symbolCount }, k) => ({
      base: buffers[k]!,
      stride: width,
      bitOffset: 0,
      bitWidth: width,
      bias,
      table: tables[k]!,
      // Of a positive bias the first symbols are out of reach.
      entries: Math.max(0, symbolCount - bias),
    })),
  );
  const targets = buffers.map((at, k) => arena.bytes(at, room[k]!));
  return {
    indexes: tables.map((table) => arena.int32(table, maxRows)),
    unpack(row, rows) {
      columns.forEach(({ vector, width }, k) => {
        const first = Math.floor((row * width) / 8);
        const end = Math.min(vector.byteLength, Math.ceil(((row + rows) * width) / 8));
        targets[k]!.set(vector.subarray(first, end));
        setColumn(arena, places + k * COLUMN_BYTES, "bitOffset", (row * width) % 8);
      });
      unpack(places, columns.length, rows);
      return columns.findIndex((_, k) => getColumn(arena, places + k * COLUMN_BYTES, "beyond") !== 0);
    },
  };
}
