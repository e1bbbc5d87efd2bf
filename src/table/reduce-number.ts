import { unpackField } from "../bytes/bitfield.ts";
import type { IndexRange } from "../container/qvd/bits.ts";
import { QErr, quoted } from "../errors.ts";
import type { Pointer } from "../kernel/arena.ts";
import { COLUMN_BYTES, getColumn, setColumn } from "../kernel/column.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { QvdTable } from "./qvd-table.ts";
import { throwIfAborted } from "./record-chunks.ts";
import type { Job, KeptBlock } from "./reduce-job.ts";
import { useOf } from "./reduce-memory.ts";

/** Points the descriptor of a field that stays to a block, from its row `done` on. Returns the descriptor. */
export function point({ kernel, plan, memory }: Job, k: number, block: KeptBlock, done: number): Pointer {
  const { strip, keptAt } = plan.stripOf(memory.ordinals[k]!);
  const column = memory.uses + k * COLUMN_BYTES;
  setColumn(kernel.arena, column, "base", block.at + block.rows * keptAt + done * strip.recordBytes);
  return column;
}

/**
 * Numbers the symbols of the fields with small tables, while the block is in the cache, until all that there can be are
 * met. The records stay as they are: such tables are quick to look into again when the new records are made.
 */
export function numberSmall(job: Job, block: KeptBlock): void {
  const { table, kernel, memory } = job;
  for (let k = 0; k < memory.small; k++) point(job, k, block, 0);
  kernel.number(memory.uses, memory.small, block.rows);
  checkBeyond(table, kernel, memory.uses, memory.ordinals.slice(0, memory.small), block.rows, undefined);
}

/** Makes the tables of these fields say what the new records are to hold. From now on nobody asks for numbers. */
export function settleSmall({ kernel, memory }: Job): void {
  for (let k = 0; k < memory.small; k++) {
    const column = memory.uses + k * COLUMN_BYTES;
    kernel.settle(column);
    setColumn(kernel.arena, column, "map", getColumn(kernel.arena, column, "table"));
  }
}

/**
 * Numbers those of the fields with large tables, field by field: tables taken in turns would push each other out of
 * the cache and out of the processor's list of memory pages.
 */
export function numberLarge(job: Job, blocks: readonly KeptBlock[]): void {
  const { table, kernel, memory, options } = job;
  for (let k = memory.small; k < memory.ordinals.length; k++) {
    throwIfAborted(options.signal);
    for (const block of blocks) {
      const column = point(job, k, block, 0);
      kernel.renumber(column, 1, block.rows);
      checkBeyond(table, kernel, column, [memory.ordinals[k]!], block.rows, undefined);
    }
  }
}

export function rangeOf({ kernel, memory }: Job, ordinal: number): IndexRange {
  const column = useOf(memory, ordinal);
  return {
    symbolCount: getColumn(kernel.arena, column, "used"),
    nullable: getColumn(kernel.arena, column, "nulls") !== 0,
  };
}

/** False if the second pass met a symbol or a NULL that the first one did not. */
export function unchanged(job: Job, ordinal: number, range: IndexRange): boolean {
  const now = rangeOf(job, ordinal);
  return now.symbolCount === range.symbolCount && now.nullable === range.nullable;
}

/** Throws if one of the columns met an index without a symbol; `row` is the table's row of the first record. */
export function checkBeyond(
  table: QvdTable,
  kernel: Kernel,
  columns: Pointer,
  ordinals: readonly number[],
  rows: number,
  row: number | undefined,
): void {
  ordinals.forEach((ordinal, k) => {
    if (getColumn(kernel.arena, columns + k * COLUMN_BYTES, "beyond") === 0) return;
    const { name, noOfSymbols } = table.header.fields[ordinal]!;
    const { strip, bitOffset, bitWidth, bias } = table.records.places[ordinal]!;
    const { name: part, recordBytes: size, offset } = table.records.strips[strip]!;
    const records = getColumn(kernel.arena, columns + k * COLUMN_BYTES, "base");
    const one = new Int32Array(1);
    const indexAt = (r: number) =>
      unpackField(kernel.arena.bytes(records + r * size, size + 8), size, 1, bitOffset, bitWidth, bias, one);
    let bad = 0;
    while (bad < rows - 1 && indexAt(bad) < noOfSymbols) bad += 1;
    const where = row === undefined ? "a row" : `row ${row + bad}`;
    const message = `${part}: ${where} refers to symbol ${indexAt(bad)} of field ${quoted(name)}, which has ${noOfSymbols}`;
    throw new QErr("QVD_INDEX", message, {
      part,
      offset: row === undefined || offset === undefined ? undefined : offset + (row + bad) * size,
      length: offset === undefined ? undefined : size,
    });
  });
}
