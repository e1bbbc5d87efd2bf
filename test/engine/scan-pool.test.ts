import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ScanWork } from "../../src/engine/scan-layout.ts";
import { openScanPool, type ScanPlace, type ScanPool } from "../../src/engine/scan-pool.ts";
import { ARENA_BASE } from "../../src/kernel/arena.ts";
import { MAX_KERNEL_BYTES } from "../../src/limits.ts";
import { fileSource } from "../../src/source/file.ts";
import { failure } from "../helpers/errors.ts";

/** The built one: Node 20 does not start a thread with TypeScript. */
const worker = new URL("../../dist/src/engine/scan-worker.js", import.meta.url);

// Records of three bytes: a key of 5 bits, a value of 13 bits with NULL below 2, and 6 bits that nobody reads.
const ROWS = 5_003;
const RECORD = 3;
const keyOf = (row: number) => (row * 7 + (row >> 4)) % 30;
const storedOf = (row: number) => (Math.imul(row + 3, 40_503) >>> 5) % 8_000;
const isAllowed = (key: number) => key % 3 === 1;

const records = new Uint8Array(ROWS * RECORD);
for (let row = 0; row < ROWS; row++) {
  const bits = keyOf(row) | (storedOf(row) << 5) | (0b101010 << 18);
  records.set([bits & 0xff, (bits >> 8) & 0xff, bits >> 16], row * RECORD);
}

const bits = new Uint8Array(4);
for (let key = 0; key < 30; key++) if (isAllowed(key)) bits[key >> 3]! |= 1 << (key & 7);
const test = [{ bitOffset: 0, bitWidth: 5, bias: 0, entries: 30, bits }];
const unpack = [
  { bitOffset: 5, bitWidth: 13, bias: -2, entries: 8_000 },
  { bitOffset: 0, bitWidth: 5, bias: 0, entries: 30 },
];
const work: ScanWork = { recordBytes: RECORD, rows: ROWS, chunkRows: 192, test: [], records: false, unpack: [] };

const all = [...Array(ROWS).keys()];
const chosen = all.filter((row) => isAllowed(keyOf(row)));

const opened: ScanPool[] = [];

async function pool(threads: number): Promise<ScanPool> {
  const made = (await openScanPool({ threads, worker }))!;
  opened.push(made);
  return made;
}

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

let folder: string;
let fd: number;
let close: () => Promise<void>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "qvault-pool-"));
  const path = join(folder, "records");
  await writeFile(path, new Uint8Array([9, 9, 9, 9, 9, ...records]));
  const source = await fileSource(path);
  fd = source.fd;
  close = () => source.close();
});

afterAll(async () => {
  await close();
  await rm(folder, { recursive: true, force: true });
});

/** Everything a scan gives, chunk by chunk, as plain values. */
async function scanned(of: ScanPool, place: ScanPlace, what: Partial<ScanWork>) {
  const rows: number[] = [];
  const masked: number[] = [];
  const bytes: number[] = [];
  const columns: number[][] = [];
  let next = 0;
  for await (const chunk of of.scan({ ...work, ...what, place })) {
    expect(chunk.row).toBe(next);
    next += chunk.rows;
    rows.push(chunk.kept ?? -1);
    for (let r = 0; r < chunk.mask.byteLength * 8; r++) {
      if (chunk.mask[r >> 3]! & (1 << (r & 7))) masked.push(chunk.row + r);
    }
    bytes.push(...chunk.records);
    chunk.columns.forEach((column, k) => {
      columns[k] ??= [];
      columns[k].push(...column);
    });
  }
  expect(next).toBe(ROWS);
  return { kept: rows.reduce((sum, n) => sum + n, 0), masked, bytes, columns };
}

describe.each([1, 2, 3])("a pool of %i threads", (threads) => {
  it("filters, copies and unpacks what a plain loop does, from a file and in memory, one scan after the other", async () => {
    const of = await pool(threads);
    expect(of.threads).toBe(threads);
    const shared = of.room(records.byteLength, [{ ...work, test, records: true, unpack }]);
    const at = shared.kernel.arena.alloc(records.byteLength);
    shared.kernel.arena.bytes(at, records.byteLength).set(records);
    const recordsOf = (rows: readonly number[]) =>
      rows.flatMap((r) => [...records.subarray(r * RECORD, (r + 1) * RECORD)]);
    const columnsOf = (rows: readonly number[]) => [rows.map((r) => storedOf(r) - 2), rows.map(keyOf)];
    const places: ScanPlace[] = [
      { fd, offset: 5 },
      { shared, offset: at },
    ];
    for (const place of places) {
      const nothing = { masked: [], bytes: [], columns: [] };
      expect(await scanned(of, place, { test })).toEqual({ ...nothing, kept: chosen.length, masked: chosen });
      expect(await scanned(of, place, { unpack })).toEqual({ ...nothing, kept: ROWS, columns: columnsOf(all) });
      expect(await scanned(of, place, { records: true })).toEqual({ ...nothing, kept: ROWS, bytes: [...records] });
      for (const copy of [false, true]) {
        expect(await scanned(of, place, { test, unpack, records: copy })).toEqual({
          kept: chosen.length,
          masked: chosen,
          bytes: copy ? recordsOf(chosen) : [],
          columns: columnsOf(chosen),
        });
      }
    }
  });

  it("scans while another of its scans goes on", async () => {
    const of = await pool(threads);
    const place = { fd, offset: 5 };
    const alone = await scanned(of, place, { test });
    let scans = 0;
    for await (const _ of of.scan({ ...work, test, place })) {
      if (scans++ < 2) expect(await scanned(of, place, { test })).toEqual(alone);
    }
    expect(scans).toBe(Math.ceil(ROWS / work.chunkRows));
  });

  it("says which chunk has an index without a symbol, and which could not be read", async () => {
    const of = await pool(threads);
    const kepts = async (request: Partial<ScanWork>, offset: number) => {
      const found: (number | undefined)[] = [];
      for await (const { kept } of of.scan({ ...work, ...request, place: { fd, offset } })) found.push(kept);
      return found.flatMap((kept, chunk) => (kept === undefined ? [chunk] : []));
    };
    const few = [{ ...unpack[0]!, entries: 7_999 }];
    const bad = new Set(all.filter((row) => storedOf(row) === 7_999).map((row) => Math.floor(row / work.chunkRows)));
    expect(bad.size).toBeGreaterThan(0);
    expect(await kepts({ unpack: few }, 5)).toEqual([...bad]);
    expect(await kepts({ test: [{ ...test[0]!, entries: 30 }] }, 5)).toEqual([]);
    expect(await kepts({ unpack }, 6)).toEqual(expect.arrayContaining([Math.floor((ROWS - 1) / work.chunkRows)]));
    expect(await kepts({ records: true }, 6)).toEqual([Math.floor((ROWS - 1) / work.chunkRows)]);
  });

  it("leaves nothing in its memory when a scan is over, also when it was left early", async () => {
    const of = await pool(threads);
    for (const early of [false, true]) {
      let memory: ArrayBufferLike | undefined;
      for await (const chunk of of.scan({ ...work, test, records: true, unpack, place: { fd, offset: 5 } })) {
        memory = chunk.records.buffer;
        if (early) break;
      }
      expect(new Uint8Array(memory!).byteLength).toBeGreaterThan(ARENA_BASE);
      expect(new Uint8Array(memory!, ARENA_BASE).some((byte) => byte !== 0)).toBe(false);
    }
  });
});

