import { QErr } from "../errors.ts";
import { readCsv } from "../input/csv.ts";
import { type JsonReader, readJson } from "../input/json.ts";
import { readNdjson } from "../input/ndjson.ts";
import { readParquet } from "../input/parquet.ts";
import type { BigIntegers, RowReader } from "../input/row-reader.ts";
import { fileSpool } from "../source/file-spool.ts";
import { sourcePieces } from "../source/pieces.ts";
import type { ByteSink } from "../source/sink.ts";
import type { ByteSource } from "../source/source.ts";
import { AS_ADMIN_NOTE } from "../table/admin-note.ts";
import { tableBuilder } from "../table/builder.ts";
import { writeQvd } from "../table/qvd-write.ts";

/** Formats a QVD can be made from. */
export const IMPORT_FORMATS = ["csv", "json", "ndjson", "parquet"] as const;

export type ImportFormat = (typeof IMPORT_FORMATS)[number];

/** What becomes of whole numbers beyond 2^53. */
export const BIG_INTEGERS = ["refuse", "text", "number"] as const satisfies readonly BigIntegers[];

export interface ImportRequest {
  readonly format: ImportFormat;
  /** Name of the new table; a JSON document says its own unless this is given. */
  readonly tableName?: string | undefined;
  /** The name where neither says one. */
  readonly fallbackName: string;
  /** CSV only; a comma if left out. */
  readonly delimiter?: string | undefined;
  /** CSV only: take cells that are written exactly as a number prints for numbers; otherwise all are texts. */
  readonly numbers?: boolean | undefined;
  readonly bigIntegers?: BigIntegers | undefined;
  /** True if a file beside the input says that its rows were read as an administrator; a format with room says it itself. */
  readonly asAdmin?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, all: number) => void) | undefined;
}

/**
 * Reads rows and writes them as a QVD. Symbols are held in memory; row indexes go to temporary space when they are many.
 * The caller commits or aborts the sink.
 * @returns the number of rows
 * @throws `IMPORT_…`, `BYTES_UTF8`, `QVD_VALUE`, `LIMIT_EXCEEDED`, `CANCELLED`, and what source and sink throw
 */
export async function importTable(source: ByteSource, sink: ByteSink, request: ImportRequest): Promise<number> {
  const reader = await rowReader(source, request);
  const builder = tableBuilder(reader.fields, { spool: () => fileSpool() });
  try {
    for await (const columns of reader.batches()) {
      if (request.signal?.aborted) throw new QErr("CANCELLED", "importing was cancelled");
      await builder.add(columns);
    }
    const { columns, rows, batches } = builder.finish();
    const name = request.tableName ?? ("table" in reader ? reader.table : request.fallbackName);
    const comment = reader.asAdmin === true || request.asAdmin === true ? AS_ADMIN_NOTE : "";
    await writeQvd(sink, { name, comment, columns, rows, batches: batches() });
    return rows;
  } finally {
    await builder.close();
  }
}

function rowReader(source: ByteSource, request: ImportRequest): Promise<RowReader | JsonReader> {
  const { format, bigIntegers } = request;
  const pieces = () => sourcePieces(source, request.onProgress);
  switch (format) {
    case "csv":
      return readCsv(pieces(), { delimiter: request.delimiter, numbers: request.numbers ? "canonical" : "text" });
    case "json":
      return readJson(pieces(), { bigIntegers });
    case "ndjson":
      return readNdjson(pieces(), { bigIntegers });
    case "parquet":
      return readParquet(source, { bigIntegers });
  }
}
