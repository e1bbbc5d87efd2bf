import { type ByteWriter, byteWriter, reserve, writeBytes } from "../bytes/writer.ts";
import type { Table } from "../table/table.ts";
import { type CellEncoder, type Encoded, encodeColumn, encodedBytes, type OutputColumn } from "./encoded-column.ts";
import { DEFAULT_CACHE_BYTES, type ExportOptions, type ExportSink, planExport } from "./options.ts";

/** What stands around the cells of a row. */
export interface RowLayout {
  readonly columns: readonly OutputColumn[];
  /** After the last cell of each row. */
  readonly end: Uint8Array;
  /** Between two rows. */
  readonly between: Uint8Array;
}

interface Plan {
  /** Position of the field in a batch. */
  readonly position: number;
  readonly lead: Uint8Array;
  readonly encode: CellEncoder;
  /** Every symbol, if it pays and fits; else the cells of a run of rows are encoded one after the other. */
  readonly encoded: Encoded | undefined;
  readonly run: ByteWriter;
  readonly runStarts: Uint32Array;
}

interface Rows {
  readonly plans: readonly Plan[];
  readonly layout: RowLayout;
  readonly room: number;
}

/** Output is handed over in pieces of about this many bytes; one row may make a piece longer. */
const PIECE_BYTES = 256 * 1024;

/** Rows that are encoded column by column before they are put together: few enough to stay in the processor's cache. */
const RUN_ROWS = 1024;

/** A run ends early when the cells of one column take this much. */
const RUN_BYTES = 1024 * 1024;

/** Up to this length a plain loop copies faster than `set` of a view. */
const SHORT_COPY = 48;

/** A slot is copied whole, so it may write this much beyond its cell. */
const SLOT_BYTES = 32;

/**
 * Writes rows of encoded cells. Every symbol is encoded once where its field fits the cache budget and has no more
 * symbols than there are rows to write; else cell by cell. Memory is the cache, one batch, one run and one piece of output.
 * @returns the number of rows written
 */
export async function writeRows(
  table: Table,
  sink: ExportSink,
  layout: RowLayout,
  options: ExportOptions,
): Promise<number> {
  const fields = [...new Set(layout.columns.map((column) => column.ordinal))];
  const plans = await planColumns(table, layout.columns, fields, options);
  const longest = plans.reduce((sum, plan) => sum + (plan.encoded?.longest ?? 0), 0);
  const made: Rows = { plans, layout, room: longest + layout.end.length + SLOT_BYTES };
  const out = byteWriter(PIECE_BYTES + made.room);
  let rows = 0;
  for await (const batch of table.scan({ ...options.scan, fields })) {
    for (let row = 0; row < batch.rows; ) {
      const runEnd = encodeRun(plans, batch.indexes, row, Math.min(batch.rows, row + RUN_ROWS));
      for (let at = row; at < runEnd; ) {
        if (rows + at > 0) writeBytes(out, layout.between);
        at = appendRows(out, made, batch.indexes, row, at, runEnd);
        if (out.length >= PIECE_BYTES) {
          await sink.write(out.bytes.subarray(0, out.length));
          out.length = 0;
        }
      }
      row = runEnd;
    }
    rows += batch.rows;
  }
  if (out.length > 0) await sink.write(out.bytes.subarray(0, out.length));
  return rows;
}

/** Encodes the cells of the columns that are not cached; returns the row after the last that all of them have. */
function encodeRun(plans: readonly Plan[], indexes: readonly Int32Array[], first: number, last: number): number {
  let end = last;
  for (const { position, lead, encode, encoded, run, runStarts } of plans) {
    if (encoded !== undefined) continue;
    const column = indexes[position]!;
    run.length = 0;
    let row = first;
    while (row < end && run.length < RUN_BYTES) {
      runStarts[row - first] = run.length;
      writeBytes(run, lead);
      encode(run, column[row]!);
      row++;
    }
    runStarts[row - first] = run.length;
    end = row;
  }
  return end;
}

/**
 * Appends rows until the piece is full; returns the row after the last. `room` is what the cached cells of a row, what
 * stands around them and a slot's excess take at the most: it is looked at once a row, not once a cell.
 */
function appendRows(
  out: ByteWriter,
  { plans, layout, room }: Rows,
  indexes: readonly Int32Array[],
  runStart: number,
  first: number,
  end: number,
): number {
  const tail = layout.end;
  for (let row = first; ; ) {
    let at = makeRoom(out, out.length, room);
    for (const { position, encoded, run, runStarts } of plans) {
      if (encoded === undefined) {
        const start = runStarts[row - runStart]!;
        const stop = runStarts[row - runStart + 1]!;
        at = makeRoom(out, at, stop - start + room);
        at = copyCell(out.bytes, at, run.bytes, start, stop);
        continue;
      }
      const index = indexes[position]![row]!;
      const entry = index < 0 ? 0 : index + 1;
      if (encoded.form === "slots") at = copySlot(out.view, at, encoded.words, entry, encoded.step);
      else at = copyCell(out.bytes, at, encoded.bytes, encoded.starts[entry]!, encoded.starts[entry + 1]!);
    }
    for (let i = 0; i < tail.length; i++) out.bytes[at++] = tail[i]!;
    out.length = at;
    row++;
    if (row === end || at >= PIECE_BYTES) return row;
    if (layout.between.length > 0) writeBytes(out, layout.between);
  }
}

/** Makes sure that `room` bytes can be written from `at` on without a further look; returns `at`. */
function makeRoom(out: ByteWriter, at: number, room: number): number {
  if (at + room > out.bytes.byteLength) {
    out.length = at;
    reserve(out, room);
    out.length = at;
  }
  return at;
}

function copyCell(target: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): number {
  if (end - start > SHORT_COPY) target.set(bytes.subarray(start, end), at);
  else for (let from = start, to = at; from < end; ) target[to++] = bytes[from++]!;
  return at + end - start;
}

function copySlot(view: DataView, at: number, words: Uint32Array, entry: number, step: 4 | 8): number {
  const base = entry * step;
  view.setUint32(at, words[base]!, true);
  view.setUint32(at + 4, words[base + 1]!, true);
  view.setUint32(at + 8, words[base + 2]!, true);
  view.setUint32(at + 12, words[base + 3]!, true);
  if (step === 8) {
    view.setUint32(at + 16, words[base + 4]!, true);
    view.setUint32(at + 20, words[base + 5]!, true);
    view.setUint32(at + 24, words[base + 6]!, true);
    view.setUint32(at + 28, words[base + 7]!, true);
  }
  return at + (words[base + step - 1]! >>> 24);
}

async function planColumns(
  table: Table,
  columns: readonly OutputColumn[],
  fields: readonly number[],
  options: ExportOptions,
): Promise<readonly Plan[]> {
  const { from, to } = planExport(table, options);
  let left = options.cacheBytes ?? DEFAULT_CACHE_BYTES;
  const plans: Plan[] = [];
  for (const { ordinal, lead, encoder } of columns) {
    const symbols = await table.symbols(ordinal);
    const encode = encoder(symbols);
    // With more symbols than rows, encoding them all costs more than it saves.
    const encoded = symbols.count <= to - from ? encodeColumn(symbols, lead, encode, left) : undefined;
    if (encoded !== undefined) left -= encodedBytes(encoded);
    const run = byteWriter(encoded === undefined ? RUN_ROWS * SLOT_BYTES : 0);
    const runStarts = new Uint32Array(encoded === undefined ? RUN_ROWS + 1 : 0);
    plans.push({ position: fields.indexOf(ordinal), lead, encode, encoded, run, runStarts });
  }
  return plans;
}
