import { unpackField } from "../bytes/bitfield.ts";
import { type IndexRange, planBits } from "../container/qvd/bits.ts";
import { editedHeader } from "../container/qvd/header-build.ts";
import { headerBytes, placeTable } from "../container/qvd/writer.ts";
import { needs, QErr, quoted } from "../errors.ts";
import { Arena, type Pointer } from "../kernel/arena.ts";
import { COLUMN_BYTES, getColumn, setColumn, storedCount } from "../kernel/column.ts";
import type { Kernel, KernelBuild } from "../kernel/kernel.ts";
import { bitTableBytes } from "../kernel/sizes.ts";
import { createKernel } from "../kernel/wasm.ts";
import type { ByteSink } from "../source/sink.ts";
import type { QvdTable } from "./qvd-table.ts";
import { type RecordChunk, recordChunks } from "./record-chunks.ts";
import {
  type AllowedSymbols,
  arenaBytes,
  layOut,
  planReduction,
  type ReduceMemory,
  type ReducePlan,
} from "./reduce-memory.ts";
import type { Selection } from "./reduce-select.ts";
import { type PrunedSymbols, pruneSymbols } from "./reduce-symbols.ts";

export interface ReduceOptions {
  /** A row stays if each of these allows its symbol. A NULL is never allowed. */
  readonly allowed: readonly AllowedSymbols[];
  /** Ordinals of the fields that stay, in their new order; all if left out. */
  readonly fields?: readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the rows tested so far, and all. */
  readonly onProgress?: ((done: number, all: number) => void) | undefined;
  /** Bytes of kept records held in memory, 128 MiB if left out; more are read and tested a second time. */
  readonly keptBytes?: number | undefined;
  /** Record bytes read at a time. */
  readonly chunkBytes?: number | undefined;
  /** Gives a kernel whose arena is empty and has this many bytes; it is wiped when the reduction is over. */
  readonly kernel?: ((arenaBytes: number) => Kernel) | undefined;
  /** Chooses the records in place of the kernel, with the same result. */
  readonly select?: Selection | undefined;
}

export interface Reduction {
  readonly rows: number;
  readonly kept: number;
  /** Times the records were read: 2 if the kept ones did not fit memory. */
  readonly passes: 1 | 2;
  readonly build: KernelBuild;
}

const KEPT_BYTES = 128 * 1024 * 1024;

/** A reduction under way. */
interface Job {
  readonly table: QvdTable;
  readonly options: ReduceOptions;
  readonly kernel: Kernel;
  readonly plan: ReducePlan;
  readonly memory: ReduceMemory;
}

/**
 * Writes the rows of a QVD that are allowed, and nothing else of it: symbols that no kept row uses are gone, those that
 * stay are in the order of first use, widths, biases, padding and counts are computed anew, every other header element is
 * carried over. Memory is bounded by the symbol counts, not the rows. The caller commits or aborts the sink.
 * @throws `QVD_INDEX` if a tested field of any row, or any field of a kept row, refers to no symbol; `QVD_SYMBOL`;
 *   `USAGE` if a field is asked for twice; `SOURCE_CHANGED` if the second pass finds other rows than the first; `CANCELLED`; `LIMIT_EXCEEDED`
 */
export async function reduceQvd(sink: ByteSink, table: QvdTable, options: ReduceOptions): Promise<Reduction> {
  const { header } = table;
  const fields = options.fields ?? header.fields.map((_, ordinal) => ordinal);
  for (const ordinal of [...fields, ...options.allowed.map((a) => a.ordinal)]) {
    needs(header.fields[ordinal] !== undefined, "TABLE_NO_FIELD", `there is no field number ${ordinal}`);
  }
  needs(new Set(fields).size === fields.length, "USAGE", "a field is asked for twice");
  const keptBytes = options.keptBytes ?? KEPT_BYTES;
  const plan = planReduction(header, options.allowed, fields, { keptBytes, chunkBytes: options.chunkBytes });
  const need = arenaBytes(header, plan);
  const kernel = options.kernel?.(need) ?? createKernel({ arenaBytes: need });
  try {
    const memory = layOut(kernel, header, plan);
    return await reduce(sink, { table, options, kernel, plan, memory });
  } finally {
    kernel.arena.wipe();
  }
}

