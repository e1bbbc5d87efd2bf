import { clearState, encodeModelHeader, type ModelVariable, type SyntheticKey } from "../container/qvf/model-header.ts";
import { encodeAccessTables } from "./qvf-access-write.ts";
import { componentCount, fieldComponents } from "./qvf-components.ts";
import { type AppTable, type Draft, draftModel, type SymbolOrder } from "./qvf-draft.ts";
import { encodeField, encodeTable, type KnownField } from "./qvf-encode.ts";
import { type FieldFacts, metaDocument, type TableFacts } from "./qvf-meta.ts";
import { SYSTEM_FIELDS, systemTables } from "./qvf-system.ts";
import { type SymbolTable, symbolNumber } from "./symbols.ts";

/** What is known of a field of the app that is edited; its stream is taken over if nothing of it changed. */
export interface FieldBefore extends KnownField {
  readonly symbols: SymbolTable;
  readonly number: number;
  stream(): Promise<Uint8Array>;
}

/** A data model to be written. The system tables are made here. */
export interface ModelToWrite {
  /** Users' tables, and those of synthetic keys. */
  readonly tables: readonly AppTable[];
  readonly syntheticKeys?: readonly SyntheticKey[];
  /** Section access tables; the stream before it if it is given, so that it stays as it is. */
  readonly access: readonly AppTable[] | Uint8Array;
  readonly symbolOrder: SymbolOrder;
  /** Names of the fields of the app before, in their order. */
  readonly fieldOrder?: readonly string[];
  /** By table: its fields in the order in which they were loaded. */
  readonly loadOrders?: ReadonlyMap<string, readonly string[]>;
  readonly before?: ReadonlyMap<string, FieldBefore>;
  readonly variables?: readonly ModelVariable[];
  /** `qvapp_meta` of the app before. */
  readonly metaBefore?: Readonly<Record<string, unknown>>;
}

/** The streams of a model, by path; and the document for `qvapp_meta`. */
export interface WrittenModel {
  readonly streams: readonly { readonly path: string; readonly type: string; readonly bytes: Uint8Array }[];
  readonly meta: Readonly<Record<string, unknown>>;
}

/** Bytes of `qvapp_qaccess` when there is no section access. */
const NO_ACCESS_BYTES = 27;

/**
 * Encodes a data model: symbols that no row has are dropped, `$$SysTable`s, components, `qvapp_data` and metadata agree
 * with the tables, nothing is selected.
 * @throws `QVF_VALUE` if the tables do not fit together
 */
export async function encodeModel(model: ModelToWrite): Promise<WrittenModel> {
  const keys = model.syntheticKeys ?? [];
  const users = model.tables.filter((table) => !table.isSynthetic);
  const synthetic = model.tables.filter((table) => table.isSynthetic);
  const all = [...users, ...systemTables(users, keys, model.loadOrders), ...synthetic];
  const draft = await draftModel(all, model.symbolOrder, [...SYSTEM_FIELDS, ...(model.fieldOrder ?? [])]);
  const names = draft.fields.map((field) => field.name);
  const isKey = new Set(keys.map((key) => key.name));
  const components = fieldComponents(
    names.length,
    draft.tables.map(({ columns }) => columns.map((column) => column.field)),
  );
  const streams: { path: string; type: string; bytes: Uint8Array }[] = [];
  for (const [number, field] of draft.fields.entries()) {
    const known = model.before?.get(field.name);
    const component = components[number]!;
    const same = known?.symbols === field.symbols && known.number === number && known.tail.component === component;
    const bytes = same && field.isUnchanged ? await known.stream() : undefined;
    streams.push({
      path: `data/field_${number}`,
      type: "qvapp_cfield",
      bytes: bytes ?? encodeField(field, number, component, isKey.has(field.name), known),
    });
  }
  const rowBytes: number[] = [];
  for (const [number, entry] of draft.tables.entries()) {
    const encoded = await encodeTable(entry);
    streams.push({ path: `data/table_${number}`, type: "qvapp_ctable", bytes: encoded.stream });
    rowBytes.push(encoded.rowBytes);
  }
  const header = {
    fields: names,
    tables: draft.tables.length,
    syntheticKeys: keys,
    components: componentCount(components),
    states: 1,
    variables: model.variables ?? [],
    state: clearState(names, draft.tables.length, keys),
  };
  const access = model.access instanceof Uint8Array ? model.access : await encodeAccessTables(model.access);
  streams.push({ path: "qvapp_data", type: "qvapp_cheader", bytes: encodeModelHeader(header) });
  streams.push({ path: "qvapp_qaccess", type: "qvapp_data", bytes: access });
  const hasAccess = access.byteLength > NO_ACCESS_BYTES;
  return {
    streams,
    meta: metaDocument(fieldFacts(draft, isKey), tableFacts(draft, keys, rowBytes), hasAccess, model.metaBefore),
  };
}

function fieldFacts(draft: Draft, isKey: ReadonlySet<string>): FieldFacts[] {
  return draft.fields.map(({ name, tags, symbols }) => {
    let texts = 0;
    for (let i = 0; i < symbols.count; i++) if (symbolNumber(symbols, i) === undefined) texts += 1;
    return { name, tags, symbols, texts, isSynthetic: isKey.has(name) };
  });
}

function tableFacts(draft: Draft, keys: readonly SyntheticKey[], rowBytes: readonly number[]): TableFacts[] {
  const numbers = new Map(draft.fields.map((field, number) => [field.name, number]));
  const members = new Map(keys.map((key) => [numbers.get(key.name), key.fields.map((name) => numbers.get(name)!)]));
  return draft.tables.map(({ table, columns }, t) => {
    const stored = columns.map((column) => column.field);
    const { name, rows, isSynthetic } = table;
    const isSystem = name.startsWith("$$SysTable ");
    const fields = stored.flatMap((field) => members.get(field) ?? [field]);
    return { name, rows, fields, stored, bytes: rowBytes[t]!, isSystem, isSynthetic };
  });
}
