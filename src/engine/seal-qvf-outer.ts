import { deflateLikeQlik } from "../container/qvf/deflate.ts";
import { encodeFieldStream } from "../container/qvf/field-stream.ts";
import { newPart, type QvfPart, replacedPart, SEAL_MEMBER } from "../container/qvf/parts.ts";
import { encodeStoredTable, parseStoredTable, type StoredVector } from "../container/qvf/stored-table.ts";
import { type TableColumn, vectorBytes } from "../container/qvf/table-stream.ts";
import { needs } from "../errors.ts";
import { UNKNOWN_FORMAT } from "../table/field.ts";
import { fieldContent } from "../table/qvf-encode.ts";
import type { QvfModel } from "../table/qvf-model.ts";
import { bitsFor, packVector } from "../table/qvf-vector.ts";
import type { SealOptions } from "./seal-plan.ts";
import type { SealedAppField } from "./seal-qvf-plan.ts";
import type { SealedStream } from "./seal-qvf-streams.ts";

/** Flags of a field without a value, as Qlik's own have them. */
const EMPTY_FLAGS = [0, 3, 7, 11, 16] as const;
const NULL_INDEX = -2;

/**
 * The parts of a sealed app but for its seal: sealed fields are what their mask is, sealed streams what stands in their
 * place, everything else is the stream that was there.
 */
export async function outerParts(
  parts: readonly QvfPart[],
  model: QvfModel,
  fields: readonly SealedAppField[],
  streams: readonly SealedStream[],
  options: SealOptions,
): Promise<readonly QvfPart[]> {
  needs(!parts.some((part) => part.path === SEAL_MEMBER), "USAGE", "the app has a seal already");
  const byNumber = new Map(fields.map((field) => [field.number, field]));
  const byPath = new Map(streams.map((stream) => [stream.part.path, stream]));
  const out: QvfPart[] = [];
  for (const part of parts) {
    const stream = byPath.get(part.path);
    if (stream !== undefined) {
      if (stream.standIn !== undefined) out.push(replacedPart(part, stream.standIn));
      continue;
    }
    const [, kind, digits] = /^data\/(field|table)_(\d+)$/.exec(part.path) ?? [];
    const field = kind === "field" ? byNumber.get(Number(digits)) : undefined;
    if (field !== undefined) out.push(replacedPart(part, maskedField(field, model)));
    else if (kind === "table") out.push(await tablePart(part, Number(digits), model, byNumber, options));
    else out.push(part);
  }
  return out;
}

/** The seal's place in the directory; the region itself is written by whoever makes it. */
export function sealPart(length: number, time: number): QvfPart {
  return { ...newPart(SEAL_MEMBER, SEAL_MEMBER, new Uint8Array(0), time), size: length };
}

function maskedField(field: SealedAppField, model: QvfModel): Uint8Array {
  const { number, name, mask } = field;
  const { component } = model.fields[number]!.tail;
  const draft = { name, numberFormat: UNKNOWN_FORMAT, tags: [], symbols: mask.symbols, isUnchanged: false };
  const content = fieldContent(draft, number, component, false);
  const { flags } = content.tail;
  if (mask.symbols.count === 0) for (const at of EMPTY_FLAGS) flags[at] = 1;
  return encodeFieldStream(content);
}

async function tablePart(
  part: QvfPart,
  number: number,
  model: QvfModel,
  fields: ReadonlyMap<number, SealedAppField>,
  options: SealOptions,
): Promise<QvfPart> {
  const isTouched = model.tables[number]?.head.columns.some((column) => fields.has(column.field)) ?? false;
  const closed = options.mode === "closed";
  if (!isTouched && !closed) return part;
  // Made twice, for its size and when it is written, so that no more than one is in memory.
  const make = () => maskedTable(part, number, model, fields, options);
  const bytes = await make();
  return { ...replacedPart(part, bytes), size: bytes.byteLength, read: make };
}

async function maskedTable(
  part: QvfPart,
  number: number,
  model: QvfModel,
  fields: ReadonlyMap<number, SealedAppField>,
  options: SealOptions,
): Promise<Uint8Array> {
  const { head, vectors } = parseStoredTable(await part.read(), part.path);
  const closed = options.mode === "closed";
  const rows = closed ? 0 : head.rows;
  const columns: TableColumn[] = [];
  const stored: (StoredVector | undefined)[] = [];
  for (const [k, column] of head.columns.entries()) {
    const field = fields.get(column.field);
    if (field === undefined) {
      columns.push(column);
      stored.push(rows === 0 ? undefined : vectors[k]);
      continue;
    }
    const masked = await maskedColumn(field, number, k, rows, model);
    columns.push({ field: column.field, ...masked.bits, unused: 0, last: column.last });
    stored.push(masked.vector);
  }
  const source = options.keepLineage === true && !closed ? head.source : "";
  return encodeStoredTable({ head: { ...head, source, rows, columns }, vectors: stored });
}

async function maskedColumn(
  field: SealedAppField,
  table: number,
  column: number,
  rows: number,
  model: QvfModel,
): Promise<{ readonly bits: { readonly bias: number; readonly width: number }; readonly vector?: StoredVector }> {
  const { mask, maskKind } = field;
  if (maskKind === "null" || maskKind === "none") return { bits: { bias: NULL_INDEX, width: 0 } };
  if (maskKind === "const") return { bits: { bias: 0, width: 0 } };
  const width = bitsFor(mask.symbols.count - 1 - NULL_INDEX);
  const bits = { bias: NULL_INDEX, width };
  if (rows === 0 || width === 0) return { bits };
  const vector = new Uint8Array(vectorBytes(rows, width));
  for await (const batch of model.tables[table]!.scan({ fields: [column] })) {
    packVector(vector, width, NULL_INDEX, batch.rowStart, mask.apply(batch.indexes[0]!, batch.rows), batch.rows);
  }
  return { bits, vector: { length: vector.byteLength, compressed: deflateLikeQlik(vector) } };
}
