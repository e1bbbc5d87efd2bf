import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Arena } from "../src/kernel/arena.ts";
import type { KernelBuild } from "../src/kernel/kernel.ts";
import { kernelPool } from "../src/kernel/pool.ts";
import { createKernel } from "../src/kernel/wasm.ts";
import { MAX_KERNEL_BYTES } from "../src/limits.ts";
import { fileSource } from "../src/source/file.ts";
import { openQvdTable } from "../src/table/qvd-table.ts";
import { throwIfAborted } from "../src/table/record-chunks.ts";
import { T16, T60 } from "./data.ts";
import { kernelFigures } from "./kernel.ts";
import { type Figure, machine, thousandths, watchOthers } from "./measure.ts";
import { readFile, reduceFile } from "./reduce.ts";
import { threadFigures } from "./threads.ts";
import { makeWideTable } from "./wide-table.ts";

export interface HostBenchOptions {
  /** A tenth of the rows. */
  readonly quick?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with what is done next. */
  readonly onStep?: ((step: string) => void) | undefined;
}

/** What qvault does on this machine, against the machine's own `memory.copy` in the same run. */
export interface HostBench {
  readonly machine: ReturnType<typeof machine>;
  readonly build: KernelBuild;
  /** Threads that worked on each figure, unless it says otherwise. */
  readonly threads: 1;
  /** Cores that other processes used meanwhile, on average: from 0.3 on the figures are not those of a quiet machine. */
  readonly otherCores: number;
  /** Rows of the generated tables. */
  readonly rows: number;
  readonly figures: readonly Figure[];
}

const READ_ROWS = 1_000_000;

/** Runs the kernels over generated records, then the reduction and reading of generated files in a temporary folder. */
export async function hostBench(options: HostBenchOptions = {}): Promise<HostBench> {
  const { quick = false, signal, onStep } = options;
  const rows = quick ? 1_000_000 : 10_000_000;
  const rounds = quick ? 5 : 7;
  const step = (name: string) => {
    throwIfAborted(signal);
    onStep?.(name);
  };
  const otherCores = watchOthers();
  const figures: Figure[] = [];
  for (const data of [T16, T60]) {
    step(`kernels over ${data.name}`);
    figures.push(...kernelFigures(data, { rows, rounds }));
  }
  const folder = await mkdtemp(join(tmpdir(), "qvault-bench-"));
  try {
    const path = join(folder, "wide.qvd");
    const small = join(folder, "read.qvd");
    step("making the files");
    await makeWideTable(path, rows);
    if (rows !== READ_ROWS) await makeWideTable(small, READ_ROWS);
    step("reduction");
    const out = join(folder, "out.qvd");
    const pool = kernelPool(MAX_KERNEL_BYTES);
    const reduction = await againstCopy("reduce file to file, keeping 10 %", await recordBytesOf(path), rounds, {
      before: () => rm(out, { force: true }),
      work: () => reduceFile(path, out, pool),
    });
    pool.clear();
    figures.push(...reduction);
    step("threads");
    figures.push(...(await threadFigures(path, rounds)));
    step("reading");
    const from = rows === READ_ROWS ? path : small;
    figures.push(
      ...(await againstCopy("read 1 M rows x 10 to columns", await recordBytesOf(from), rounds, {
        work: () => readFile(from),
      })),
    );
    const { build } = createKernel({ arenaBytes: 64 });
    return { machine: machine(), build, threads: 1, otherCores: otherCores(), rows, figures };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function recordBytesOf(path: string): Promise<number> {
  const table = await openQvdTable(await fileSource(path));
  await table.close();
  return table.header.noOfRecords * table.header.recordByteSize;
}

/** Times work in turns with a copy of as many bytes; keeps the least of each. */
async function againstCopy(
  name: string,
  bytes: number,
  rounds: number,
  { before, work }: { readonly before?: () => Promise<void>; readonly work: () => Promise<unknown> },
): Promise<Figure[]> {
  const { arena, copy } = createKernel({ arenaBytes: 2 * Arena.sizeOf(bytes) });
  const from = arena.alloc(bytes);
  const to = arena.alloc(bytes);
  arena.bytes(from, bytes).fill(1);
  let copied = Number.POSITIVE_INFINITY;
  let worked = Number.POSITIVE_INFINITY;
  for (let round = -2; round < rounds; round++) {
    await before?.();
    const start = performance.now();
    copy(to, from, bytes);
    const middle = performance.now();
    await work();
    const end = performance.now();
    if (round < 0) continue;
    copied = Math.min(copied, middle - start);
    worked = Math.min(worked, end - middle);
  }
  return [
    { name: `${name}: memory.copy of its records`, ms: thousandths(copied), bytes },
    { name, ms: thousandths(worked), bytes, ratioToCopy: thousandths(worked / copied) },
  ];
}