async function reduce(sink: ByteSink, job: Job): Promise<Reduction> {
  const { table, kernel, plan, memory } = job;
  const { header } = table;
  const { kept, held } = await selectRecords(job);
  const ranges = plan.fields.map((_, k) => rangeOf(job, k));
  const bits = planBits(ranges, kept);
  if (!held) kernel.arena.release(memory.kept);
  const hasRoom = (more: number) => kernel.arena.mark() + more <= memory.kept + Arena.sizeOf(plan.keptBytes);
  const symbols: PrunedSymbols[] = [];
  for (const [k, ordinal] of plan.fields.entries()) {
    symbols.push(await pruneSymbols(table, ordinal, kernel, memory.uses + k * COLUMN_BYTES, memory.symbols, hasRoom));
  }
  const place = placeTable(bits, symbols, kept);
  await sink.write(headerBytes(editedHeader(header, plan.fields, place), header));
  for (const each of symbols) await each.write(sink);
  for (const [k, field] of bits.fields.entries()) {
    setColumn(kernel.arena, memory.uses + k * COLUMN_BYTES, "toOffset", field.bitOffset);
    setColumn(kernel.arena, memory.uses + k * COLUMN_BYTES, "toWidth", field.bitWidth);
  }
  const write = recordWriter(sink, job, bits.recordByteSize);
  let written = 0;
  if (held) {
    for (; written < kept; written += plan.chunkRows) {
      const rows = Math.min(plan.chunkRows, kept - written);
      await write(memory.kept + written * header.recordByteSize, rows);
    }
    written = kept;
  } else {
    for await (const { kept: rows, place } of chosenChunks(job)) {
      written += rows;
      if (written > kept) throw changed(table);
      place(memory.spill);
      point(job, memory.spill);
      kernel.renumber(memory.uses, plan.fields.length, rows);
      checkBeyond(table, kernel, memory.uses, plan.fields, memory.spill, rows, undefined);
      if (ranges.some((range, k) => !unchanged(job, k, range))) throw changed(table);
      await write(memory.spill, rows);
    }
  }
  await write.finish();
  if (written !== kept) throw changed(table);
  return { rows: header.noOfRecords, kept, passes: held ? 1 : 2, build: kernel.build };
}

/** Points the descriptors of the fields that stay to records. */
function point({ kernel, plan, memory }: Job, records: Pointer): void {
  plan.fields.forEach((_, k) => {
    setColumn(kernel.arena, memory.uses + k * COLUMN_BYTES, "base", records);
  });
}

function rangeOf({ kernel, memory }: Job, k: number): IndexRange {
  const column = memory.uses + k * COLUMN_BYTES;
  return {
    symbolCount: getColumn(kernel.arena, column, "used"),
    nullable: getColumn(kernel.arena, column, "nulls") !== 0,
  };
}

/** False if the second pass met a symbol or a NULL that the first one did not. */
function unchanged(job: Job, k: number, range: IndexRange): boolean {
  const now = rangeOf(job, k);
  return now.symbolCount === range.symbolCount && now.nullable === range.nullable;
}

function chunksOf({ table, options, plan, kernel, memory }: Job): AsyncIterable<RecordChunk> {
  const { header, layout, source } = table;
  const bytes = plan.chunkRows * header.recordByteSize;
  return recordChunks(
    {
      source,
      offset: layout.records.offset,
      recordBytes: header.recordByteSize,
      from: 0,
      to: header.noOfRecords,
      chunkRows: plan.chunkRows,
      signal: options.signal,
    },
    [kernel.arena.bytes(memory.chunks[0], bytes), kernel.arena.bytes(memory.chunks[1], bytes)],
  );
}

/** Tests a chunk; the mask says which rows stay. Returns how many. */
function testRecords({ table, kernel, plan, memory }: Job, chunk: RecordChunk): number {
  const at = memory.chunks[chunk.buffer];
  plan.allowed.forEach((_, k) => {
    setColumn(kernel.arena, memory.tests + k * COLUMN_BYTES, "base", at);
  });
  kernel.test(memory.tests, plan.allowed.length, chunk.rows, memory.mask, false);
  const ordinals = plan.allowed.map((a) => a.ordinal);
  checkBeyond(table, kernel, memory.tests, ordinals, at, chunk.rows, chunk.row);
  return kernel.countRows(memory.mask, chunk.rows);
}

/** Records of one chunk that stay. */
interface ChosenChunk {
  /** Rows tested so far. */
  readonly tested: number;
  readonly kept: number;
  /** Copies them to an address. */
  readonly place: (to: Pointer) => void;
}

