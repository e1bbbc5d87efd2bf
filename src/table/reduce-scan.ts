import type { Pointer } from "../kernel/arena.ts";
import { COLUMN_BYTES, getColumn, setColumn, storedCount } from "../kernel/column.ts";
import { bitTableBytes } from "../kernel/sizes.ts";
import { type RecordChunk, recordChunks } from "./record-chunks.ts";
import type { Job } from "./reduce-job.ts";
import { checkBeyond } from "./reduce-number.ts";
import type { SelectRequest } from "./reduce-select.ts";

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
export interface ChosenChunk {
  /** Rows tested so far. */
  readonly tested: number;
  readonly kept: number;
  /** Copies them to an address, one strip after the other. */
  readonly place: (to: Pointer) => void;
}

/** Reads the table once, in order. */
export async function* chosenChunks(job: Job): AsyncGenerator<ChosenChunk> {
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
