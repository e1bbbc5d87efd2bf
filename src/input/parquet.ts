import {
  type ColumnChunk,
  type ColumnMetaData,
  type FileMetaData,
  type ParquetType,
  parquetMetadataAsync,
  parquetRead,
  parquetSchema,
  type RowGroup,
} from "hyparquet";
import { isQErr, needs, QErr } from "../errors.ts";
import { MAX_FIELDS, MAX_PARQUET_CHUNK_BYTES, MAX_PARQUET_FOOTER_BYTES } from "../limits.ts";
import type { ByteSource } from "../source/source.ts";
import { AS_ADMIN_KEY, AS_ADMIN_NOTE } from "../table/admin-note.ts";
import type { Cell } from "../table/dual.ts";
import { PARQUET_CODECS, parquetCompressors } from "./parquet-codec.ts";
import { checkPages, checkValueCount, parquetBudget, type Spend } from "./parquet-pages.ts";
import { readThrift } from "./parquet-thrift.ts";
import { type ParquetColumn, parquetColumn, type ToCell } from "./parquet-value.ts";
import { BATCH_ROWS, type BigIntegers, type RowReader } from "./row-reader.ts";

export interface ParquetReadOptions {
  /** What becomes of whole numbers and decimals beyond 2^53; `refuse` if left out. */
  readonly bigIntegers?: BigIntegers | undefined;
  /** Bytes one column of a row group may unpack to, and a row group may have packed; `MAX_PARQUET_CHUNK_BYTES` if left out. */
  readonly chunkBytes?: number | undefined;
}

/**
 * Reads a flat Parquet file, a row group at a time. Numbers become numbers; DATE, TIME and TIMESTAMP (any unit; UTC or local
 * as it stands, since Qlik has no time zone) day numbers with an ISO format; DECIMAL the number that prints as the same
 * digits; BOOLEAN the duals -1/`true` and 0/`false`; strings, enums, JSON, UUIDs and unmarked bytes texts.
 * @throws `IMPORT_SYNTAX` on a damaged file or two fields of one name; `IMPORT_UNSUPPORTED` on nested or binary fields and
 *   codecs other than SNAPPY and GZIP; `IMPORT_VALUE` on numbers beyond 2^53 unless `bigIntegers` says otherwise;
 *   `BYTES_UTF8`; `LIMIT_EXCEEDED`; and what the source throws
 */
export async function readParquet(source: ByteSource, options: ParquetReadOptions = {}): Promise<RowReader> {
  const metadata = await guarded(async () => {
    needs(source.size >= 12, "IMPORT_SYNTAX", "the input is too short for a Parquet file");
    await checkFooter(source);
    const slice = (start: number, end = source.size): Promise<ArrayBuffer> => readBuffer(source, start, end);
    return parquetMetadataAsync({ byteLength: source.size, slice }, { geoparquet: false });
  });
  const elements = await guarded(async () => parquetSchema(metadata).children.map((child) => child.element));
  needs(elements.length > 0, "IMPORT_SYNTAX", "the Parquet file has no field");
  needs(elements.length <= MAX_FIELDS, "LIMIT_EXCEEDED", `over ${MAX_FIELDS} fields`);
  // The library leaves out what the footer does, and takes from it what is no text.
  const names = elements.map((element): unknown => element.name).filter((name) => typeof name === "string");
  needs(names.length === elements.length, "IMPORT_SYNTAX", "a field of the Parquet file has no name");
  needs(new Set(names).size === names.length, "IMPORT_SYNTAX", "two fields of the Parquet file have one name");
  const columns = elements.map((element) => ({
    ...parquetColumn(element, options.bigIntegers ?? "refuse"),
    type: element.type,
    optional: element.repetition_type !== "REQUIRED",
  }));
  const limit = options.chunkBytes ?? MAX_PARQUET_CHUNK_BYTES;
  for (const group of metadata.row_groups) {
    const rows = Number(group.num_rows);
    needs(Number.isSafeInteger(rows) && rows >= 0, "IMPORT_SYNTAX", "a row group of the Parquet file has no row count");
    for (const column of group.columns) checkChunk(column, limit);
  }
  return {
    fields: columns.map(({ numberFormat, tags }, k) => ({ name: names[k]!, numberFormat, tags })),
    asAdmin: metadata.key_value_metadata?.some(({ key, value }) => key === AS_ADMIN_KEY && value === AS_ADMIN_NOTE),
    batches: () =>
      parquetBatches({
        source,
        metadata: physical(metadata),
        names,
        columns,
        limit,
        spend: parquetBudget(source.size),
      }),
  };
}

