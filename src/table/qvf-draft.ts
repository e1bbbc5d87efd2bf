import { needs } from "../errors.ts";
import type { NumberFormat } from "./field.ts";
import { interner } from "./interner.ts";
import { type SymbolTable, symbolCell } from "./symbols.ts";
import type { Batch, Table } from "./table.ts";

/** A table to be written into an app. */
export interface AppTable {
  readonly name: string;
  /** Where the table came from, as Qlik notes it; empty if that is to stay unsaid. */
  readonly source: string;
  readonly columns: readonly AppColumn[];
  readonly rows: number;
  /** True for the table of a synthetic key. */
  readonly isSynthetic: boolean;
  /** Exactly `rows` rows in order; called twice. A negative index is NULL. */
  batches(): AsyncIterable<Batch> | Iterable<Batch>;
}

/** Columns of several tables with one name are one field of the app, and associate the tables. */
export interface AppColumn {
  readonly name: string;
  readonly numberFormat: NumberFormat;
  readonly tags: readonly string[];
  readonly symbols: SymbolTable;
}

/** A field of the app while it is put together. */
export interface DraftField {
  readonly name: string;
  readonly numberFormat: NumberFormat;
  readonly tags: readonly string[];
  /** Only the symbols that some row has. */
  readonly symbols: SymbolTable;
  /** True if {@link symbols} is the very table that every column came with. */
  readonly isUnchanged: boolean;
}

/** For a column: the number of its field, new indexes by old ones, and what is needed to store them. */
export interface DraftColumn {
  readonly field: number;
  readonly remap: Int32Array;
  readonly nullable: boolean;
  /** True if section access has the cell `*` in this column: an index of -1. */
  readonly starred: boolean;
  readonly greatest: number;
}

export interface Draft {
  readonly fields: readonly DraftField[];
  readonly tables: readonly { readonly table: AppTable; readonly columns: readonly DraftColumn[] }[];
}

/** `stored`: the order in which the symbols came; `first-use`: the order in which the rows, table by table, use them. */
export type SymbolOrder = "stored" | "first-use";

const UNUSED = -1;

/** Takes a table from elsewhere (a QVD, another app) into an app; all of its symbols are fetched. */
export async function appTable(table: Table, name = table.name, source = ""): Promise<AppTable> {
  const columns: AppColumn[] = [];
  for (const [ordinal, field] of table.fields.entries()) {
    const { numberFormat, tags } = field;
    columns.push({ name: field.name, numberFormat, tags, symbols: await table.symbols(ordinal) });
  }
  return { name, source, columns, rows: table.rows, isSynthetic: false, batches: () => table.scan() };
}

/**
 * Unites the columns of all tables into fields and drops the symbols that no row has. Symbols are one if they are the
 * same value: 1 and "1" stay two, as do the duals (1, "01") and (1, "1"). `order` lists field names that are to come
 * first, in that order.
 * @throws `QVF_VALUE` if a table has a name twice or other rows than it says
 */
export async function draftModel(
  tables: readonly AppTable[],
  symbolOrder: SymbolOrder,
  order: readonly string[] = [],
): Promise<Draft> {
  const names = fieldNames(tables, order);
  const numbers = new Map(names.map((name, number) => [name, number]));
  const named = columnsByName(tables);
  const united = names.map((name) => unite(named.get(name)!));
  const used = united.map(({ symbols }) => useTracker(symbols.count));
  const facts: ColumnFacts[][] = [];
  for (const table of tables) {
    const maps = table.columns.map((column) => united[numbers.get(column.name)!]!.maps.get(column));
    const uses = table.columns.map((column) => used[numbers.get(column.name)!]!);
    facts.push(await seeRows(table, maps, uses));
  }
  const orders = used.map((use) => orderOf(use, symbolOrder));
  const fields = names.map((name, number): DraftField => {
    const { symbols, isShared } = united[number]!;
    const { numberFormat, tags } = named.get(name)![0]!;
    const kept = orders[number]!;
    const isWhole = kept.length === symbols.count && kept.every((old, i) => old === i);
    return {
      name,
      numberFormat,
      tags,
      symbols: isWhole ? symbols : pick(symbols, kept),
      isUnchanged: isWhole && isShared,
    };
  });
  const renumbered = orders.map((kept, number) => inverse(kept, united[number]!.symbols.count));
  return {
    fields,
    tables: tables.map((table, t) => ({
      table,
      columns: table.columns.map((column, k): DraftColumn => {
        const field = numbers.get(column.name)!;
        const map = united[field]!.maps.get(column);
        const renumber = renumbered[field]!;
        const remap = map === undefined ? renumber : map.map((index) => renumber[index]!);
        const { nullable, seen } = facts[t]![k]!;
        let greatest = -1;
        for (let own = 0; own < seen.length; own++) if (seen[own] === 1) greatest = Math.max(greatest, remap[own]!);
        return { field, remap, nullable, starred: false, greatest };
      }),
    })),
  };
}

