import { stat } from "node:fs/promises";
import { join } from "node:path";
import { digestTable } from "../src/engine/digest.ts";
import { fileSource } from "../src/source/file.ts";
import { fileSink } from "../src/source/file-sink.ts";
import { openQvdTable } from "../src/table/qvd-table.ts";
import { rewriteQvd, writeQvd } from "../src/table/qvd-write.ts";
import type { BenchCase } from "./case.ts";
import { salesTable } from "./sales.ts";

/** Rows of the table of every codec case. */
export const ROWS = 1_000_000;

const pathIn = (folder: string) => join(folder, "sales.qvd");

/** Makes the sales table as a file. */
export async function makeSales(folder: string): Promise<void> {
  const sink = await fileSink(pathIn(folder));
  await writeQvd(sink, salesTable(ROWS));
  await sink.commit();
}

/** Path and size of the file that {@link makeSales} made. */
export async function salesIn(folder: string): Promise<{ readonly path: string; readonly bytes: number }> {
  const path = pathIn(folder);
  return { path, bytes: (await stat(path)).size };
}

export const CODEC_CASES: readonly BenchCase[] = [
  {
    name: "qvd/read",
    about: "file to index columns and lazy symbols, all 10 columns",
    make: makeSales,
    async prepare(folder) {
      const { path, bytes } = await salesIn(folder);
      return {
        rows: ROWS,
        bytes,
        async run() {
          const table = await openQvdTable(await fileSource(path));
          for (let ordinal = 0; ordinal < table.fields.length; ordinal++) await table.symbols(ordinal);
          let rows = 0;
          for await (const batch of table.scan()) rows += batch.rows;
          await table.close();
          if (rows !== ROWS) throw new Error(`${rows} rows were read`);
        },
      };
    },
  },
  {
    name: "qvd/write",
    about: "symbols and index columns in memory to a file, fsync included",
    make: makeSales,
    async prepare(folder) {
      const { bytes } = await salesIn(folder);
      const table = salesTable(ROWS);
      return {
        rows: ROWS,
        bytes,
        async run() {
          const sink = await fileSink(join(folder, "out.qvd"), { force: true });
          await writeQvd(sink, table);
          await sink.commit();
        },
      };
    },
  },
  {
    name: "qvd/rewrite",
    about: "file to file, every index unpacked and packed again",
    make: makeSales,
    async prepare(folder) {
      const { path, bytes } = await salesIn(folder);
      return {
        rows: ROWS,
        bytes,
        async run() {
          const table = await openQvdTable(await fileSource(path));
          const sink = await fileSink(join(folder, "out.qvd"), { force: true });
          await rewriteQvd(sink, table);
          await sink.commit();
          await table.close();
        },
      };
    },
  },
  {
    name: "qvd/digest",
    about: "file to ten SHA-256",
    make: makeSales,
    async prepare(folder) {
      const { path, bytes } = await salesIn(folder);
      return {
        rows: ROWS,
        bytes,
        async run() {
          const table = await openQvdTable(await fileSource(path));
          await digestTable(table);
          await table.close();
        },
      };
    },
  },
];
