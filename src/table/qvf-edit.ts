import type { Inflate } from "../container/qvf/deflate.ts";
import { encodeJsonFrame, frameText, parseFrame, parseJson } from "../container/qvf/frame.ts";
import { directoryPart, newPart, type QvfPart, replacedPart } from "../container/qvf/parts.ts";
import type { QvfContainer } from "../container/qvf/reader.ts";
import { needs, QErr } from "../errors.ts";
import type { AppTable, SymbolOrder } from "./qvf-draft.ts";
import type { QvfModel } from "./qvf-model.ts";
import { encodeModel, type FieldBefore, type WrittenModel } from "./qvf-model-write.ts";
import type { QvfTable } from "./qvf-table.ts";
import { readRows } from "./read-rows.ts";
import type { Batch } from "./table.ts";

/** What happens to a table in an edit: another table in its place, or `undefined` to drop it. */
export type TableEdit = (table: QvfTable) => AppTable | undefined | Promise<AppTable | undefined>;

export interface EditOptions {
  readonly inflate: Inflate;
  /** `stored` if left out; `first-use` leaves no trace of the symbols that were dropped, not even in the order. */
  readonly symbolOrder?: SymbolOrder;
}

/** A table of an app, unchanged, for writing. Its fields stay the fields of the app: their symbols are shared. */
export async function keptTable(table: QvfTable): Promise<AppTable> {
  const columns = [];
  for (const [ordinal, field] of table.fields.entries()) {
    const { name, numberFormat, tags } = field;
    columns.push({ name, numberFormat, tags, symbols: await table.symbols(ordinal) });
  }
  const { name, rows, head, isSynthetic } = table;
  return { name, source: head.source, columns, rows, isSynthetic, batches: () => table.scan() };
}

/** `table` with only the rows for which `keep` has a 1, and without the columns named in `omit`. */
export function reducedTable(table: AppTable, keep: Uint8Array, omit: ReadonlySet<string> = new Set()): AppTable {
  const matches = keep.byteLength === table.rows;
  needs(matches, "QVF_VALUE", `${keep.byteLength} rows are marked of the ${table.rows} of table "${table.name}"`);
  const ordinals = table.columns.map((_, k) => k).filter((k) => !omit.has(table.columns[k]!.name));
  let rows = 0;
  for (const kept of keep) if (kept === 1) rows += 1;
  return {
    ...table,
    columns: ordinals.map((k) => table.columns[k]!),
    rows,
    batches: () => keptRows(table, keep, ordinals),
  };
}

async function* keptRows(table: AppTable, keep: Uint8Array, ordinals: readonly number[]): AsyncGenerator<Batch> {
  let read = 0;
  let written = 0;
  for await (const batch of table.batches()) {
    const indexes = ordinals.map((k) => {
      const from = batch.indexes[k]!;
      const to = new Int32Array(batch.rows);
      let at = 0;
      for (let row = 0; row < batch.rows; row++) if (keep[read + row] === 1) to[at++] = from[row]!;
      return to.subarray(0, at);
    });
    let rows = 0;
    for (let row = 0; row < batch.rows; row++) rows += keep[read + row]!;
    read += batch.rows;
    if (rows > 0) yield { rowStart: written, rows, indexes };
    written += rows;
  }
}

/**
 * The parts of an app with other tables: data streams, `qvapp_data` and `qvapp_meta` are made anew where they change and
 * agree with each other, persisted selections are dropped (they name symbols by number), everything else stays. System
 * tables are made from the tables that are left.
 * @param parts of the app before, see `partsOf`
 * @throws `QVF_VALUE` if a field of a synthetic key that stays is lost, and what reading the app throws
 */
