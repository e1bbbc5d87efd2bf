import { existsSync, readdirSync, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { newAppParts, writeApp } from "../src/engine/app-write.ts";
import { openQvfApp } from "../src/engine/qvf-app.ts";
import { fileSource } from "../src/source/file.ts";
import { fileSink } from "../src/source/file-sink.ts";
import type { Cell } from "../src/table/dual.ts";
import { UNKNOWN_FORMAT } from "../src/table/field.ts";
import { interner } from "../src/table/interner.ts";
import type { AppTable } from "../src/table/qvf-draft.ts";
import type { Batch } from "../src/table/table.ts";
import type { BenchCase } from "./case.ts";
import { seededRandom } from "./random.ts";

const BATCH_ROWS = 65_536;

/** Distinct values of the ten columns of the made app: 1 to 17 bits an index, as in the largest real apps. */
const DISTINCT = [2, 12, 50, 200, 1_000, 3_650, 10_000, 30_000, 65_000, 131_072];

/** A table of ten columns, the same for the same seed; texts in every other column, NULLs in two. */
export function wideApp(rows: number, seed = 7): AppTable {
  const columns = DISTINCT.map((distinct, k) => {
    const symbols = interner();
    for (let i = 0; i < distinct; i++) symbols.add(symbolAt(k, i));
    return { name: `Field ${k}`, numberFormat: UNKNOWN_FORMAT, tags: [], symbols: symbols.table() };
  });
  return { name: "Wide", source: "", columns, rows, isSynthetic: false, batches: () => randomRows(rows, seed) };
}

function symbolAt(column: number, i: number): Exclude<Cell, null> {
  return column % 2 === 0 ? i * 7 : `value ${i.toString(36).padStart(6, "0")}`;
}

function* randomRows(rows: number, seed: number): Generator<Batch> {
  const random = seededRandom(seed);
  const indexes = DISTINCT.map(() => new Int32Array(BATCH_ROWS));
  for (let rowStart = 0; rowStart < rows; rowStart += BATCH_ROWS) {
    const count = Math.min(BATCH_ROWS, rows - rowStart);
    indexes.forEach((column, k) => {
      const distinct = DISTINCT[k]!;
      // Squared, so that some values are frequent, as they are in real columns.
      for (let row = 0; row < count; row++) {
        const r = random();
        column[row] = (k === 3 || k === 6) && r > 0.97 ? -2 : Math.floor(r * r * distinct);
      }
    });
    yield { rowStart, rows: count, indexes };
  }
}

/** Opens an app and decodes everything: symbols of every field, every index of every table. Returns the cells. */
export async function decodeApp(path: string): Promise<number> {
  const app = await openQvfApp(await fileSource(path));
  const model = await app.model();
  for (const field of model.fields) await field.symbols();
  let cells = 0;
  for (const table of model.tables) {
    for await (const batch of table.scan()) cells += batch.rows * batch.indexes.length;
  }
  await app.close();
  return cells;
}

const MADE_ROWS = 10_000_000;
const madeIn = (folder: string) => join(folder, "wide.qvf");

/** The largest real app; `undefined` where the real data is absent. */
function largestReal(): string | undefined {
  const folder = resolve("..", "shared", "data", "qvf");
  if (!existsSync(folder)) return undefined;
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".qvf"));
  return files.map((name) => join(folder, name)).sort((a, b) => statSync(b).size - statSync(a).size)[0];
}

const real = largestReal();

const REAL_CASE: BenchCase = {
  name: "qvf/read-real",
  about: "the largest real app: every symbol and every cell; rows are cells",
  async prepare() {
    if (real === undefined) throw new Error("the real data in ../shared is absent");
    const rows = await decodeApp(real);
    return {
      rows,
      bytes: (await stat(real)).size,
      async run() {
        if ((await decodeApp(real)) !== rows) throw new Error("other cells were read");
      },
    };
  },
};

export const QVF_CASES: readonly BenchCase[] = [
  ...(real === undefined ? [] : [REAL_CASE]),
  {
    name: "qvf/read-100M",
    about: "a made app of 100 M cells: every symbol and every cell; rows are cells",
    async make(folder) {
      const parts = await newAppParts({ title: "Wide", script: "", tables: [wideApp(MADE_ROWS)], access: [] });
      const sink = await fileSink(madeIn(folder));
      await writeApp(sink, parts);
      await sink.commit();
    },
    async prepare(folder) {
      const path = madeIn(folder);
      return {
        rows: MADE_ROWS * DISTINCT.length,
        bytes: (await stat(path)).size,
        async run() {
          // Qlik's system tables have a few dozen cells more.
          const cells = await decodeApp(path);
          if (cells < MADE_ROWS * DISTINCT.length) throw new Error(`${cells} cells were read`);
        },
      };
    },
  },
];
