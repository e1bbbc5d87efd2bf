import { packField, RECORD_SLACK } from "../bytes/bitfield.ts";
import { planBits, type RecordBits } from "../container/qvd/bits.ts";
import { editedHeader, newHeader } from "../container/qvd/header-build.ts";
import { headerBytes, placeTable, writeParts } from "../container/qvd/writer.ts";
import { needs, QErr, quoted } from "../errors.ts";
import type { ByteSink } from "../source/sink.ts";
import type { NumberFormat } from "./field.ts";
import type { QvdTable } from "./qvd-table.ts";
import { checkScan } from "./scan-plan.ts";
import { selectRows } from "./select.ts";
import { DOUBLE, INT, type SymbolTable, symbolKind, textOffset } from "./symbols.ts";
import type { Batch, ScanOptions, Table } from "./table.ts";

/** One column of a table to be written: what is said of it, and its symbols. */
export interface ColumnToWrite {
  readonly name: string;
  readonly numberFormat: NumberFormat;
  readonly comment: string;
  readonly tags: readonly string[];
  readonly symbols: SymbolTable;
  /** True if some row is NULL. A batch with a NULL in another column is `QVD_VALUE`. */
  readonly nullable: boolean;
}

/** A table to be written as a QVD. */
export interface TableToWrite {
  readonly name: string;
  readonly comment?: string | undefined;
  readonly creatorDoc?: string | undefined;
  readonly createdUtc?: Date | undefined;
  readonly lineage?: readonly { readonly discriminator: string; readonly statement: string }[] | undefined;
  readonly columns: readonly ColumnToWrite[];
  readonly rows: number;
  /** Exactly `rows` rows, in order; `indexes` in the order of `columns`. */
  readonly batches: AsyncIterable<Batch> | Iterable<Batch>;
}

/** Cancellation and progress of a long write. */
export type ScanProgress = Pick<ScanOptions, "signal" | "onProgress">;

/** Rows packed at a time: the records of a block stay in the first-level cache while each field is added. */
const BLOCK_ROWS = 1024;

/**
 * Writes a new QVD with every invariant of format notes 1.9: symbols as given, narrowest indexes, bias -2 where there
 * are NULLs, whole bytes, contiguous sections. The caller commits or aborts the sink.
 * @throws `QVD_VALUE` if there is no column, if a name or text holds U+0000 or XML cannot carry it, if a column that is
 *   not nullable has a NULL, or if an index has no symbol
 */
export async function writeQvd(sink: ByteSink, table: TableToWrite): Promise<void> {
  const { columns, rows } = table;
  needs(columns.length > 0, "QVD_VALUE", "a QVD has at least one field");
  for (const column of columns) checkColumn(column);
  const description = {
    name: headerText(table.name, "the table name"),
    comment: headerText(table.comment ?? "", "the table comment"),
    creatorDoc: headerText(table.creatorDoc ?? "qvault", "CreatorDoc"),
    createdUtc: table.createdUtc ?? new Date(),
    lineage: (table.lineage ?? []).map(({ discriminator, statement }) => ({
      discriminator: headerText(discriminator, "a lineage discriminator"),
      statement: headerText(statement, "a lineage statement"),
    })),
  };
  const bits = planBits(
    columns.map((c) => ({ symbolCount: c.symbols.count, nullable: c.nullable })),
    rows,
  );
  const symbols = columns.map((c) => c.symbols.bytes.subarray(0, c.symbols.starts[c.symbols.count]));
  const place = placeTable(
    bits,
    columns.map((c, i) => ({ count: c.symbols.count, byteLength: symbols[i]!.byteLength })),
    rows,
  );
  const header = headerBytes(newHeader(description, columns, place));
  await writeParts(sink, {
    header,
    symbols,
    records: packedRecords(bits, rows, checkedBatches(columns, table.batches)),
  });
}

/**
 * Writes a table that was read from a QVD with its own layout and header: an unchanged real file comes out byte for
 * byte. Every symbol and every index passes through the reader's checks on the way.
 */
export async function rewriteQvd(sink: ByteSink, table: QvdTable, options: ScanProgress = {}): Promise<void> {
  const { header } = table;
  const { signal, onProgress } = options;
  const place = placeTable(
    header,
    header.fields.map((f) => ({ count: f.noOfSymbols, byteLength: f.length })),
    header.noOfRecords,
  );
  const ordinals = header.fields.map((_, ordinal) => ordinal);
  async function* symbols() {
    for (const ordinal of ordinals) yield (await table.symbols(ordinal)).bytes;
  }
  await writeParts(sink, {
    header: headerBytes(editedHeader(header, ordinals, place), header),
    symbols: symbols(),
    records: packedRecords(header, header.noOfRecords, table.scan({ signal, onProgress })),
  });
}

/**
 * Writes some fields and rows of a QVD: its header elements with new counts, only the symbols in use, the narrowest
 * layout. All fields and all rows in their own order are a rewrite.
 * @throws `TABLE_NO_FIELD`, `TABLE_ROWS`, and what reading throws
 */
