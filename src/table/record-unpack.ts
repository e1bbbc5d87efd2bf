import { RECORD_SLACK, unpackField } from "../bytes/bitfield.ts";
import type { QvdFieldHeader } from "../container/qvd/header.ts";
import { Arena } from "../kernel/arena.ts";
import { COLUMN_BYTES, getColumn, setColumn, storedCount, writeColumns } from "../kernel/column.ts";
import { createKernel, type KernelOptions } from "../kernel/wasm.ts";

/** Turns records into index columns: some fields, at most so many rows at a time. */
export interface Unpacker {
  /** Where records are read to. */
  readonly records: readonly [Uint8Array, Uint8Array];
  /** One a field, in the order given; written over each time. */
  readonly indexes: readonly Int32Array[];
  /**
   * Unpacks the first rows of a buffer.
   * @returns the number in the list of a field with an index that has no symbol; -1 if all have one. There is nothing
   *   to unpack after such a field was found.
   */
  unpack(buffer: 0 | 1, rows: number): number;
}

/** In TypeScript: the twin of {@link kernelUnpacker}, and quicker for small tables. */
export function scriptUnpacker(recordBytes: number, fields: readonly QvdFieldHeader[], maxRows: number): Unpacker {
  const room = () => new Uint8Array(maxRows * recordBytes + RECORD_SLACK);
  const records = [room(), room()] as const;
  const indexes = fields.map(() => new Int32Array(maxRows));
  return {
    records,
    indexes,
    unpack: (buffer, rows) =>
      fields.findIndex((f, k) => {
        const greatest = unpackField(records[buffer], recordBytes, rows, f.bitOffset, f.bitWidth, f.bias, indexes[k]!);
        return greatest >= f.noOfSymbols;
      }),
  };
}

/** With a kernel of its own; the columns are views of its memory. */
export function kernelUnpacker(
  recordBytes: number,
  fields: readonly QvdFieldHeader[],
  maxRows: number,
  build?: KernelOptions["build"],
): Unpacker {
  const chunk = Arena.sizeOf(maxRows * recordBytes);
  const columnsBytes = Arena.sizeOf(fields.length * COLUMN_BYTES);
  const { arena, unpack } = createKernel({
    arenaBytes: 2 * chunk + columnsBytes + fields.length * Arena.sizeOf(4 * maxRows),
    build,
  });
  const buffers = [arena.alloc(maxRows * recordBytes), arena.alloc(maxRows * recordBytes)] as const;
  const tables = fields.map(() => arena.alloc(4 * maxRows));
  // By place in the record, so that neighbours are unpacked together.
  const order = fields.map((_, k) => k).sort((a, b) => fields[a]!.bitOffset - fields[b]!.bitOffset);
  const columns = writeColumns(
    arena,
    order.map((k) => {
      const { bitOffset, bitWidth, bias, noOfSymbols } = fields[k]!;
      const entries = storedCount(noOfSymbols, bias);
      return { base: buffers[0], stride: recordBytes * 8, bitOffset, bitWidth, bias, table: tables[k]!, entries };
    }),
  );
  const [first, second] = buffers.map((at) => arena.bytes(at, maxRows * recordBytes + RECORD_SLACK));
  return {
    records: [first!, second!],
    indexes: tables.map((table) => arena.int32(table, maxRows)),
    unpack(buffer, rows) {
      order.forEach((_, i) => {
        setColumn(arena, columns + i * COLUMN_BYTES, "base", buffers[buffer]);
      });
      unpack(columns, fields.length, rows);
      const bad = order.filter((_, i) => getColumn(arena, columns + i * COLUMN_BYTES, "beyond") !== 0);
      return bad.length === 0 ? -1 : Math.min(...bad);
    },
  };
}