function fieldNames(tables: readonly AppTable[], order: readonly string[]): string[] {
  const there = new Set<string>();
  for (const table of tables) {
    const own = new Set(table.columns.map((column) => column.name));
    needs(own.size === table.columns.length, "QVF_VALUE", `table "${table.name}" has a field name twice`);
    for (const name of own) there.add(name);
  }
  return [...new Set([...order.filter((name) => there.has(name)), ...there])];
}

/** The columns of each name, in the order of the tables. */
function columnsByName(tables: readonly AppTable[]): ReadonlyMap<string, readonly AppColumn[]> {
  const found = new Map<string, AppColumn[]>();
  for (const column of tables.flatMap((table) => table.columns)) {
    const alike = found.get(column.name);
    if (alike === undefined) found.set(column.name, [column]);
    else alike.push(column);
  }
  return found;
}

interface United {
  readonly symbols: SymbolTable;
  /** True if all columns came with one and the same table of symbols. */
  readonly isShared: boolean;
  /** By column: united index by own index; `undefined` where they are the same. */
  readonly maps: ReadonlyMap<AppColumn, Int32Array | undefined>;
}

function unite(columns: readonly AppColumn[]): United {
  const first = columns[0]!.symbols;
  if (columns.every((column) => column.symbols === first)) {
    return { symbols: first, isShared: true, maps: new Map(columns.map((column) => [column, undefined])) };
  }
  const all = interner();
  const maps = new Map<AppColumn, Int32Array>();
  for (const column of columns) {
    const map = new Int32Array(column.symbols.count);
    for (let i = 0; i < map.length; i++) map[i] = all.add(symbolCell(column.symbols, i));
    maps.set(column, map);
  }
  return { symbols: all.table(), isShared: false, maps };
}

/** Which symbols of a field some row has, in the order in which they are first seen. */
interface UseTracker {
  /** 1 for each symbol that was seen. */
  readonly seen: Uint8Array;
  readonly firstUse: Int32Array;
  count: number;
}

function useTracker(count: number): UseTracker {
  return { seen: new Uint8Array(count), firstUse: new Int32Array(count), count: 0 };
}

function orderOf({ firstUse, count }: UseTracker, order: SymbolOrder): Int32Array {
  const used = firstUse.slice(0, count);
  return order === "first-use" ? used : used.sort();
}

interface ColumnFacts {
  nullable: boolean;
  /** 1 for each of the column's own symbols that was seen. */
  readonly seen: Uint8Array;
}

async function seeRows(
  table: AppTable,
  maps: readonly (Int32Array | undefined)[],
  uses: readonly UseTracker[],
): Promise<ColumnFacts[]> {
  const facts = table.columns.map((column) => ({ nullable: false, seen: new Uint8Array(column.symbols.count) }));
  let rows = 0;
  for await (const batch of table.batches()) {
    batch.indexes.forEach((indexes, k) => {
      seeColumn(indexes, batch.rows, facts[k]!, maps[k], uses[k]!);
    });
    rows += batch.rows;
  }
  needs(rows === table.rows, "QVF_VALUE", `table "${table.name}" was said to have ${table.rows} rows, ${rows} came`);
  return facts;
}

function seeColumn(
  indexes: Int32Array,
  rows: number,
  facts: ColumnFacts,
  map: Int32Array | undefined,
  use: UseTracker,
): void {
  for (let row = 0; row < rows; row++) {
    const own = indexes[row]!;
    if (own < 0) {
      facts.nullable = true;
      continue;
    }
    if (facts.seen[own] === 1) continue;
    facts.seen[own] = 1;
    const index = map === undefined ? own : map[own]!;
    if (use.seen[index] === 1) continue;
    use.seen[index] = 1;
    use.firstUse[use.count++] = index;
  }
}

function pick(symbols: SymbolTable, kept: Int32Array): SymbolTable {
  const starts = new Uint32Array(kept.length + 1);
  let length = 0;
  kept.forEach((old, i) => {
    starts[i] = length;
    length += symbols.starts[old + 1]! - symbols.starts[old]!;
  });
  starts[kept.length] = length;
  const bytes = new Uint8Array(length);
  kept.forEach((old, i) => {
    bytes.set(symbols.bytes.subarray(symbols.starts[old], symbols.starts[old + 1]), starts[i]);
  });
  return { bytes, starts, count: kept.length };
}

function inverse(kept: Int32Array, count: number): Int32Array {
  const to = new Int32Array(count).fill(UNUSED);
  kept.forEach((old, i) => {
    to[old] = i;
  });
  return to;
}
