import { byteWriter, written } from "../bytes/writer.ts";
import type { AccessTableContent } from "../container/qvf/access-stream.ts";
import { encodeFieldStream, type FieldContent, type QvfNumberFormat } from "../container/qvf/field-stream.ts";
import type { FieldTail } from "../container/qvf/field-tail.ts";
import {
  type TableColumn,
  type TableHead,
  vectorBytes,
  writeTableHead,
  writeVector,
} from "../container/qvf/table-stream.ts";
import { UNKNOWN_FORMAT } from "./field.ts";
import type { Draft, DraftColumn, DraftField } from "./qvf-draft.ts";
import { fromNumberFormat } from "./qvf-field.ts";
import { type EncodedField, encodeSymbols, encodeSynthetic } from "./qvf-symbols.ts";
import { bitsFor, packVector } from "./qvf-vector.ts";
import { DOUBLE, INT, type SymbolTable, symbolKind, symbolTextBytes, TEXT } from "./symbols.ts";

/** What an edit keeps of a field that was there before. */
export interface KnownField {
  readonly formats: readonly [QvfNumberFormat, QvfNumberFormat];
  readonly tail: FieldTail;
}

/**
 * The stream of a field: `data/field_<number>`. The 28 flag bytes of a new field follow what Qlik's own files have for
 * such values; they are not understood.
 */
export function encodeField(
  field: DraftField,
  number: number,
  component: number,
  isSynthetic: boolean,
  known?: KnownField,
): Uint8Array {
  return encodeFieldStream(fieldContent(field, number, component, isSynthetic, known));
}

export function fieldContent(
  field: DraftField,
  number: number,
  component: number,
  isSynthetic: boolean,
  known?: KnownField,
): FieldContent {
  const encoded: EncodedField = isSynthetic ? encodeSynthetic(field.symbols.count) : encodeSymbols(field.symbols);
  const counts = isSynthetic ? { texts: 0, numbers: 0 } : countKinds(field.symbols);
  const formats = known?.formats ?? [fromNumberFormat(field.numberFormat), fromNumberFormat(UNKNOWN_FORMAT)];
  const { fieldClass, base, content: symbols } = encoded;
  const tail: FieldTail = {
    flags: known?.tail.flags ?? newFlags(field.symbols, counts),
    fieldIndex: number,
    // Comments belong to symbols by their number; they are not carried over to other symbols.
    commentCount: 0,
    component,
    middle: known?.tail.middle ?? middleBytes(),
    infoName: known?.tail.infoName ?? "",
    infoSource: known?.tail.infoSource ?? "",
    comments: new Uint8Array(10),
    ...counts,
    last: known?.tail.last ?? lastBytes(),
  };
  return { formats, fieldClass, base, symbols, tail };
}

function countKinds(symbols: SymbolTable): { readonly texts: number; readonly numbers: number } {
  let texts = 0;
  for (let i = 0; i < symbols.count; i++) if (symbolKind(symbols, i) === TEXT) texts += 1;
  return { texts, numbers: symbols.count - texts };
}

/** As in fields of Qlik's with such values: byte 2 for numbers, byte 3 for ASCII texts, and what all fields have. */
function newFlags(symbols: SymbolTable, counts: { readonly texts: number; readonly numbers: number }): Uint8Array {
  const flags = new Uint8Array(28);
  for (const at of [0, 7, 11, 16]) flags[at] = 1;
  if (counts.texts === 0 && counts.numbers > 0) flags[2] = 1;
  if (counts.texts > 0 && isAscii(symbols)) flags[3] = 1;
  return flags;
}

function isAscii(symbols: SymbolTable): boolean {
  for (let i = 0; i < symbols.count; i++) {
    const kind = symbolKind(symbols, i);
    if (kind === INT || kind === DOUBLE) continue;
    if (symbolTextBytes(symbols, i)!.some((byte) => byte > 0x7f)) return false;
  }
  return true;
}

/** Five zeros, -1 as a 64-bit number, twelve zeros: the same in every field seen but one. */
function middleBytes(): Uint8Array {
  const bytes = new Uint8Array(25);
  bytes.fill(0xff, 5, 13);
  return bytes;
}

/** The same in every field seen but two. */
function lastBytes(): Uint8Array {
  const bytes = new Uint8Array(26);
  bytes[0] = 2;
  bytes[16] = 1;
  bytes[17] = 1;
  return bytes;
}

const NULL_INDEX = -2;

/**
 * How a column stores its indexes: the least of them is the bias (-2 where rows are NULL, -1 where section access has
 * `*`, else 0), and no more bits than the greatest needs.
 */
function columnBits({ nullable, starred, greatest }: DraftColumn): { readonly bias: number; readonly width: number } {
  const bias = nullable ? NULL_INDEX : starred ? -1 : 0;
  return { bias, width: bitsFor(Math.max(greatest, starred ? -1 : bias) - bias) };
}

/** The stream of a table: `data/table_<number>`. Two passes over its rows were made before; this is the second. */
export async function encodeTable(entry: Draft["tables"][number]): Promise<EncodedTable> {
  const { head, vectors } = await packTable(entry);
  const w = byteWriter(1024);
  writeTableHead(w, head);
  let rowBytes = 0;
  for (const vector of vectors) {
    if (vector === undefined) continue;
    writeVector(w, vector);
    rowBytes += vector.byteLength;
  }
  return { stream: written(w), rowBytes };
}

export interface EncodedTable {
  readonly stream: Uint8Array;
  /** Bytes of its vectors before compression. */
  readonly rowBytes: number;
}

/** The head and the vectors of a table, before compression. */
export async function packTable(entry: Draft["tables"][number]): Promise<AccessTableContent> {
  const { table, columns } = entry;
  const stored = columns.map((column): TableColumn => {
    return { field: column.field, ...columnBits(column), unused: 0, last: new Uint8Array(3) };
  });
  const head: TableHead = {
    name: table.name,
    source: table.source,
    unknown: new Uint8Array(8),
    rows: table.rows,
    synthetic: table.isSynthetic ? 1 : 0,
    columns: stored,
  };
  const vectors = stored.map(({ width }) => {
    return table.rows > 0 && width > 0 ? new Uint8Array(vectorBytes(table.rows, width)) : undefined;
  });
  let room = new Int32Array(0);
  let done = 0;
  for await (const batch of table.batches()) {
    if (room.length < batch.rows) room = new Int32Array(batch.rows);
    stored.forEach(({ width, bias }, k) => {
      const vector = vectors[k];
      if (vector === undefined) return;
      const { remap } = columns[k]!;
      const indexes = batch.indexes[k]!;
      for (let row = 0; row < batch.rows; row++) room[row] = indexes[row]! < 0 ? NULL_INDEX : remap[indexes[row]!]!;
      packVector(vector, width, bias, done, room, batch.rows);
    });
    done += batch.rows;
  }
  return { head, vectors };
}
