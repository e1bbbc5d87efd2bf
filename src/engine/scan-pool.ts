import { Worker } from "node:worker_threads";
import { needs } from "../errors.ts";
import { ARENA_BASE, Arena } from "../kernel/arena.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { bestBuild, type WasmBuild } from "../kernel/module.ts";
import { attachModule, compileKernel } from "../kernel/wasm.ts";
import { chunksOf, type WorkerStart } from "./scan-job.ts";
import { layOutScan, type ScanWork, scanBytes } from "./scan-layout.ts";
import { runScan, type ScannedChunk } from "./scan-run.ts";

/** Memory that all threads of a pool can have. */
export interface SharedKernel {
  readonly memory: WebAssembly.Memory;
  readonly kernel: Kernel;
}

/** Where the records are: in a file, from byte `offset` on, or in linear memory, from address `offset` on. */
export type ScanPlace =
  | { readonly fd: number; readonly offset: number }
  | { readonly shared: SharedKernel; readonly offset: number };

export interface ScanRequest extends ScanWork {
  readonly place: ScanPlace;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Threads that scan records. They start once and wait between scans; the thread that asks for a scan takes part in it.
 * Several owners may share them: they end when the last owner has closed it and no scan goes on.
 */
export interface ScanPool {
  /** Threads that work on a scan, the one that asks for it among them. */
  readonly threads: number;
  readonly build: WasmBuild;
  /**
   * Scans all records. Chunks are handed out one by one to whoever is free, and come back in the order of the table, so
   * the result is the same whatever the number of threads. Memory is bounded by the chunks under way, not the rows.
   * @throws `CANCELLED`; `USAGE` if the pool is closed; `LIMIT_EXCEEDED` if it takes more memory than a kernel can address
   */
  scan(request: ScanRequest): AsyncGenerator<ScannedChunk>;
  /** Memory for `bytes` bytes of records, and for what a scan of each of `works` takes beside them. */
  room(bytes: number, works: readonly ScanWork[]): SharedKernel;
  /** The same threads for another owner, who closes it too. */
  share(): ScanPool;
  close(): Promise<void>;
}

export interface PoolOptions {
  /** Threads that work on a scan, at least 1: one less is started. */
  readonly threads: number;
  /** The file a thread starts with; the built one beside this file if left out. */
  readonly worker?: URL | undefined;
}

const PAGE = 65_536;

/**
 * Starts the threads of a pool, and waits until they are ready. `undefined` where there is no WebAssembly.
 * @throws `USAGE`; what a thread threw that could not start
 */
export async function openScanPool(options: PoolOptions): Promise<ScanPool | undefined> {
  const { threads } = options;
  needs(Number.isInteger(threads) && threads >= 1, "USAGE", "a scan needs one thread at the least");
  const build = bestBuild();
  if (build === undefined) return undefined;
  const crew = new Crew(build, threads, options.worker ?? new URL("./scan-worker.js", import.meta.url));
  try {
    await crew.ready();
  } catch (error) {
    await crew.release();
    throw error;
  }
  return handleOf(crew);
}

function handleOf(crew: Crew): ScanPool {
  let open = true;
  const check = () => needs(open, "USAGE", "the threads of this scan were closed: open others");
  return {
    threads: crew.threads,
    build: crew.build,
    async *scan(request) {
      check();
      yield* crew.scan(request);
    },
    room(bytes, works) {
      check();
      const beside = Math.max(...works.map((work) => scanBytes(work, false, crew.threads)));
      return crew.newMemory(Arena.sizeOf(bytes) + beside);
    },
    share() {
      check();
      crew.retain();
      return handleOf(crew);
    },
    async close() {
      if (!open) return;
      open = false;
      await crew.release();
    },
  };
}

/** The threads themselves; whoever uses them counts. */
class Crew {
  readonly build: WasmBuild;
  readonly threads: number;
  readonly #module: WebAssembly.Module;
  readonly #workers: readonly Worker[];
  #users = 1;
  /** Memory of a scan that is over, wiped. */
  #idle: SharedKernel | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(build: WasmBuild, threads: number, file: URL) {
    this.build = build;
    this.threads = threads;
    this.#module = compileKernel(build, true);
    const workerData: WorkerStart = { module: this.#module, build };
    this.#workers = Array.from({ length: threads - 1 }, () => new Worker(file, { workerData }));
    for (const worker of this.#workers) {
      worker.on("error", (error) => {
        this.#failure ??= { error };
      });
    }
  }

  async ready(): Promise<void> {
    await Promise.all(
      this.#workers.map(async (worker) => {
        await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
        // While a scan goes on, the thread that asked for it keeps the process alive.
        worker.unref();
      }),
    );
  }

  retain(): void {
    this.#users += 1;
  }

  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#idle = undefined;
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  newMemory(arenaBytes: number): SharedKernel {
    const pages = Math.ceil((ARENA_BASE + arenaBytes) / PAGE);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    return { memory, kernel: attachModule(memory, this.#module, this.build) };
  }

  async *scan(request: ScanRequest): AsyncGenerator<ScannedChunk> {
    const { place, signal } = request;
    const fromFile = "fd" in place;
    const threads = Math.min(this.threads, Math.max(1, chunksOf(request)));
    const bytes = scanBytes(request, fromFile, threads);
    this.retain();
    const { memory, kernel } = fromFile ? this.#takeMemory(bytes) : place.shared;
    const { arena } = kernel;
    const mark = arena.mark();
    try {
      const from = { memory, fd: fromFile ? place.fd : -1, offset: place.offset };
      const jobs = layOutScan(arena, request, from, threads);
      yield* runScan(kernel, jobs, this.#workers, { signal, failure: () => this.#failure });
    } finally {
      // Every thread has left it.
      if (fromFile) {
        arena.wipe();
        this.#idle = { memory, kernel };
      } else {
        arena.release(mark);
      }
      await this.release();
    }
  }

  #takeMemory(bytes: number): SharedKernel {
    const idle = this.#idle;
    this.#idle = undefined;
    return idle !== undefined && idle.kernel.arena.capacity >= bytes ? idle : this.newMemory(bytes);
  }
}