export async function rewriteSelected(sink: ByteSink, table: QvdTable, options: ScanOptions = {}): Promise<void> {
  const plan = checkScan(table.fields.length, table.rows, options);
  const allFields = plan.fields.length === table.fields.length && plan.fields.every((ordinal, i) => ordinal === i);
  if (allFields && plan.from === 0 && plan.to === table.rows) return rewriteQvd(sink, table, options);
  const selection = await selectRows(table, options);
  const { ordinals, columns, rows } = selection;
  const bits = planBits(
    columns.map((c) => ({ symbolCount: c.symbols.count, nullable: c.nullable })),
    rows,
  );
  const sizes = columns.map((c) => ({ count: c.symbols.count, byteLength: c.symbols.bytes.byteLength }));
  const place = placeTable(bits, sizes, rows);
  await writeParts(sink, {
    header: headerBytes(editedHeader(table.header, ordinals, place), table.header),
    symbols: columns.map((c) => c.symbols.bytes),
    records: packedRecords(bits, rows, selection.batches()),
  });
}

/**
 * Writes some fields and rows of a table that comes from elsewhere as a new QVD.
 * @throws `TABLE_NO_FIELD`, `TABLE_ROWS`, what {@link writeQvd} throws, and what reading throws
 */
export async function writeSelected(sink: ByteSink, table: Table, options: ScanOptions = {}): Promise<void> {
  const selection = await selectRows(table, options);
  const columns = selection.columns.map((c, k) => ({ ...table.fields[selection.ordinals[k]!]!, ...c }));
  const { rows } = selection;
  await writeQvd(sink, { name: table.name, comment: table.comment, columns, rows, batches: selection.batches() });
}

/**
 * Packs batches into records; the piece yielded is written over for the next batch.
 * @throws `QVD_INDEX` if an index does not fit the bits of its field, since it would spill over its neighbours; `QVD_VALUE` if
 *   other than `rows` rows come
 */
export async function* packedRecords(
  bits: RecordBits,
  rows: number,
  batches: AsyncIterable<Batch> | Iterable<Batch>,
): AsyncGenerator<Uint8Array> {
  const size = bits.recordByteSize;
  let records = new Uint8Array(RECORD_SLACK);
  let done = 0;
  for await (const batch of batches) {
    const length = batch.rows * size;
    if (records.byteLength < length + RECORD_SLACK) records = new Uint8Array(length + RECORD_SLACK);
    else records.fill(0, 0, length + RECORD_SLACK);
    for (let row = 0; row < batch.rows; row += BLOCK_ROWS) {
      const count = Math.min(BLOCK_ROWS, batch.rows - row);
      const block = records.subarray(row * size, (row + count) * size + RECORD_SLACK);
      bits.fields.forEach((f, k) => {
        const indexes = batch.indexes[k]!.subarray(row, row + count);
        const fits = packField(block, size, count, f.bitOffset, f.bitWidth, f.bias, indexes);
        needs(fits, "QVD_INDEX", () => `field ${k + 1} has an index that does not fit its ${f.bitWidth} bits`);
      });
    }
    done += batch.rows;
    yield records.subarray(0, length);
  }
  needs(done === rows, "QVD_VALUE", () => `the table was said to have ${rows} rows, ${done} came`);
}

/**
 * Batches whose indexes fit their columns: what does not would spill its bits over its neighbours. NULL, which a batch
 * may give as any negative number, becomes -2.
 */
async function* checkedBatches(
  columns: readonly ColumnToWrite[],
  batches: AsyncIterable<Batch> | Iterable<Batch>,
): AsyncGenerator<Batch> {
  for await (const batch of batches) {
    columns.forEach(({ name, symbols, nullable }, k) => {
      const indexes = batch.indexes[k]!;
      let greatest = -1;
      let nulls = 0;
      for (let row = 0; row < batch.rows; row++) {
        const index = indexes[row]!;
        if (index > greatest) greatest = index;
        else if (index < 0) {
          indexes[row] = -2;
          nulls += 1;
        }
      }
      needs(greatest < symbols.count, "QVD_VALUE", () => `field ${quoted(name)} has an index without a symbol`);
      needs(nullable || nulls === 0, "QVD_VALUE", () => `field ${quoted(name)} was said to have no NULL and has one`);
    });
    yield batch;
  }
}

function checkColumn(column: ColumnToWrite): void {
  headerText(column.name, "a field name");
  headerText(column.comment, "a field comment");
  for (const tag of column.tags) headerText(tag, "a tag");
  const { type, fmt, dec, thou } = column.numberFormat;
  for (const text of [type, fmt, dec, thou]) headerText(text, "a number format");
  const { symbols } = column;
  for (let i = 0; i < symbols.count; i++) {
    const kind = symbolKind(symbols, i);
    if (kind === INT || kind === DOUBLE) continue;
    const nul = symbols.bytes.indexOf(0, symbols.starts[i]! + textOffset(kind));
    if (nul !== symbols.starts[i + 1]! - 1) {
      throw new QErr("QVD_VALUE", `a text of field ${quoted(column.name)} holds U+0000, which ends texts in a QVD`);
    }
  }
}

/** A text that can stand in the header: XML 1.0 has no control characters but tab and line ends, and no lone surrogate. */
function headerText(text: string, what: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters that XML 1.0 forbids are meant
  const fits = text.isWellFormed() && !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(text);
  needs(fits, "QVD_VALUE", `${what} holds a character that XML cannot carry`);
  return text;
}