interface ParquetInput {
  readonly source: ByteSource;
  readonly metadata: FileMetaData;
  readonly names: readonly string[];
  readonly columns: readonly (ParquetColumn & { readonly type: ParquetType | undefined; readonly optional: boolean })[];
  /** Bytes that a chunk, and so any of its pages, may unpack to. */
  readonly limit: number;
  readonly spend: Spend;
}

/** Walks the footer before a library reads it that believes every count in it. */
async function checkFooter(source: ByteSource): Promise<void> {
  const tail = await source.read(source.size - 8, 4);
  const length = new DataView(tail.buffer, tail.byteOffset).getUint32(0, true);
  needs(length <= source.size - 12, "IMPORT_SYNTAX", "the footer of the Parquet file is not inside it");
  needs(length <= MAX_PARQUET_FOOTER_BYTES, "LIMIT_EXCEEDED", `a footer of over ${MAX_PARQUET_FOOTER_BYTES} bytes`);
  readThrift(await source.read(source.size - 8 - length, length), 0);
}

/** The same file with nothing but physical types, so that conversion is ours alone and no digit is lost on the way. */
function physical(metadata: FileMetaData): FileMetaData {
  const schema = metadata.schema.map(({ converted_type: _, logical_type: __, ...element }) => element);
  return { ...metadata, schema };
}

function checkChunk(column: ColumnChunk, limit: number): void {
  const chunk = column.meta_data;
  if (chunk === undefined) throw new QErr("IMPORT_SYNTAX", "a column of the Parquet file has no metadata");
  needs(
    PARQUET_CODECS.includes(chunk.codec),
    "IMPORT_UNSUPPORTED",
    () => `the Parquet file is compressed with ${chunk.codec ?? "a codec of no name"}`,
    {
      hint: "write it again with SNAPPY, GZIP or no compression",
    },
  );
  const fits = chunk.total_uncompressed_size <= BigInt(limit);
  needs(fits, "LIMIT_EXCEEDED", () => `a column of a row group unpacks to more than ${limit} bytes`, {
    hint: "write the file again with smaller row groups",
  });
}

async function* parquetBatches(input: ParquetInput): AsyncGenerator<readonly (readonly Cell[])[]> {
  for (const group of input.metadata.row_groups) {
    const rows = Number(group.num_rows);
    const cells = await guarded(async () =>
      readGroup(input, group, await fetchGroup(input.source, group, input.limit)),
    );
    for (let from = 0; from < rows; from += BATCH_ROWS) {
      yield cells.map((column) => column.slice(from, from + BATCH_ROWS));
    }
  }
}

interface FetchedGroup {
  readonly start: number;
  readonly bytes: ArrayBuffer;
}

/**
 * Fetches a row group as a whole before any of it is read: hyparquet starts all its reads at once, and if two of them
 * failed, the second would be an error that nobody awaits.
 */
async function fetchGroup(source: ByteSource, group: RowGroup, limit: number): Promise<FetchedGroup> {
  let start = source.size;
  let end = 0;
  for (const { meta_data: chunk } of group.columns) {
    const { from, to } = rangeOf(chunk!);
    const inside = from >= 4 && to >= from && to <= source.size;
    needs(inside, "IMPORT_SYNTAX", "a column of the Parquet file is not inside the file");
    start = Math.min(start, from);
    end = Math.max(end, to);
  }
  needs(start < end, "IMPORT_SYNTAX", "a row group of the Parquet file has no column");
  needs(end - start <= limit, "LIMIT_EXCEEDED", `a row group is longer than ${limit} bytes`, {
    hint: "write the file again with smaller row groups",
  });
  checkValueCount(Number(group.num_rows) * group.columns.length, end - start);
  return { start, bytes: await readBuffer(source, start, end) };
}

