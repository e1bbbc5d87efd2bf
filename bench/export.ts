import { writeCsv } from "../src/output/csv.ts";
import { writeNdjson } from "../src/output/json.ts";
import type { ExportOptions, ExportSink } from "../src/output/options.ts";
import { writeParquet } from "../src/output/parquet.ts";
import { fileSource } from "../src/source/file.ts";
import { openQvdTable } from "../src/table/qvd-table.ts";
import type { Table } from "../src/table/table.ts";
import type { BenchCase } from "./case.ts";
import { makeSales, ROWS, salesIn } from "./codec.ts";

type Writer = (table: Table, sink: ExportSink, options?: ExportOptions) => Promise<number>;

/** From a QVD file to bytes that go nowhere: opening, reading and encoding are in the time, a disk is not. */
function exportCase(name: string, about: string, write: Writer, options: ExportOptions = {}): BenchCase {
  return {
    name: `export/${name}`,
    about,
    make: makeSales,
    async prepare(folder) {
      const { path } = await salesIn(folder);
      const run = async (): Promise<number> => {
        let bytes = 0;
        const table = await openQvdTable(await fileSource(path));
        const rows = await write(table, { write: async (piece) => void (bytes += piece.byteLength) }, options);
        await table.close();
        if (rows !== ROWS) throw new Error(`${rows} rows were written`);
        return bytes;
      };
      // The rate in bytes is that of the output.
      return { rows: ROWS, bytes: await run(), run: async () => void (await run()) };
    },
  };
}

export const EXPORT_CASES: readonly BenchCase[] = [
  exportCase("csv", "QVD file to CSV, all 10 columns", writeCsv),
  exportCase("csv-uncached", "the same, every cell encoded when it is written", writeCsv, { cacheBytes: 0 }),
  exportCase("ndjson", "QVD file to NDJSON, all 10 columns", writeNdjson),
  exportCase("parquet", "QVD file to Parquet, all 10 columns, SNAPPY", writeParquet),
];
