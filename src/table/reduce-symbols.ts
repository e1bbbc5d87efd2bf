import { Arena, type Pointer } from "../kernel/arena.ts";
import { getColumn } from "../kernel/column.ts";
import { type Kernel, SYMBOL_FAULT } from "../kernel/kernel.ts";
import type { ByteSink } from "../source/sink.ts";
import type { QvdTable } from "./qvd-table.ts";
import { parseSymbols } from "./symbol-parse.ts";

/** The entries of a symbol table that are in use, in the order of first use. */
export interface PrunedSymbols {
  readonly count: number;
  readonly byteLength: number;
  write(sink: ByteSink): Promise<void>;
}

/**
 * Finds out how long the used part of a symbol table is, since the header that comes first says so. It stays in the
 * arena while `hasRoom` says so; else it is read again to be written.
 * @param column descriptor whose `order` and `used` say which entries
 * @param work room for the table, its starts, a report, and what is gathered
 * @throws `QVD_SYMBOL`, and what the source throws
 */
export async function pruneSymbols(
  table: QvdTable,
  ordinal: number,
  kernel: Kernel,
  column: Pointer,
  work: Pointer,
  hasRoom: (bytes: number) => boolean,
): Promise<PrunedSymbols> {
  const { arena } = kernel;
  const count = getColumn(arena, column, "used");
  const order = getColumn(arena, column, "order");
  const { noOfSymbols, length } = table.header.fields[ordinal]!;
  const { bias } = table.records.places[ordinal]!;
  const part = table.layout.symbols[ordinal]!;
  if (count === 0) return { count, byteLength: 0, write: async () => {} };

  const starts = work;
  const report = starts + Arena.sizeOf(4 * (noOfSymbols + 1));
  const bytes = report + Arena.sizeOf(12);
  const gathered = bytes + Arena.sizeOf(length);

  const read = async (): Promise<void> => {
    const target = arena.bytes(bytes, length);
    await table.readSymbols(ordinal, target);
    const fault = kernel.symbols(bytes, length, noOfSymbols, starts, report);
    // The walk in TypeScript says what is wrong, and where.
    if (fault !== SYMBOL_FAULT.NONE) parseSymbols(target.slice(), noOfSymbols, part.name, part.offset);
  };
  await read();
  const byteLength = kernel.gatheredBytes(starts, order, count, bias);
  if (hasRoom(Arena.sizeOf(byteLength))) {
    const at = arena.alloc(byteLength);
    kernel.gather(bytes, starts, order, count, bias, at);
    return { count, byteLength, write: (sink) => sink.write(arena.bytes(at, byteLength)) };
  }
  return {
    count,
    byteLength,
    async write(sink) {
      await read();
      kernel.gather(bytes, starts, order, count, bias, gathered);
      await sink.write(arena.bytes(gathered, byteLength));
    },
  };
}