describe("a pool of threads", () => {
  it("reads a file beyond 4 GB, to its last record", async () => {
    const rows = 1_500_000_000;
    const path = join(folder, "giant");
    const file = await open(path, "w");
    await file.truncate(rows * RECORD);
    await file.write(records, 0, 100 * RECORD, (rows - 100) * RECORD);
    await file.close();
    const source = await fileSource(path);
    try {
      expect(source.size).toBeGreaterThan(2 ** 32);
      const of = await pool(2);
      const from = process.env.QVAULT_LONG ? 0 : rows - 200_000;
      const work16 = { ...work, test, records: true, rows: rows - from, chunkRows: 65_536 };
      let kept = 0;
      const last: number[] = [];
      for await (const chunk of of.scan({ ...work16, place: { fd: source.fd, offset: from * RECORD } })) {
        kept += chunk.kept!;
        last.push(...chunk.records.subarray(-RECORD));
      }
      // A record of zeros has key 0, which is not allowed.
      const expected = all.slice(0, 100).filter((row) => isAllowed(keyOf(row)));
      expect(kept).toBe(expected.length);
      expect(last).toEqual([...records.subarray(expected.at(-1)! * RECORD, expected.at(-1)! * RECORD + RECORD)]);
    } finally {
      await source.close();
    }
  });

  it("is cancelled between two chunks, in front of a long wait too", async () => {
    const of = await pool(2);
    const controller = new AbortController();
    let seen = 0;
    await failure("CANCELLED", async () => {
      for await (const _ of of.scan({ ...work, test, place: { fd, offset: 5 }, signal: controller.signal })) {
        seen += 1;
        controller.abort();
      }
    });
    expect(seen).toBe(1);
  });

  it("ends with its last owner, and a scan that goes on is one", async () => {
    const first = await pool(2);
    const second = first.share();
    await first.close();
    await first.close();
    await failure("USAGE", () => first.share());
    await failure("USAGE", () => first.room(1, [work]));
    await failure("USAGE", () => scanned(first, { fd, offset: 5 }, { test }));
    const alone = await scanned(second, { fd, offset: 5 }, { test });
    let masked = 0;
    for await (const { kept } of second.scan({ ...work, test, place: { fd, offset: 5 } })) {
      await second.close();
      masked += kept!;
    }
    expect(masked).toBe(alone.kept);
    await failure("USAGE", () => scanned(second, { fd, offset: 5 }, { test }));
  });

  it("fails to open if a thread cannot start", async () => {
    const missing = new URL("no-such-worker.js", worker);
    await expect(openScanPool({ threads: 2, worker: missing })).rejects.toThrow(/no-such-worker/);
  });

  it("fails, and does not wait, if a thread dies with a chunk it had claimed", async () => {
    const script = `
      import { parentPort } from "node:worker_threads";
      parentPort.on("message", ({ control }) => {
        Atomics.add(control, 0, 1);
        throw new Error("gone");
      });
      parentPort.postMessage("ready");`;
    const dying = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
    const of = (await openScanPool({ threads: 2, worker: dying }))!;
    opened.push(of);
    const run = async () => {
      for await (const _ of of.scan({ ...work, test, place: { fd, offset: 5 } })) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    await expect(run()).rejects.toThrow("gone");
  });

  it("wants at least one thread, and refuses more memory or chunks than it can count", async () => {
    await failure("USAGE", () => openScanPool({ threads: 0, worker }));
    await failure("USAGE", () => openScanPool({ threads: 1.5, worker }));
    const of = await pool(1);
    const chunkRows = Math.ceil(MAX_KERNEL_BYTES / 2 / 64) * 64;
    const place = { fd, offset: 5 };
    const large = { ...work, recordBytes: 1, rows: 4 * chunkRows, chunkRows, records: true };
    await failure("LIMIT_EXCEEDED", () => scanned(of, place, large));
    await failure("LIMIT_EXCEEDED", () => scanned(of, place, { ...work, rows: 2 ** 37, chunkRows: 64 }));
  });
});
