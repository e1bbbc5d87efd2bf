import { close, open, write } from "node:fs";
import { promisify } from "node:util";
import type { ByteSink } from "../src/source/sink.ts";
import { UNKNOWN_FORMAT } from "../src/table/field.ts";
import { interner } from "../src/table/interner.ts";
import { type ColumnToWrite, writeQvd } from "../src/table/qvd-write.ts";
import type { Batch } from "../src/table/table.ts";
import { randomNumbers } from "./data.ts";

const word = (prefix: string, digits: number) => (i: number) => `${prefix}-${i.toString().padStart(digits, "0")}`;

/** Ten columns: five of text, three of whole numbers, two of doubles; their cardinalities as in the documentation. */
export const COLUMNS = [
  { name: "STATUS", distinct: 10, value: word("status", 2) },
  { name: "CHANNEL", distinct: 50, value: word("channel", 3) },
  { name: "REGION", distinct: 200, value: word("region", 3) },
  { name: "PRODUCT", distinct: 10_000, value: word("product", 6) },
  { name: "CUSTOMER", distinct: 1_000_000, value: word("customer", 8) },
  { name: "QUANTITY", distinct: 100, value: (i: number) => i + 1 },
  { name: "DAY", distinct: 3_650, value: (i: number) => 41_000 + i },
  { name: "DOCUMENT", distinct: 1_000_000, value: (i: number) => 10_000_000 + i },
  { name: "PRICE", distinct: 100_000, value: (i: number) => i / 100 + 0.005 },
  { name: "AMOUNT", distinct: 1_000_000, value: (i: number) => i / 7 + 0.001 },
] as const;

/** The field that is filtered, and the share of its 200 symbols that is allowed: 20, so 10 % of the rows. */
export const REGION = 2;
export const allowedRegion = (symbol: number) => symbol % 10 === 3;
export const regionName = COLUMNS[REGION].value;

const BATCH = 65_536;
const SEED = 7;

/** Batches of random indexes, the same for every format; the arrays are reused. */
export function* indexBatches(rows: number): Generator<Batch> {
  const next = randomNumbers(SEED);
  const indexes = COLUMNS.map(() => new Int32Array(BATCH));
  for (let rowStart = 0; rowStart < rows; rowStart += BATCH) {
    const count = Math.min(BATCH, rows - rowStart);
    COLUMNS.forEach(({ distinct }, k) => {
      const column = indexes[k]!;
      for (let r = 0; r < count; r++) column[r] = Math.floor((next() / 2 ** 32) * distinct);
    });
    yield { rowStart, rows: count, indexes };
  }
}

/** Writes the table as a QVD: 37 MB with a million rows, 193 MB with ten. */
export async function makeWideTable(path: string, rows: number): Promise<void> {
  const columns = COLUMNS.map(({ name, distinct, value }): ColumnToWrite => {
    const symbols = interner();
    for (let i = 0; i < distinct; i++) symbols.add(value(i));
    return { name, numberFormat: UNKNOWN_FORMAT, comment: "", tags: [], symbols: symbols.table(), nullable: false };
  });
  const sink = await plainFileSink(path);
  await writeQvd(sink, { name: "wide", columns, rows, batches: indexBatches(rows), createdUtc: new Date(0) });
  await sink.commit();
}

const openFile = promisify(open);
const closeFile = promisify(close);

/** A file without fsync, as the peers write theirs: what is measured is the work, not the disk. */
export async function plainFileSink(path: string): Promise<ByteSink> {
  const fd = await openFile(path, "w");
  const writeSome = (bytes: Uint8Array) =>
    new Promise<number>((resolve, reject) => {
      write(fd, bytes, (error, count) => (error ? reject(error) : resolve(count)));
    });
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.byteLength; ) at += await writeSome(bytes.subarray(at));
    },
    commit: () => closeFile(fd),
    abort: () => closeFile(fd),
  };
}
