import { deflateLikeQlik } from "../container/qvf/deflate.ts";
import type { QvfContainer } from "../container/qvf/reader.ts";
import { encodeStoredTable, parseStoredTable, type StoredVector } from "../container/qvf/stored-table.ts";
import { type TableHead, vectorBytes } from "../container/qvf/table-stream.ts";
import { needs } from "../errors.ts";
import { mixedTable } from "../table/qvf-mixed-table.ts";
import type { TableContext } from "../table/qvf-model.ts";
import { openTableStream, type QvfTable } from "../table/qvf-table.ts";
import { packVector } from "../table/qvf-vector.ts";
import { inflateNode } from "./inflate.ts";
import type { OpenAppField, OpenColumn } from "./open-sealed-items.ts";

/** The open columns of each table, by number of the table and of the column. */
export type OpenTables = ReadonlyMap<number, ReadonlyMap<number, OpenColumn>>;

export function openTables(fields: ReadonlyMap<number, OpenAppField>): OpenTables {
  const tables = new Map<number, Map<number, OpenColumn>>();
  for (const field of fields.values()) {
    for (const column of field.columns) {
      const columns = tables.get(column.table) ?? new Map<number, OpenColumn>();
      tables.set(column.table, columns.set(column.column, column));
    }
  }
  return tables;
}

const pathOf = (number: number) => `data/table_${number}`;

/** A table whose open columns are read from the seal, and the others from its stream. Throws `SEAL_DAMAGED`. */
export async function openSealedTable(
  outer: QvfContainer,
  number: number,
  columns: ReadonlyMap<number, OpenColumn>,
  context: TableContext,
): Promise<QvfTable> {
  const { head, vector } = await openTableStream(outer, number, inflateNode);
  return mixedTable(pathOf(number), restoredHead(head, columns, number), context, vector, columns);
}

function restoredHead(head: TableHead, columns: ReadonlyMap<number, OpenColumn>, number: number): TableHead {
  const [first] = columns.values();
  const rows = first!.rows;
  const source = [...columns.values()].find((c) => c.source !== undefined)?.source ?? head.source;
  const fits =
    [...columns.values()].every((c) => c.rows === rows && head.columns[c.column]?.field === c.field) &&
    (head.rows === rows || head.rows === 0);
  needs(fits, "SEAL_DAMAGED", `a sealed column does not belong to ${pathOf(number)}`, { part: "sealed meta" });
  const restored = head.columns.map((column, k) => {
    const own = columns.get(k);
    return own === undefined
      ? column
      : { ...column, bias: own.bias, width: own.width, unused: own.unused, last: own.last };
  });
  return { ...head, rows, source, columns: restored };
}

const BATCH_ROWS = 65_536;

/** The stream of a table with its open columns in their places: byte for byte as it was, if all of them are open. */
export async function restoredStream(
  outer: QvfContainer,
  number: number,
  columns: ReadonlyMap<number, OpenColumn>,
): Promise<Uint8Array> {
  const path = pathOf(number);
  const { head, vectors } = parseStoredTable(await outer.read(path), path);
  const restored = restoredHead(head, columns, number);
  const stored: (StoredVector | undefined)[] = [];
  for (const [k, vector] of vectors.entries()) {
    const column = columns.get(k);
    stored.push(column === undefined ? vector : await restoredVector(column));
  }
  return encodeStoredTable({ head: restored, vectors: stored });
}

async function restoredVector(column: OpenColumn): Promise<StoredVector | undefined> {
  const { rows, width, bias, slack } = column;
  if (rows === 0) return undefined;
  const vector = new Uint8Array(vectorBytes(rows, width));
  const indexes = new Int32Array(Math.min(rows, BATCH_ROWS));
  for (let row = 0; row < rows; row += BATCH_ROWS) {
    const count = Math.min(BATCH_ROWS, rows - row);
    await column.read(row, count, indexes);
    const fits = packVector(vector, width, bias, row, indexes, count);
    needs(fits, "SEAL_DAMAGED", "a sealed column has an index that its width cannot hold", { part: "sealed meta" });
  }
  if (width === 0) return undefined;
  const at = Math.floor((rows * width) / 8);
  needs(
    slack.byteLength === vector.byteLength - at,
    "SEAL_DAMAGED",
    "a sealed column has another end than its vector",
    {
      part: "sealed meta",
    },
  );
  // Stale bits follow those of the last row in its byte, and may not be other than its own.
  const own = 2 ** ((rows * width) % 8) - 1;
  needs(own === 0 || (slack[0]! & own) === vector[at], "SEAL_DAMAGED", "a sealed column ends in another index", {
    part: "sealed meta",
  });
  vector.set(slack, at);
  const compressed = deflateLikeQlik(vector);
  const { byteLength } = vector;
  vector.fill(0);
  indexes.fill(0);
  return { length: byteLength, compressed };
}