export async function editTables(
  container: QvfContainer,
  parts: readonly QvfPart[],
  model: QvfModel,
  edit: TableEdit,
  options: EditOptions,
): Promise<QvfPart[]> {
  const tables: AppTable[] = [];
  for (const table of model.tables) {
    if (table.isSystem) continue;
    const edited = await edit(table);
    if (edited !== undefined) tables.push(edited);
  }
  const names = new Set(tables.flatMap((table) => table.columns.map((column) => column.name)));
  const syntheticKeys = model.header.syntheticKeys.filter((key) => names.has(key.name));
  for (const key of syntheticKeys) {
    const whole = key.fields.every((name) => names.has(name));
    needs(whole, "QVF_VALUE", `${key.name} needs its table and its fields: drop them all, or none`);
  }
  const written = await encodeModel({
    tables,
    syntheticKeys,
    access: await accessBefore(container),
    symbolOrder: options.symbolOrder ?? "stored",
    fieldOrder: model.header.fields,
    loadOrders: await loadOrders(model),
    before: await fieldsBefore(container, parts, model),
    variables: model.header.variables,
    metaBefore: await metaBefore(container, options.inflate),
  });
  return withModel(parts, written);
}

async function accessBefore(container: QvfContainer): Promise<Uint8Array | []> {
  return container.entry("qvapp_qaccess") === undefined ? [] : container.read("qvapp_qaccess");
}

/** The order of each table's fields, from the system table that lists them. */
async function loadOrders(model: QvfModel): Promise<Map<string, string[]>> {
  const orders = new Map<string, string[]>();
  for (const table of model.tables) {
    const ordinals = ["$Table", "$Field"].map((name) => table.fields.findIndex((field) => field.name === name));
    if (!table.isSystem || ordinals.includes(-1)) continue;
    for (const [name, field] of await readRows(table, { fields: ordinals })) {
      if (typeof name !== "string" || typeof field !== "string") continue;
      const order = orders.get(name);
      if (order === undefined) orders.set(name, [field]);
      else order.push(field);
    }
  }
  return orders;
}

async function fieldsBefore(
  container: QvfContainer,
  parts: readonly QvfPart[],
  model: QvfModel,
): Promise<Map<string, FieldBefore>> {
  const before = new Map<string, FieldBefore>();
  const byPath = new Map(parts.map((part) => [part.path, part]));
  for (const [number, field] of model.fields.entries()) {
    const path = `data/field_${number}`;
    const stream = () => byPath.get(path)?.read() ?? container.read(path);
    const { formats, tail } = field;
    before.set(field.name, { formats, tail, symbols: await field.symbols(), number, stream });
  }
  return before;
}

async function metaBefore(container: QvfContainer, inflate: Inflate): Promise<Readonly<Record<string, unknown>>> {
  const part = "qvapp_meta";
  if (container.entry(part) === undefined) return {};
  const parsed = parseJson(await frameText(parseFrame(await container.read(part), part), inflate), part);
  if (typeof parsed === "object" && parsed !== null) return parsed as Record<string, unknown>;
  throw new QErr("QVF_JSON", `${part} is no object`, { part });
}

/**
 * `parts` with the streams of a model in place of those that are there. Unchanged streams keep their meta; new ones come
 * last in `data`. `qvapp_meta` is written where the app had it.
 */
export async function withModel(parts: readonly QvfPart[], model: WrittenModel): Promise<QvfPart[]> {
  const streams = new Map(model.streams.map((stream) => [stream.path, stream]));
  const done = new Set<string>();
  const out: QvfPart[] = [];
  for (const part of parts) {
    const stream = streams.get(part.path);
    if (part.path === "qvapp_meta") out.push(replacedPart(part, encodeJsonFrame(model.meta)));
    else if (stream !== undefined) {
      out.push(await samePart(part, stream.bytes));
      done.add(part.path);
    } else if (!part.path.startsWith("data/")) out.push(part);
  }
  const time = parts.reduce((latest, part) => Math.max(latest, part.time), 0);
  if (!parts.some((part) => part.path === "data")) out.push(directoryPart("data", time));
  for (const stream of model.streams) {
    if (!done.has(stream.path)) out.push(newPart(stream.path, stream.type, stream.bytes, time));
  }
  return out;
}

async function samePart(part: QvfPart, bytes: Uint8Array): Promise<QvfPart> {
  if (part.size === bytes.byteLength) {
    const before = await part.read();
    if (before.every((byte, i) => byte === bytes[i])) return part;
  }
  return replacedPart(part, bytes);
}