async function* chosenChunks(job: Job): AsyncGenerator<ChosenChunk> {
  const { table, options, kernel, memory } = job;
  const size = table.header.recordByteSize;
  const choose = (chunk: RecordChunk): ChosenChunk => ({
    tested: chunk.row + chunk.rows,
    kept: testRecords(job, chunk),
    place: (to) => kernel.compact(memory.chunks[chunk.buffer], size, chunk.rows, memory.mask, to),
  });
  if (options.select === undefined || size === 0) {
    for await (const chunk of chunksOf(job)) yield choose(chunk);
    return;
  }
  for await (const { row, rows, kept, records } of options.select(selectRequest(job))) {
    if (records === undefined) {
      const target = kernel.arena.bytes(memory.chunks[0], rows * size);
      await table.source.readInto(table.layout.records.offset + row * size, target);
      yield choose({ buffer: 0, row, rows });
    } else {
      yield { tested: row + rows, kept, place: (to) => kernel.arena.bytes(to, records.byteLength).set(records) };
    }
  }
}

function selectRequest({ table, options, kernel, plan, memory }: Job) {
  const { header, layout } = table;
  const columns = plan.allowed.map(({ ordinal }, k) => {
    const { noOfSymbols, bitOffset, bitWidth, bias } = header.fields[ordinal]!;
    const entries = storedCount(noOfSymbols, bias);
    const bits = getColumn(kernel.arena, memory.tests + k * COLUMN_BYTES, "table");
    return { bitOffset, bitWidth, bias, entries, bits: kernel.arena.bytes(bits, bitTableBytes(entries)).slice() };
  });
  return {
    offset: layout.records.offset,
    recordBytes: header.recordByteSize,
    rows: header.noOfRecords,
    chunkRows: plan.chunkRows,
    columns,
    signal: options.signal,
  };
}

/** The first pass: finds the rows that stay and numbers their symbols; keeps the records while there is room. */
async function selectRecords(job: Job): Promise<{ readonly kept: number; readonly held: boolean }> {
  const { table, options, kernel, plan, memory } = job;
  const { recordByteSize: size, noOfRecords } = table.header;
  let kept = 0;
  let held = true;
  for await (const { tested, kept: rows, place } of chosenChunks(job)) {
    held &&= (kept + rows) * size <= plan.keptBytes;
    if (held) kernel.arena.grow(memory.kept, (kept + rows) * size);
    const to = held ? memory.kept + kept * size : memory.spill;
    place(to);
    point(job, to);
    kernel.renumber(memory.uses, plan.fields.length, rows);
    checkBeyond(table, kernel, memory.uses, plan.fields, to, rows, undefined);
    kept += rows;
    options.onProgress?.(tested, noOfRecords);
  }
  return { kept, held };
}

/** Throws if one of the columns met an index without a symbol; `row` is the table's row of the first record. */
function checkBeyond(
  table: QvdTable,
  kernel: Kernel,
  columns: Pointer,
  ordinals: readonly number[],
  records: Pointer,
  rows: number,
  row: number | undefined,
): void {
  const { header, layout } = table;
  ordinals.forEach((ordinal, k) => {
    if (getColumn(kernel.arena, columns + k * COLUMN_BYTES, "beyond") === 0) return;
    const { name, noOfSymbols, bitOffset, bitWidth, bias } = header.fields[ordinal]!;
    const size = header.recordByteSize;
    const one = new Int32Array(1);
    const indexAt = (r: number) =>
      unpackField(kernel.arena.bytes(records + r * size, size + 8), size, 1, bitOffset, bitWidth, bias, one);
    let bad = 0;
    while (bad < rows - 1 && indexAt(bad) < noOfSymbols) bad += 1;
    const where = row === undefined ? "a row" : `row ${row + bad}`;
    const message = `index table: ${where} refers to symbol ${indexAt(bad)} of field ${quoted(name)}, which has ${noOfSymbols}`;
    throw new QErr("QVD_INDEX", message, {
      part: "index table",
      offset: row === undefined ? undefined : layout.records.offset + (row + bad) * size,
      length: size,
    });
  });
}

/** Repacks records into two buffers in turns, so that one is written while the next is filled. */
function recordWriter(sink: ByteSink, job: Job, recordByteSize: number) {
  const { kernel, plan, memory } = job;
  let turn = 0;
  let pending: Promise<void> | undefined;
  const write = async (records: Pointer, rows: number): Promise<void> => {
    const out = memory.out[turn++ % 2]!;
    const length = rows * recordByteSize;
    kernel.zero(out, length);
    point(job, records);
    kernel.repack(memory.uses, plan.fields.length, rows, out, recordByteSize * 8);
    await pending;
    pending = length === 0 ? undefined : sink.write(kernel.arena.bytes(out, length));
    // What fails is met at the next write, or at the end.
    pending?.catch(() => {});
  };
  return Object.assign(write, { finish: async () => pending });
}

function changed(table: QvdTable): QErr {
  return new QErr("SOURCE_CHANGED", `${table.source.name} changed while it was read`, { part: "index table" });
}
