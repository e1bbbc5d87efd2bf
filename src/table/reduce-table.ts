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
import { type RecordChunk, recordChunks, throwIfAborted } from "./record-chunks.ts";
import {
  type AllowedSymbols,
  arenaBytes,
  layOut,
  planReduction,
  type ReduceMemory,
  type ReducePlan,
  spentRoom,
  useOf,
} from "./reduce-memory.ts";
import { type WriteQueue, writeQueue } from "./reduce-queue.ts";
import type { Selection, SelectRequest } from "./reduce-select.ts";
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
  const plan = planReduction(table, options.allowed, fields, { keptBytes, chunkBytes: options.chunkBytes });
  const need = arenaBytes(table, plan);
  const kernel = options.kernel?.(need) ?? createKernel({ arenaBytes: need });
  try {
    const memory = layOut(kernel, table, plan);
    return await reduce(sink, { table, options, kernel, plan, memory });
  } finally {
    kernel.arena.wipe();
  }
}

async function reduce(sink: ByteSink, job: Job): Promise<Reduction> {
  const { table, kernel, plan, memory } = job;
  const { kept, blocks } = await selectRecords(job);
  const ranges = plan.fields.map((ordinal) => rangeOf(job, ordinal));
  const bits = planBits(ranges, kept);
  if (blocks === undefined) kernel.arena.release(memory.kept);
  const hasRoom = (more: number) => kernel.arena.mark() + more <= memory.kept + Arena.sizeOf(plan.keptBytes);
  const symbols: PrunedSymbols[] = [];
  const pruning = { table, kernel, plan, memory, signal: job.options.signal };
  for (const ordinal of plan.fields) symbols.push(await pruneSymbols(pruning, ordinal, hasRoom));
  const place = placeTable(bits, symbols, kept);
  const out = writeQueue(sink);
  out.add(headerBytes(editedHeader(table.header, plan.fields, place), table.header));
  for (const each of symbols) {
    if (each.held !== undefined) out.add(each.held);
    else await out.end().then(() => each.write(sink));
  }
  for (const [k, field] of bits.fields.entries()) {
    const column = useOf(memory, plan.fields[k]!);
    setColumn(kernel.arena, column, "toOffset", field.bitOffset);
    setColumn(kernel.arena, column, "toWidth", field.bitWidth);
  }
  const write = recordWriter(out, job, blocks === undefined ? [] : spentRoom(table, plan, memory), bits.recordByteSize);
  let written = 0;
  if (blocks !== undefined) {
    for (const block of blocks) {
      for (let done = 0; done < block.rows; done += plan.chunkRows) {
        await write(block, done, Math.min(plan.chunkRows, block.rows - done));
      }
      written += block.rows;
    }
  } else {
    for await (const { kept: rows, place } of chosenChunks(job)) {
      written += rows;
      if (written > kept) throw changed(table);
      const block = { at: memory.spill, rows };
      place(block.at);
      numberSmall(job, block);
      numberLarge(job, [block]);
      if (ranges.some((range, k) => !unchanged(job, plan.fields[k]!, range))) throw changed(table);
      await write(block, 0, rows);
    }
  }
  await out.end();
  if (written !== kept) throw changed(table);
  return { rows: table.header.noOfRecords, kept, passes: blocks === undefined ? 2 : 1, build: kernel.build };
}

/** Kept rows in memory: all of them of one strip after the other. */
interface KeptBlock {
  readonly at: Pointer;
  readonly rows: number;
}

/** Points the descriptor of a field that stays to a block, from its row `done` on. Returns the descriptor. */
function point({ kernel, plan, memory }: Job, k: number, block: KeptBlock, done: number): Pointer {
  const { strip, keptAt } = plan.stripOf(memory.ordinals[k]!);
  const column = memory.uses + k * COLUMN_BYTES;
  setColumn(kernel.arena, column, "base", block.at + block.rows * keptAt + done * strip.recordBytes);
  return column;
}

/** Numbers the symbols of the fields with small tables, while the block is in the cache. */
function numberSmall(job: Job, block: KeptBlock): void {
  const { table, kernel, memory } = job;
  for (let k = 0; k < memory.small; k++) point(job, k, block, 0);
  kernel.renumber(memory.uses, memory.small, block.rows);
  checkBeyond(table, kernel, memory.uses, memory.ordinals.slice(0, memory.small), block.rows, undefined);
}

/**
 * Numbers those of the fields with large tables, field by field: tables taken in turns would push each other out of
 * the cache and out of the processor's list of memory pages.
 */