function rangeOf(chunk: ColumnMetaData): { readonly from: number; readonly to: number } {
  const { data_page_offset: data, dictionary_page_offset: dictionary, total_compressed_size: size } = chunk;
  const from = Number(dictionary !== undefined && dictionary < data ? dictionary : data);
  return { from, to: from + Number(size) };
}

/** A buffer of its own: hyparquet takes no views, and a memory source hands them out. */
async function readBuffer(source: ByteSource, start: number, end: number): Promise<ArrayBuffer> {
  return new Uint8Array(await source.read(start, end - start)).buffer;
}

async function readGroup(input: ParquetInput, group: RowGroup, fetched: FetchedGroup): Promise<Cell[][]> {
  const { source, names, columns, limit, spend } = input;
  const rows = Number(group.num_rows);
  const file = {
    byteLength: source.size,
    slice(start: number, end = source.size): ArrayBuffer {
      const inside = start >= fetched.start && end <= fetched.start + fetched.bytes.byteLength;
      needs(inside, "IMPORT_SYNTAX", "a page of the Parquet file is outside its row group");
      return fetched.bytes.slice(start - fetched.start, end - fetched.start);
    },
  };
  const cells = columns.map((): Cell[] => []);
  let failure: unknown;
  for (const column of group.columns) {
    const chunk = column.meta_data!;
    const k = names.indexOf(chunk.path_in_schema[0]!);
    needs(k >= 0, "IMPORT_SYNTAX", "a row group of the Parquet file has a column that is no field");
    // The library goes by the type that the chunk states, the column by that of its field.
    const fits = chunk.type === columns[k]!.type;
    needs(fits, "IMPORT_SYNTAX", "a column of the Parquet file has another type than its field");
    const { from, to } = rangeOf(chunk);
    const bytes = new Uint8Array(fetched.bytes, from - fetched.start, to - from);
    const pages = checkPages(bytes, chunk, rows, columns[k]!.optional, spend);
    await parquetRead({
      file,
      // Of the group just the chunk that was checked: another of the same name would be read along, and might fail too.
      // Of the schema just its field, since the whole is walked each time.
      metadata: {
        ...input.metadata,
        schema: [{ ...input.metadata.schema[0]!, num_children: 1 }, input.metadata.schema[k + 1]!],
        row_groups: [{ ...group, columns: [column] }],
        num_rows: group.num_rows,
      },
      columns: [names[k]!],
      rowEnd: rows,
      utf8: false,
      parsers: { timestampFromNanoseconds: (nanos) => nanos },
      compressors: parquetCompressors(limit, pages),
      onChunk({ columnData }) {
        // An error thrown in here would be lost, so it is kept.
        try {
          addCells(cells[k]!, columns[k]!.toCell, columnData as ArrayLike<unknown>);
        } catch (error) {
          failure ??= error;
        }
      },
    });
  }
  if (failure !== undefined) throw failure;
  const whole = cells.every((column) => column.length === rows);
  needs(whole, "IMPORT_SYNTAX", "a column of the Parquet file has other than its number of rows");
  return cells;
}

function addCells(target: Cell[], toCell: ToCell, values: ArrayLike<unknown>): void {
  // Values out of a dictionary are the same objects over and over.
  const known = new Map<object, Cell>();
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === null || value === undefined) {
      target.push(null);
    } else if (typeof value === "object") {
      let cell = known.get(value);
      if (cell === undefined) known.set(value, (cell = toCell(value)));
      target.push(cell);
    } else target.push(toCell(value));
  }
}

/** Whatever hyparquet throws over a damaged file becomes one code; our own errors pass. */
async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isQErr(cause)) throw cause;
    throw new QErr("IMPORT_SYNTAX", "the input is not a Parquet file, or is damaged", { cause });
  }
}
