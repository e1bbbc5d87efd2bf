import { needs } from "../errors.ts";
import { MAX_SYNTHETIC_KEYS } from "../limits.ts";
import type { Model, ModelTable } from "./model.ts";
import { type FieldIds, identify } from "./model-identity.ts";
import { synthesize } from "./model-synthetic.ts";

/**
 * The association graph: tables on one side, on the other the *nodes*, which are fields that link tables (or may be
 * selected) and synthetic keys. A table touches a node through a *key*, its column in the numbering of the node.
 */
export interface Graph {
  readonly model: Model;
  readonly nodes: readonly Node[];
  /** The tables of the model in their order, then the synthetic tables that were made here. */
  readonly tables: readonly GraphTable[];
  /** Node per field of the model, -1 if the field neither links nor may be selected. */
  readonly nodeOfField: Int32Array;
  /** Values of a field that is a node. */
  readonly ids: ReadonlyMap<number, FieldIds>;
}

export interface Node {
  readonly name: string;
  /** Values are 0 .. size - 1. */
  readonly size: number;
  /** Field of the model, -1 for a synthetic key made here. */
  readonly field: number;
}

export interface GraphTable {
  readonly name: string;
  /** Ordinal in the model, -1 for a synthetic table made here. */
  readonly table: number;
  readonly rows: number;
  readonly keys: readonly Key[];
  /** The node that numbers the combinations of a synthetic table, made here or stored; -1 for every other table. */
  readonly numbers: number;
}

/** One column as the sweeps see it: `ids[index[row]]`, or `index[row]` where `ids` is left out; -1 is NULL. */
export interface Key {
  readonly node: number;
  readonly index: Int32Array;
  readonly ids: Int32Array | undefined;
}

/**
 * Builds the graph. Tables that share two or more nodes are linked by the combination: a synthetic key, largest common
 * set first, ties in table order (section access notes, part 3). `selectable` names the fields that a selection may be
 * made in. Throws `LIMIT_EXCEEDED` for more than `maxKeys` synthetic keys.
 */
export function buildGraph(model: Model, selectable: readonly string[], maxKeys = MAX_SYNTHETIC_KEYS): Graph {
  const tablesOfField = new Int32Array(model.fields.length);
  for (const t of model.tables) for (const c of t.columns) tablesOfField[c.field]!++;
  const wanted = new Set(selectable);
  const nodes: Node[] = [];
  const ids = new Map<number, FieldIds>();
  const nodeOfField = new Int32Array(model.fields.length).fill(-1);
  model.fields.forEach((f, field) => {
    if (tablesOfField[field]! < 2 && !wanted.has(f.name)) return;
    const values = identify(model, field, wanted.has(f.name));
    ids.set(field, values);
    nodeOfField[field] = nodes.push({ name: f.name, size: values.size, field }) - 1;
  });
  const tables = model.tables.map((_, table): GraphTable => graphTable(model, table, nodeOfField, ids));
  for (let k = 1; ; k++) {
    const common = largestCommonSet(tables);
    if (common === undefined) break;
    needs(k <= maxKeys, "LIMIT_EXCEEDED", `the tables need more than ${maxKeys} synthetic keys`);
    synthesize(`$Syn ${k}`, common, nodes, tables);
  }
  return { model, nodes, tables, nodeOfField, ids };
}

function graphTable(model: Model, table: number, nodeOfField: Int32Array, ids: Graph["ids"]): GraphTable {
  const t = model.tables[table]!;
  const keys = t.columns
    .filter((c) => nodeOfField[c.field]! >= 0)
    .map((c): Key => ({ node: nodeOfField[c.field]!, index: c.index, ids: ids.get(c.field)!.ofDomain.get(c.domain) }))
    .sort((a, b) => a.node - b.node);
  return { name: t.name, table, rows: t.rows, keys, numbers: nodeOfField[storedKeyOf(model, t)] ?? -1 };
}

/** The field that numbers the combinations of a stored synthetic table; -1 for every other table. */
export function storedKeyOf(model: Model, t: ModelTable): number {
  if (!t.synthetic) return -1;
  return t.columns.find((c) => `${model.fields[c.field]!.name} Table` === t.name)?.field ?? -1;
}

/** True for the table of a synthetic key, made here or stored: its cells are those of the tables that hold its key. */
export function isSyntheticTable(graph: Graph, t: GraphTable): boolean {
  return t.table < 0 || graph.model.tables[t.table]!.synthetic;
}

/** The largest set of at least two nodes that two tables share; the first pair of tables among equals. */
function largestCommonSet(tables: readonly GraphTable[]): number[] | undefined {
  let best: number[] | undefined;
  for (let i = 0; i < tables.length; i++) {
    const mine = new Set(tables[i]!.keys.map((k) => k.node));
    if (mine.size < 2) continue;
    for (let j = i + 1; j < tables.length; j++) {
      const common = tables[j]!.keys.filter((k) => mine.has(k.node)).map((k) => k.node);
      if (common.length >= 2 && common.length > (best?.length ?? 0)) best = common;
    }
  }
  return best;
}
