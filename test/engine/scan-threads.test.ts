import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openScanPool, type ScanPool } from "../../src/engine/scan-pool.ts";
import { threadedSelection } from "../../src/engine/scan-threads.ts";
import { fileSource } from "../../src/source/file.ts";
import { memorySink } from "../../src/source/sink.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import type { SelectedRecords, Selection } from "../../src/table/reduce-select.ts";
import { type ReduceOptions, reduceQvd } from "../../src/table/reduce-table.ts";
import { failure } from "../helpers/errors.ts";
import { qvdOf } from "../helpers/tables.ts";

/** The built one: Node 20 does not start a thread with TypeScript. */
const worker = new URL("../../dist/src/engine/scan-worker.js", import.meta.url);
const ROWS = 20_011;

let folder: string;
let bytes: Uint8Array;
const pools = new Map<number, ScanPool>();

/** A pool that starts once, as in a program. */
async function poolOf(threads: number): Promise<ScanPool> {
  const pool = pools.get(threads) ?? (await openScanPool({ threads, worker }))!;
  pools.set(threads, pool);
  return pool;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "qvault-threads-"));
  const column = (distinct: number, nulls: number) =>
    Array.from({ length: ROWS }, (_, row) => {
      const value = Math.imul(row + 1, 2_654_435_761) >>> 8;
      return value % 100 < nulls ? null : `value ${value % distinct}`;
    });
  const fields = [{ name: "A" }, { name: "B" }, { name: "C" }];
  bytes = await qvdOf({ fields, columns: [column(20, 5), column(5_000, 0), column(300, 1)] });
  await writeFile(join(folder, "all.qvd"), bytes);
});

afterAll(async () => {
  for (const pool of pools.values()) await pool.close();
  await rm(folder, { recursive: true, force: true });
});

const allowed = [
  { ordinal: 0, allows: (symbol: number) => symbol % 4 !== 1 },
  { ordinal: 2, allows: (symbol: number) => symbol % 3 === 0 },
];

/** With so many threads; 0 is without any. */
async function reduced(threads: number, options: Partial<ReduceOptions> = {}, name = "all.qvd") {
  const source = await fileSource(join(folder, name));
  try {
    const sink = memorySink();
    const select = threads === 0 ? undefined : threadedSelection(await poolOf(threads), source.fd);
    const all = { allowed, chunkBytes: 2048, select, ...options };
    const result = await reduceQvd(sink, await openQvdTable(source), all);
    await sink.commit();
    return { ...result, bytes: sink.result() };
  } finally {
    await source.close();
  }
}

/** Notes every chunk that goes by. */
function counted(select: Selection): { readonly chunks: SelectedRecords[]; readonly select: Selection } {
  const chunks: SelectedRecords[] = [];
  return {
    chunks,
    async *select(request) {
      for await (const chunk of select(request)) {
        chunks.push(chunk);
        yield chunk;
      }
    },
  };
}

describe("a selection by threads", () => {
  it.each([undefined, 1000])("gives the same bytes whatever the number of threads, keptBytes %s", async (keptBytes) => {
    const alone = await reduced(0, { keptBytes });
    expect(alone.kept).toBeGreaterThan(ROWS / 10);
    expect(alone.passes).toBe(keptBytes === undefined ? 1 : 2);
    for (const threads of [1, 2, 3]) expect(await reduced(threads, { keptBytes })).toEqual(alone);
  });

  it("is made by the threads, not by the caller in their place", async () => {
    const source = await fileSource(join(folder, "all.qvd"));
    const select = threadedSelection(await poolOf(2), source.fd);
    const { chunks, select: counting } = counted(select);
    await reduceQvd(memorySink(), await openQvdTable(source), { allowed, chunkBytes: 2048, select: counting });
    await source.close();
    expect(chunks.length).toBeGreaterThan(10);
    expect(chunks.filter(({ records }) => records === undefined)).toEqual([]);
    expect(chunks.reduce((sum, { rows }) => sum + rows, 0)).toBe(ROWS);
  });

  it("reports progress to the last row, and starts no more threads than there are chunks", async () => {
    const seen: number[] = [];
    const alone = await reduced(0, { chunkBytes: 1 << 20 });
    expect(await reduced(3, { chunkBytes: 1 << 20, onProgress: (done) => seen.push(done) })).toEqual(alone);
    expect(seen).toEqual([ROWS]);
  });

  it("names the row of an index without a symbol, as one thread does", async () => {
    const source = await fileSource(join(folder, "all.qvd"));
    const { layout, header } = await openQvdTable(source);
    await source.close();
    const bad = bytes.slice();
    const at = layout.records.offset + 12_345 * header.recordByteSize;
    bad.fill(0xff, at, at + header.recordByteSize);
    await writeFile(join(folder, "bad.qvd"), bad);
    const alone = await failure("QVD_INDEX", () => reduced(0, {}, "bad.qvd"));
    expect(alone.message).toContain("row 12345");
    for (const threads of [1, 2, 3]) {
      const error = await failure("QVD_INDEX", () => reduced(threads, {}, "bad.qvd"));
      expect(error.message).toBe(alone.message);
      expect(error.offset).toBe(alone.offset);
    }
  });

  it("stops when it is cancelled, and scans again", async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    await failure("CANCELLED", () => reduced(2, { signal: controller.signal, onProgress }));
    expect(await reduced(2)).toEqual(await reduced(0));
  });
});