function numberLarge(job: Job, blocks: readonly KeptBlock[]): void {
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

function rangeOf({ kernel, memory }: Job, ordinal: number): IndexRange {
  const column = useOf(memory, ordinal);
  return {
    symbolCount: getColumn(kernel.arena, column, "used"),
    nullable: getColumn(kernel.arena, column, "nulls") !== 0,
  };
}

/** False if the second pass met a symbol or a NULL that the first one did not. */
function unchanged(job: Job, ordinal: number, range: IndexRange): boolean {
  const now = rangeOf(job, ordinal);
  return now.symbolCount === range.symbolCount && now.nullable === range.nullable;
}

function chunksOf({ table, options, plan, kernel, memory }: Job): AsyncIterable<RecordChunk> {
  const { chunkRows } = plan;
  const strips = plan.strips.map(({ strip }) => strip);
  const buffers = (chunk: Pointer) =>
    plan.strips.map(({ strip, at }) => kernel.arena.bytes(chunk + at, chunkRows * strip.recordBytes));
  return recordChunks({ strips, from: 0, to: table.header.noOfRecords, chunkRows, signal: options.signal }, [
    buffers(memory.chunks[0]),
    buffers(memory.chunks[1]),
  ]);
}

/** Tests a chunk; the mask says which rows stay. Returns how many. */
function testRecords({ table, kernel, plan, memory }: Job, chunk: RecordChunk): number {
  plan.allowed.forEach(({ ordinal }, k) => {
    const { at } = plan.stripOf(ordinal);
    setColumn(kernel.arena, memory.tests + k * COLUMN_BYTES, "base", memory.chunks[chunk.buffer] + at);
  });
  kernel.test(memory.tests, plan.allowed.length, chunk.rows, memory.mask, false);
  const ordinals = plan.allowed.map((a) => a.ordinal);
  checkBeyond(table, kernel, memory.tests, ordinals, chunk.rows, chunk.row);
  return kernel.countRows(memory.mask, chunk.rows);
}

/** Records of one chunk that stay. */
interface ChosenChunk {
  /** Rows tested so far. */
  readonly tested: number;
  readonly kept: number;
  /** Copies them to an address, one strip after the other. */
  readonly place: (to: Pointer) => void;
}

async function* chosenChunks(job: Job): AsyncGenerator<ChosenChunk> {
  const { options, kernel, plan, memory } = job;
  const choose = (chunk: RecordChunk): ChosenChunk => {
    const kept = testRecords(job, chunk);
    const place = (to: Pointer) => {
      // In this order: what a strip writes beyond its end is written over by the next.
      for (const { strip, at, keptAt } of plan.strips) {
        const from = memory.chunks[chunk.buffer] + at;
        kernel.compact(from, strip.recordBytes, chunk.rows, memory.mask, to + kept * keptAt);
      }
    };
    return { tested: chunk.row + chunk.rows, kept, place };
  };
  const request = selectRequest(job);
  if (options.select === undefined || request === undefined) {
    for await (const chunk of chunksOf(job)) yield choose(chunk);
    return;
  }
  for await (const { row, rows, kept, records } of options.select(request)) {
    if (records === undefined) {
      const target = kernel.arena.bytes(memory.chunks[0], rows * request.recordBytes);
      await plan.strips[0]!.strip.readInto(row, target);
      yield choose({ buffer: 0, row, rows });
    } else {
      yield { tested: row + rows, kept, place: (to) => kernel.arena.bytes(to, records.byteLength).set(records) };
    }
  }
}

/** Undefined if the file does not hold the records as they are: then nobody else can read them from there. */
function selectRequest({ table, options, kernel, plan, memory }: Job): SelectRequest | undefined {
  const { header } = table;
  const only = plan.strips[0]?.strip;
  if (plan.strips.length !== 1 || only?.offset === undefined || only.recordBytes === 0) return undefined;
  const columns = plan.allowed.map(({ ordinal }, k) => {
    const { bitOffset, bitWidth, bias } = table.records.places[ordinal]!;
    const entries = storedCount(header.fields[ordinal]!.noOfSymbols, bias);
    const bits = getColumn(kernel.arena, memory.tests + k * COLUMN_BYTES, "table");
    return { bitOffset, bitWidth, bias, entries, bits: kernel.arena.bytes(bits, bitTableBytes(entries)).slice() };
  });
  return {
    offset: only.offset,
    recordBytes: only.recordBytes,
    rows: header.noOfRecords,
    chunkRows: plan.chunkRows,
    columns,
    signal: options.signal,
  };
}

/** The first pass: finds the rows that stay and numbers their symbols; keeps the records while there is room. */
async function selectRecords(
  job: Job,
): Promise<{ readonly kept: number; readonly blocks: readonly KeptBlock[] | undefined }> {
  const { table, options, kernel, plan, memory } = job;
  const blocks: KeptBlock[] = [];
  let kept = 0;
  let held = true;
  for await (const { tested, kept: rows, place } of chosenChunks(job)) {
    if (held && (kept + rows) * plan.rowBytes > plan.keptBytes) {
      held = false;
      numberLarge(job, blocks);
    }
    if (held) kernel.arena.grow(memory.kept, (kept + rows) * plan.rowBytes);
    const block = { at: held ? memory.kept + kept * plan.rowBytes : memory.spill, rows };
    place(block.at);
    numberSmall(job, block);
    if (held) blocks.push(block);
    else numberLarge(job, [block]);
    kept += rows;
    options.onProgress?.(tested, table.header.noOfRecords);
  }
  if (!held) return { kept, blocks: undefined };
  numberLarge(job, blocks);
  // Blocks of a single strip are one.
  return { kept, blocks: plan.strips.length > 1 ? blocks : [{ at: memory.kept, rows: kept }] };
}

/** Throws if one of the columns met an index without a symbol; `row` is the table's row of the first record. */
function checkBeyond(
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

/** Repacks records into two buffers and `more` in turns, so that one is filled while others are written. */
function recordWriter(out: WriteQueue, job: Job, more: readonly Pointer[], recordByteSize: number) {
  const { kernel, plan, memory } = job;
  const buffers = [...memory.out, ...more];
  const written: Promise<void>[] = buffers.map(() => Promise.resolve());
  let turn = 0;
  return async (block: KeptBlock, done: number, rows: number): Promise<void> => {
    const buffer = turn++ % buffers.length;
    await written[buffer];
    const to = buffers[buffer]!;
    const length = rows * recordByteSize;
    kernel.zero(to, length);
    for (let k = 0; k < plan.fields.length; k++) point(job, k, block, done);
    kernel.repack(memory.uses, plan.fields.length, rows, to, recordByteSize * 8);
    written[buffer] = out.add(kernel.arena.bytes(to, length));
  };
}

function changed(table: QvdTable): QErr {
  return new QErr("SOURCE_CHANGED", `${table.source.name} changed while it was read`, { part: "index table" });
}
