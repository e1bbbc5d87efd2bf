import { planBits } from "../container/qvd/bits.ts";
import { editedHeader } from "../container/qvd/header-build.ts";
import { headerBytes, placeTable } from "../container/qvd/writer.ts";
import { needs, QErr } from "../errors.ts";
import { Arena, type Pointer } from "../kernel/arena.ts";
import { COLUMN_BYTES, getColumn, setColumn } from "../kernel/column.ts";
import type { KernelBuild } from "../kernel/kernel.ts";
import { createKernel } from "../kernel/wasm.ts";
import type { ByteSink } from "../source/sink.ts";
import type { QvdTable } from "./qvd-table.ts";
import { throwIfAborted } from "./record-chunks.ts";
import type { Job, KeptBlock, ReduceOptions } from "./reduce-job.ts";
import { loadSymbols, pruneLoaded, startsRoom } from "./reduce-load.ts";
import { arenaBytes, layOut, planReduction, spentRoom, useOf } from "./reduce-memory.ts";
import { checkBeyond, numberLarge, numberSmall, point, rangeOf, settleSmall, unchanged } from "./reduce-number.ts";
import { type WriteQueue, writeQueue } from "./reduce-queue.ts";
import { chosenChunks } from "./reduce-scan.ts";
import { type PrunedSymbols, pruneSymbols } from "./reduce-symbols.ts";

export type { ReduceOptions } from "./reduce-job.ts";

export interface Reduction {
  readonly rows: number;
  readonly kept: number;
  /** Times the records were read: 2 if the kept ones did not fit memory. */
  readonly passes: 1 | 2;
  readonly build: KernelBuild;
}

const KEPT_BYTES = 128 * 1024 * 1024;

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
  const { table, options, kernel, plan, memory } = job;
  const { kept, blocks } = await selectRecords(job);
  if (blocks === undefined) kernel.arena.release(memory.kept);
  const end = memory.kept + Arena.sizeOf(plan.keptBytes) + Arena.sizeOf(plan.loadBytes);
  const hasRoom = (more: number) => kernel.arena.mark() + more <= end;
  const pruning = { table, kernel, plan, memory, signal: options.signal };
  const loads = loadSymbols(pruning, end - kernel.arena.mark());
  const starts = startsRoom(pruning);
  const symbols: PrunedSymbols[] = [];
  try {
    if (blocks !== undefined) numberLarge(job, blocks);
    for (const ordinal of plan.fields) {
      throwIfAborted(options.signal);
      const load = loads.get(ordinal);
      symbols.push(
        await (load ? pruneLoaded(pruning, ordinal, load, starts) : pruneSymbols(pruning, ordinal, hasRoom)),
      );
    }
  } finally {
    for (const { read } of loads.values()) await read.catch(() => {});
  }
  const ranges = plan.fields.map((ordinal) => rangeOf(job, ordinal));
  const bits = planBits(ranges, kept);
  const place = placeTable(bits, symbols, kept);
  const out = writeQueue(sink);
  out.add(headerBytes(editedHeader(table.header, plan.fields, place), table.header));
  for (const each of symbols) {
    if (each.held !== undefined) out.add(each.held());
    else await out.end().then(() => each.write(sink));
  }
  settleSmall(job);
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
      numberLarge(job, [block]);
      if (ranges.some((range, k) => !unchanged(job, plan.fields[k]!, range))) throw changed(table);
      await write(block, 0, rows);
    }
  }
  await out.end();
  if (written !== kept) throw changed(table);
  return { rows: table.header.noOfRecords, kept, passes: blocks === undefined ? 2 : 1, build: kernel.build };
}

/**
 * The first pass: finds the rows that stay and keeps their records while there is room. Numbers their symbols; those of
 * large tables are left for later as long as all records are kept.
 */
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
  // Blocks of a single strip are one.
  return { kept, blocks: plan.strips.length > 1 ? blocks : [{ at: memory.kept, rows: kept }] };
}

/** Repacks records into two buffers and `more` in turns, so that one is filled while others are written. */
function recordWriter(out: WriteQueue, job: Job, more: readonly Pointer[], recordByteSize: number) {
  const { table, kernel, plan, memory } = job;
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
    checkBeyond(table, kernel, memory.uses, memory.ordinals.slice(0, memory.small), rows, undefined);
    if (memory.ordinals.some((_, k) => !fits(job, k))) throw changed(table);
    written[buffer] = out.add(kernel.arena.bytes(to, length));
  };
}

/** False if a value was stored that has no place in the new layout: one that the first pass did not meet. */
function fits({ kernel, memory }: Job, k: number): boolean {
  const column = memory.uses + k * COLUMN_BYTES;
  return getColumn(kernel.arena, column, "wrote") < 2 ** getColumn(kernel.arena, column, "toWidth");
}

function changed(table: QvdTable): QErr {
  return new QErr("SOURCE_CHANGED", `${table.source.name} changed while it was read`, { part: "index table" });
}
