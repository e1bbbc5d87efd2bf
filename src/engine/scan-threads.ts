import { Worker } from "node:worker_threads";
import { needs } from "../errors.ts";
import { ARENA_BASE, Arena } from "../kernel/arena.ts";
import { COLUMN_BYTES, writeColumns } from "../kernel/column.ts";
import { bestBuild } from "../kernel/module.ts";
import { maskBytes } from "../kernel/sizes.ts";
import { attachKernel } from "../kernel/wasm.ts";
import { MAX_KERNEL_BYTES } from "../limits.ts";
import { throwIfAborted } from "../table/record-chunks.ts";
import type { SelectedRecords, Selection, SelectRequest } from "../table/reduce-select.ts";
import { CONTROL_WORDS, NEXT, type ScanJob, type ScannedChunk, TAKEN } from "./scan-job.ts";

export interface ThreadOptions {
  /** Threads that read and test, at least 1; the calling one numbers and writes meanwhile. */
  readonly threads: number;
  /** The file a thread starts with; the built one beside this file if left out. */
  readonly worker?: URL | undefined;
}

const PAGE = 65_536;
/** Beyond every chunk number, within an int32. */
const ALL = 2 ** 30;
/** Slots a thread: while one is taken, another is filled. */
const SLOTS = 2;

/**
 * A selection for `reduceQvd` that worker threads make, reading the file by its descriptor. Chunks are handed out one by
 * one to whoever is free, and come back in the order of the table, so that the result is the same whatever the number of threads.
 * `undefined` where there is no WebAssembly.
 * @throws from the selection: `LIMIT_EXCEEDED` if the threads' memory passes what a kernel can address, `CANCELLED`
 */
export function threadedSelection(fd: number, options: ThreadOptions): Selection | undefined {
  const build = bestBuild();
  needs(Number.isInteger(options.threads) && options.threads >= 1, "USAGE", "a scan needs one thread at the least");
  if (build === undefined) return undefined;
  const worker = options.worker ?? new URL("./scan-worker.js", import.meta.url);
  return async function* select(request: SelectRequest): AsyncGenerator<SelectedRecords> {
    const chunks = Math.ceil(request.rows / request.chunkRows);
    const threads = Math.min(options.threads, Math.max(1, chunks));
    const pages = Math.ceil((ARENA_BASE + memoryOf(request, threads)) / PAGE);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const { arena } = attachKernel(memory, build);
    const jobs = layOut(arena, request, threads).map((places): ScanJob => {
      const { offset, recordBytes, rows, chunkRows } = request;
      return { memory, build, fd, offset, recordBytes, rows, chunkRows, count: request.columns.length, ...places };
    });
    const { control: at, slots } = jobs[0]!;
    const control = new Int32Array(memory.buffer, at, CONTROL_WORDS);
    const running = jobs.map((job) => new Worker(worker, { workerData: job }));
    const ended = Promise.all(running.map((each) => new Promise((resolve) => each.once("exit", resolve))));
    const arrivals = inOrder(running);
    try {
      for (let chunk = 0; chunk < chunks; chunk++) {
        throwIfAborted(request.signal);
        const kept = await arrivals(chunk);
        const row = chunk * request.chunkRows;
        const rows = Math.min(request.chunkRows, request.rows - row);
        const length = Math.max(0, kept) * request.recordBytes;
        const records = kept < 0 ? undefined : arena.bytes(slots[chunk % slots.length]!, length);
        yield { row, rows, kept: Math.max(0, kept), records };
        Atomics.add(control, TAKEN, 1);
        Atomics.notify(control, TAKEN);
      }
    } finally {
      // Nobody claims another chunk or waits for a slot: every thread comes to its end, and then nothing writes any more.
      Atomics.store(control, NEXT, chunks);
      Atomics.store(control, TAKEN, ALL);
      Atomics.notify(control, TAKEN);
      await ended;
      arena.wipe();
    }
  };
}

/** Waits for chunks in their order, in whatever order the threads are done. */
function inOrder(running: readonly Worker[]): (chunk: number) => Promise<number> {
  const done = new Map<number, number>();
  let wanted: { readonly chunk: number; readonly resolve: (kept: number) => void } | undefined;
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  for (const each of running) {
    each.on("error", fail);
    each.on("message", ({ chunk, kept }: ScannedChunk) => {
      if (wanted?.chunk === chunk) wanted.resolve(kept);
      else done.set(chunk, kept);
    });
  }
  return (chunk) => {
    const kept = done.get(chunk);
    done.delete(chunk);
    if (kept !== undefined) return Promise.resolve(kept);
    const arrival = new Promise<number>((resolve) => {
      wanted = { chunk, resolve };
    });
    return Promise.race([arrival, failed]);
  };
}

function memoryOf({ columns, chunkRows, recordBytes }: SelectRequest, threads: number): number {
  const chunk = Arena.sizeOf(chunkRows * recordBytes);
  const own = Arena.sizeOf(columns.length * COLUMN_BYTES) + chunk + Arena.sizeOf(maskBytes(chunkRows));
  const bits = columns.reduce((sum, column) => sum + Arena.sizeOf(column.bits.byteLength), 0);
  const sum = Arena.sizeOf(4 * CONTROL_WORDS) + bits + threads * (own + SLOTS * chunk);
  needs(sum <= MAX_KERNEL_BYTES, "LIMIT_EXCEEDED", `scanning takes ${sum} bytes of memory, over ${MAX_KERNEL_BYTES}`, {
    hint: "use fewer threads",
  });
  return sum;
}

type Places = Pick<ScanJob, "columns" | "chunk" | "mask" | "slots" | "control">;

function layOut(arena: Arena, { columns, chunkRows, recordBytes }: SelectRequest, threads: number): Places[] {
  const bytes = chunkRows * recordBytes;
  const control = arena.alloc(4 * CONTROL_WORDS);
  const tables = columns.map(({ bits }) => {
    const at = arena.alloc(bits.byteLength);
    arena.bytes(at, bits.byteLength).set(bits);
    return at;
  });
  const slots = Array.from({ length: threads * SLOTS }, () => arena.alloc(bytes));
  return Array.from({ length: threads }, () => {
    const places = columns.map(({ bitOffset, bitWidth, bias, entries }, k) => {
      return { base: 0, stride: recordBytes * 8, bitOffset, bitWidth, bias, table: tables[k]!, entries };
    });
    const own = writeColumns(arena, places);
    return { control, slots, columns: own, chunk: arena.alloc(bytes), mask: arena.alloc(maskBytes(chunkRows)) };
  });
}
