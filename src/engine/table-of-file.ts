import { basename, extname } from "node:path";
import { readCsv } from "../input/csv.ts";
import { sourcePieces } from "../source/pieces.ts";
import { AS_ADMIN_NOTE } from "../table/admin-note.ts";
import type { Cell } from "../table/dual.ts";
import { memoryTable } from "../table/memory-table.ts";
import type { Table } from "../table/table.ts";
import { hasRecordBeside } from "./admin-record.ts";
import { openFile, openSource } from "./open.ts";

/**
 * The table of a QVD, or of a CSV as Qlik reads it: an empty field is an empty text, a plain number a number.
 * @throws `SOURCE_…`, `CONTAINER_UNKNOWN`, `IMPORT_…`, and what reading throws
 */
export async function tableOfFile(path: string): Promise<Table> {
  if (!/\.csv$/i.test(path)) return (await openFile(path)).table;
  const source = await openSource(path);
  try {
    const reader = await readCsv(sourcePieces(source), { numbers: "canonical", empty: "text" });
    const columns: Cell[][] = reader.fields.map(() => []);
    for await (const batch of reader.batches()) {
      batch.forEach((cells, k) => {
        for (const cell of cells) columns[k]!.push(cell);
      });
    }
    const names = reader.fields.map((field) => field.name);
    const table = memoryTable(basename(path, extname(path)), names, columns);
    return (await hasRecordBeside(path)) ? { ...table, comment: AS_ADMIN_NOTE } : table;
  } finally {
    await source.close();
  }
}
