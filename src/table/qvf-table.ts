import { cursor, readBytes } from "../bytes/cursor.ts";
import { type Inflate, inflateExactly } from "../container/qvf/deflate.ts";
import type { QvfContainer } from "../container/qvf/reader.ts";
import { checkInflated, readTableHead, readVectorLengths, type TableHead } from "../container/qvf/table-stream.ts";
import { isQErr, needs, QErr } from "../errors.ts";
import type { Field } from "./field.ts";
import { type ModelField, toNumberFormat } from "./qvf-field.ts";
import { kernelVectors, scriptVectors, type VectorColumn } from "./qvf-unpack.ts";
import { checkScan } from "./scan-plan.ts";
import type { Batch, ScanOptions, Table } from "./table.ts";

/** A table of a QVF, with what its stream says of it. */
export interface QvfTable extends Table {
  readonly head: TableHead;
  /** By column: the field of the model. Tables with a field of the same number are associated by it. */
  readonly modelFields: readonly ModelField[];
  /** True for `$$SysTable n`, which Qlik adds to describe the model. */
  readonly isSystem: boolean;
  /** True for the table of a synthetic key, `$Syn n Table`. */
  readonly isSynthetic: boolean;
}

/** Where the vectors of a table come from: inflated, by column; `undefined` for a column without one. */
export type VectorReader = (column: number) => Promise<Uint8Array | undefined>;

/** Rows a batch at the most: bounds the index arrays to 256 KiB a field. */
const BATCH_ROWS = 65_536;
/** Indexes a batch at the most, of all fields: 16 MiB. */
const BATCH_INDEXES = 4 * 1024 * 1024;
/** Cells from which on a kernel is worth its start (some milliseconds). */
const KERNEL_CELLS = 500_000;
const NO_BYTES = new Uint8Array(0);
const FIRST_LOOK = 16 * 1024;

/** Reads the head of a table stream and where its rows begin. Throws `QVF_TABLE`, and what the container throws. */
export async function openTableStream(
  container: QvfContainer,
  number: number,
  inflate: Inflate,
): Promise<{ readonly head: TableHead; readonly vector: VectorReader }> {
  const part = `data/table_${number}`;
  const size = await container.size(part);
  for (let look = FIRST_LOOK; ; look *= 16) {
    const c = cursor(await container.readRange(part, 0, look), part, { code: "QVF_TABLE" });
    try {
      const head = readTableHead(c);
      checkInflated(head, size, part);
      return { head, vector: vectorReader(container, part, head, c.offset, inflate) };
    } catch (error) {
      // A head may be longer than the first look; at the stream's end it is damage.
      if (!isQErr(error) || error.code === "LIMIT_EXCEEDED" || look >= size) throw error;
    }
  }
}

interface Place {
  readonly at: number;
  readonly compressed: number;
  readonly raw: number;
}

function vectorReader(
  container: QvfContainer,
  part: string,
  head: TableHead,
  rowsAt: number,
  inflate: Inflate,
): VectorReader {
  let places: Promise<readonly (Place | undefined)[]> | undefined;

  async function findPlaces(): Promise<readonly (Place | undefined)[]> {
    const found: (Place | undefined)[] = [];
    let at = rowsAt;
    for (const column of head.columns) {
      if (head.rows === 0 || column.width === 0) {
        found.push(undefined);
        continue;
      }
      const c = cursor(await container.readRange(part, at, 8), part, { base: at, code: "QVF_TABLE" });
      const { raw, compressed } = readVectorLengths(c, head.rows, column.width);
      found.push({ at: at + 8, compressed, raw });
      at += 8 + compressed;
    }
    return found;
  }

  return async (column) => {
    places ??= findPlaces();
    const place = (await places)[column];
    if (place === undefined) return undefined;
    const bytes = await container.readRange(part, place.at, place.compressed);
    const c = cursor(bytes, part, { base: place.at, code: "QVF_TABLE" });
    return inflateExactly(inflate, readBytes(c, place.compressed), place.raw, `${part}, column ${column}`);
  };
}

/**
 * A table over a head, the model's fields and a source of vectors.
 * @throws `QVF_TABLE` if a column names a field that is not there or has an impossible bias
 */
export function qvfTable(
  part: string,
  head: TableHead,
  fields: readonly ModelField[],
  tags: (name: string) => readonly string[],
  vector: VectorReader,
): QvfTable {
  const modelFields = head.columns.map((column) => {
    const field = fields[column.field];
    if (field === undefined) throw new QErr("QVF_TABLE", `${part} has a column of field ${column.field}`, { part });
    const sane = column.bias >= -2 && column.bias <= 2 ** 30;
    needs(sane, "QVF_TABLE", `${part}: field "${field.name}" has bias ${column.bias}`, { part });
    return field;
  });
  return {
    name: head.name,
    comment: "",
    rows: head.rows,
    fields: head.columns.map((column, k): Field => {
      const { name, formats, symbolCount } = modelFields[k]!;
      const nullable = column.bias < 0;
      const numberFormat = toNumberFormat(formats[0]);
      return { name, numberFormat, tags: tags(name), comment: "", symbolCount, bitWidth: column.width, nullable };
    }),
    head,
    modelFields,
    isSystem: head.name.startsWith("$$SysTable "),
    isSynthetic: head.synthetic === 1,
    symbols(ordinal) {
      const field = modelFields[ordinal];
      if (field === undefined) return Promise.reject(new QErr("TABLE_NO_FIELD", `there is no field number ${ordinal}`));
      return field.symbols();
    },
    scan: (options) => scan(part, head, modelFields, vector, options),
    async close() {},
  };
}

async function* scan(
  part: string,
  head: TableHead,
  fields: readonly ModelField[],
  vector: VectorReader,
  options: ScanOptions = {},
): AsyncGenerator<Batch> {
  const plan = checkScan(head.columns.length, head.rows, options);
  if (plan.from >= plan.to) return;
  checkCancelled(options);
  // A vector is one zlib stream: any row range needs it whole.
  const vectors = await Promise.all(plan.fields.map((ordinal) => vector(ordinal)));
  const columns = plan.fields.map((ordinal, k): VectorColumn => {
    const { width, bias } = head.columns[ordinal]!;
    return { vector: vectors[k] ?? NO_BYTES, width, bias, symbolCount: fields[ordinal]!.symbolCount };
  });
  const byIndexes = Math.floor(BATCH_INDEXES / Math.max(1, columns.length));
  const rows = Math.max(1, Math.min(plan.batchRows ?? BATCH_ROWS, BATCH_ROWS, byIndexes, plan.to - plan.from));
  const make = (plan.to - plan.from) * columns.length < KERNEL_CELLS ? scriptVectors : kernelVectors;
  const { indexes, unpack } = make(columns, rows);
  for (let row = plan.from; row < plan.to; row += rows) {
    checkCancelled(options);
    const count = Math.min(rows, plan.to - row);
    const bad = unpack(row, count);
    if (bad >= 0) {
      const { name, symbolCount } = fields[plan.fields[bad]!]!;
      const message = `${part}: rows from ${row} refer to symbols that field "${name}" has not; it has ${symbolCount}`;
      throw new QErr("QVF_INDEX", message, { part });
    }
    yield { rowStart: row, rows: count, indexes };
    options.onProgress?.(row + count - plan.from, plan.to - plan.from);
  }
}

function checkCancelled({ signal }: ScanOptions): void {
  if (signal?.aborted) throw new QErr("CANCELLED", "reading was cancelled", { cause: signal.reason });
}
