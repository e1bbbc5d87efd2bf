import { setImmediate } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import type { Kernel } from "../kernel/kernel.ts";
import { maskBytes } from "../kernel/sizes.ts";
import { throwIfAborted } from "../table/record-chunks.ts";
import { chunkScanner } from "./scan-chunk.ts";
import { CLOSED, CONTROL_WORDS, chunksOf, claimChunk, GATE, NEXT, PENDING, type ScanJob, TAKEN } from "./scan-job.ts";

/** What came of a chunk; good until the next is asked for. */
export interface ScannedChunk {
  readonly row: number;
  readonly rows: number;
  /** Rows chosen; `undefined` if the chunk could not be read or has an index without a symbol: there is no result then. */
  readonly kept: number | undefined;
  /** The rows chosen, as a row mask; empty if nothing was tested. */
  readonly mask: Uint8Array;
  /** The chosen records one after the other; empty if they were not asked for. */
  readonly records: Uint8Array;
  /** The fields that were asked for, `kept` indexes each; negative for NULL. */
  readonly columns: readonly Int32Array[];
}

export interface RunOptions {
  readonly signal: AbortSignal | undefined;
  /** What a worker died of: a chunk that it had claimed never comes. */
  readonly failure: () => { readonly error: unknown } | undefined;
}

/** The event loop has its turn after so many milliseconds of scanning. */
const TURN = 15;
/** Milliseconds to sleep until a chunk comes, before the event loop has its turn. */
const PATIENCE = 5;

/**
 * Runs a scan that was laid out: the first job here, one each of the others in a worker. This thread works on chunks too
 * while the next one in the order of the table is not ready; for that it may wait, since it would work otherwise.
 */
export async function* runScan(
  kernel: Kernel,
  jobs: readonly ScanJob[],
  workers: readonly Worker[],
  { signal, failure }: RunOptions,
): AsyncGenerator<ScannedChunk> {
  const [job, ...others] = jobs as readonly [ScanJob, ...ScanJob[]];
  const { control } = job;
  const chunks = chunksOf(job);
  const slots = job.slots.length;
  const scan = chunkScanner(kernel, job);
  let turn = performance.now();
  try {
    others.forEach((each, k) => {
      workers[k]!.postMessage(each);
    });
    for (let chunk = 0; chunk < chunks; chunk++) {
      const word = CONTROL_WORDS + (chunk % slots);
      while (Atomics.load(control, word) === PENDING) {
        const claimed = claimChunk(control, chunks, slots);
        if (claimed >= 0) scan(claimed);
        else if (Atomics.wait(control, word, PENDING, PATIENCE) === "timed-out") turn = 0;
        if (performance.now() - turn > TURN) {
          await setImmediate();
          turn = performance.now();
          throwIfAborted(signal);
          const failed = failure();
          if (failed !== undefined) throw failed.error;
        }
      }
      throwIfAborted(signal);
      yield resultOf(kernel, job, chunk, Atomics.load(control, word));
      Atomics.store(control, word, PENDING);
      Atomics.add(control, TAKEN, 1);
      Atomics.notify(control, TAKEN);
    }
  } finally {
    await close(control, chunks, failure);
  }
}

function resultOf({ arena }: Kernel, job: ScanJob, chunk: number, state: number): ScannedChunk {
  const { slots, chunkRows, recordBytes, tests } = job;
  const { mask, records, columns } = slots[chunk % slots.length]!;
  const row = chunk * chunkRows;
  const rows = Math.min(chunkRows, job.rows - row);
  const kept = Math.max(0, state);
  return {
    row,
    rows,
    kept: state < 0 ? undefined : kept,
    mask: arena.bytes(mask, tests > 0 && state >= 0 ? maskBytes(rows) : 0),
    records: arena.bytes(records, records === 0 ? 0 : kept * recordBytes),
    columns: columns.map((table) => arena.int32(table, kept)),
  };
}

/** Nobody comes in any more, claims another chunk or waits for a slot; then nobody is in, or those who are have died. */
async function close(control: Int32Array, chunks: number, failure: RunOptions["failure"]): Promise<void> {
  Atomics.or(control, GATE, CLOSED);
  Atomics.store(control, NEXT, chunks);
  Atomics.add(control, TAKEN, 1);
  Atomics.notify(control, TAKEN);
  for (;;) {
    const gate = Atomics.load(control, GATE);
    if (gate === CLOSED) return;
    if (Atomics.wait(control, GATE, gate, PATIENCE) === "timed-out") await setImmediate();
    if (failure() !== undefined) return;
  }
}
