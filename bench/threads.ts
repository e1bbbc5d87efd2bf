import type { ScanWork } from "../src/engine/scan-layout.ts";
import { openScanPool, type ScanPlace, type ScanPool } from "../src/engine/scan-pool.ts";
import { storedCount } from "../src/kernel/column.ts";
import { bitTableBytes } from "../src/kernel/sizes.ts";
import { fileSource } from "../src/source/file.ts";
import { openQvdTable, type QvdTable } from "../src/table/qvd-table.ts";
import { type Figure, thousandths } from "./measure.ts";
import { allowedRegion, REGION } from "./wide-table.ts";

/** Rows a chunk: about 256 KiB of records, so that they are still in the second-level cache when they are copied. */
const CHUNK_ROWS = 16_384;
const START_SAMPLES = 5;

/** Scans of the wide table, with one thread and with two, in memory and from its file; what a start costs comes last. */
export async function threadFigures(path: string, rounds: number): Promise<Figure[]> {
  const source = await fileSource(path);
  const one = await openScanPool({ threads: 1 });
  const two = await openScanPool({ threads: 2 });
  try {
    if (one === undefined || two === undefined) return [];
    const table = await openQvdTable(source);
    const works = worksOf(table);
    const { offset, length: bytes } = table.layout.records;
    const shared = two.room(2 * bytes + 64, [...works.values()]);
    const { arena, copy } = shared.kernel;
    const records = arena.alloc(bytes);
    const other = arena.alloc(bytes - 64);
    await source.readInto(offset, arena.bytes(records, bytes));
    arena.bytes(other, bytes - 64).fill(1);
    const places: readonly (readonly [name: string, place: ScanPlace])[] = [
      ["in memory", { shared, offset: records }],
      ["from the file", { fd: source.fd, offset }],
    ];
    const copyName = "threads: memory.copy by one";
    const cases: { readonly name: string; readonly run: () => unknown }[] = [
      { name: copyName, run: () => copy(other, records, bytes - 64) },
    ];
    for (const [where, place] of places) {
      for (const [what, work] of works) {
        for (const pool of [one, two]) {
          cases.push({ name: nameOf(what, where, pool.threads), run: () => scanAll(pool, place, work) });
        }
      }
    }
    const least = await leastOf(cases, rounds);
    const ms = (name: string) => least.get(name)!;
    const figure = (name: string, ofOne?: string): Figure => ({
      name,
      ms: thousandths(ms(name)),
      bytes,
      ...(name === copyName ? {} : { ratioToCopy: thousandths(ms(name) / ms(copyName)) }),
      ...(ofOne === undefined ? {} : { threads: 2, ratioToOneThread: thousandths(ms(ofOne) / ms(name)) }),
    });
    const scans = places.flatMap(([where]) =>
      [...works.keys()].flatMap((what) => {
        const alone = nameOf(what, where, 1);
        return [figure(alone), figure(nameOf(what, where, 2), alone)];
      }),
    );
    return [figure(copyName), ...scans, { name: "threads: start of one, once", ms: await startOf(), bytes: 0 }];
  } finally {
    await one?.close();
    await two?.close();
    await source.close();
  }
}

function nameOf(what: string, where: string, threads: number): string {
  return `${what} ${where}, ${threads} thread${threads === 1 ? "" : "s"}`;
}

function worksOf({ header }: QvdTable): ReadonlyMap<string, ScanWork> {
  const places = header.fields.map(({ bitOffset, bitWidth, bias, noOfSymbols }) => {
    return { bitOffset, bitWidth, bias, entries: storedCount(noOfSymbols, bias) };
  });
  const region = places[REGION]!;
  const bits = new Uint8Array(bitTableBytes(region.entries));
  for (let symbol = 0; symbol < region.entries; symbol++) {
    if (allowedRegion(symbol)) bits[symbol >> 3]! |= 1 << (symbol & 7);
  }
  const test = [{ ...region, bits }];
  const common = { recordBytes: header.recordByteSize, rows: header.noOfRecords, chunkRows: CHUNK_ROWS };
  return new Map([
    ["filter to bitmap", { ...common, test, records: false, unpack: [] }],
    ["unpack all columns", { ...common, test: [], records: false, unpack: places }],
    ["test and compact 10 %", { ...common, test, records: true, unpack: [] }],
  ]);
}

async function scanAll(pool: ScanPool, place: ScanPlace, work: ScanWork): Promise<void> {
  let rows = 0;
  for await (const chunk of pool.scan({ place, ...work })) {
    if (chunk.kept === undefined) throw new Error("a chunk was not scanned");
    rows += chunk.rows;
  }
  if (rows !== work.rows) throw new Error("rows are missing");
}

/** Times cases in turns and keeps the least of each. */
async function leastOf(
  cases: readonly { readonly name: string; readonly run: () => unknown }[],
  rounds: number,
): Promise<ReadonlyMap<string, number>> {
  const least = new Map(cases.map(({ name }) => [name, Number.POSITIVE_INFINITY]));
  for (let round = -2; round < rounds; round++) {
    for (const { name, run } of cases) {
      const start = performance.now();
      await run();
      const ms = performance.now() - start;
      if (round >= 0) least.set(name, Math.min(least.get(name)!, ms));
    }
  }
  return least;
}

async function startOf(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < START_SAMPLES; i++) {
    const start = performance.now();
    const pool = await openScanPool({ threads: 2 });
    least = Math.min(least, performance.now() - start);
    await pool?.close();
  }
  return thousandths(least);
}
