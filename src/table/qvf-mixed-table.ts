import type { TableHead } from "../container/qvf/table-stream.ts";
import { needs } from "../errors.ts";
import type { TableContext } from "./qvf-model.ts";
import { type QvfTable, qvfTable, type VectorReader } from "./qvf-table.ts";
import { checkScan } from "./scan-plan.ts";
import type { Batch, ScanOptions } from "./table.ts";

/** A column whose indexes come from elsewhere than the table's stream, any rows at a time. */
export interface IndexColumn {
  /** Fills `out` with the indexes of `count` rows from `row`, negative for NULL, and gives the greatest. */
  read(row: number, count: number, out: Int32Array): Promise<number>;
}

/** Rows a batch at the most, as in tables whose columns are all in the stream. */
const BATCH_ROWS = 65_536;
const BATCH_INDEXES = 4 * 1024 * 1024;

/**
 * A table of which some columns are stored elsewhere: their indexes are read for the rows of each batch and no others,
 * the vectors of the rest are inflated.
 * @throws as `qvfTable`
 */
export function mixedTable(
  part: string,
  head: TableHead,
  { fields, tags }: TableContext,
  vector: VectorReader,
  columns: ReadonlyMap<number, IndexColumn>,
): QvfTable {
  const inStream = qvfTable(part, head, fields, tags, async (column) =>
    columns.has(column) ? undefined : vector(column),
  );
  return { ...inStream, scan: (options) => scanMixed(part, inStream, columns, options) };
}

async function* scanMixed(
  part: string,
  table: QvfTable,
  columns: ReadonlyMap<number, IndexColumn>,
  options: ScanOptions = {},
): AsyncGenerator<Batch> {
  const plan = checkScan(table.fields.length, table.rows, options);
  if (plan.from >= plan.to) return;
  const { signal, onProgress } = options;
  const plain = plan.fields.filter((ordinal) => !columns.has(ordinal));
  const most = Math.max(1, Math.floor(BATCH_INDEXES / Math.max(1, plan.fields.length)));
  const batchRows = Math.min(plan.batchRows ?? BATCH_ROWS, BATCH_ROWS, most, plan.to - plan.from);
  const room = plan.fields.map((ordinal) => new Int32Array(columns.has(ordinal) ? batchRows : 0));
  // Without a plain column this gives batches of no column, and cancelling and ranges are as ever.
  for await (const batch of table.scan({ fields: plain, from: plan.from, to: plan.to, batchRows, signal })) {
    const { rowStart, rows } = batch;
    let nextPlain = 0;
    const indexes: Int32Array[] = [];
    for (const [k, ordinal] of plan.fields.entries()) {
      const column = columns.get(ordinal);
      if (column === undefined) {
        indexes.push(batch.indexes[nextPlain++]!);
        continue;
      }
      const greatest = await column.read(rowStart, rows, room[k]!);
      const { name, symbolCount } = table.modelFields[ordinal]!;
      needs(greatest < symbolCount, "QVF_INDEX", () => `${part}: a row refers to a symbol that "${name}" has not`, {
        part,
      });
      indexes.push(room[k]!);
    }
    yield { rowStart, rows, indexes };
    onProgress?.(rowStart + rows - plan.from, plan.to - plan.from);
  }
}
