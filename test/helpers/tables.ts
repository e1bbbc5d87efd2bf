import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import { type FieldToBuild, tableBuilder } from "../../src/table/builder.ts";
import type { Cell } from "../../src/table/dual.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { type TableToWrite, writeQvd } from "../../src/table/qvd-write.ts";
import { readRows } from "../../src/table/read-rows.ts";

/** What {@link qvdOf} takes: a name and the cells of each column. */
export interface PlainTable {
  readonly name?: string;
  readonly fields: readonly FieldToBuild[];
  readonly columns: readonly (readonly Cell[])[];
}

export const CREATED = new Date("2024-02-29T12:34:56Z");

/** A QVD made of cells by builder and writer. */
export async function qvdOf(table: PlainTable, more: Partial<TableToWrite> = {}): Promise<Uint8Array> {
  const builder = tableBuilder(table.fields);
  await builder.add(table.columns);
  const built = builder.finish();
  const sink = memorySink();
  const { columns, rows } = built;
  await writeQvd(sink, {
    name: table.name ?? "T",
    createdUtc: CREATED,
    columns,
    rows,
    batches: built.batches(),
    ...more,
  });
  await sink.commit();
  return sink.result();
}

/** Every row of a QVD as cells. */
export async function rowsOf(bytes: Uint8Array): Promise<Cell[][]> {
  return readRows(await openQvdTable(memorySource(bytes)));
}

/** Columns to rows and back. */
export function transpose(cells: readonly (readonly Cell[])[], width: number): Cell[][] {
  return Array.from({ length: width }, (_, k) => cells.map((row) => row[k]!));
}
