import type { Model } from "./model.ts";
import { allBits, type Bits, hasBit, noValues, setBit } from "./model-bits.ts";
import { buildGraph, type Graph, type GraphTable, isSyntheticTable, type Key } from "./model-graph.ts";

/** What to do with circular references: loosen a table of each (as Qlik does), or keep them all (mode `strict`). */
export type Loops = "loosen" | "keep";

export interface ForestOptions {
  /** Fields in which a selection may be made. */
  readonly selectable: readonly string[];
  readonly loops?: Loops | undefined;
  /** Names of tables to loosen, besides those that the file marks so. */
  readonly loosened?: readonly string[] | undefined;
}

/** The graph, ready for any number of reductions: made once per app version, no user in it. */
export interface Forest {
  readonly graph: Graph;
  readonly loops: Loops;
  /** Per table of the graph: true if it is loosely coupled, i.e. in no component. */
  readonly loose: readonly boolean[];
  readonly components: readonly Component[];
  /** Component per node, -1 if only loose tables have it. */
  readonly componentOfNode: Int32Array;
  /** Per table and key: which values occur in the column, and whether NULL does. */
  readonly profiles: readonly (readonly KeyProfile[])[];
}

export interface KeyProfile {
  readonly present: Bits;
  readonly hasNull: boolean;
}

/** Tables that hang together. */
export interface Component {
  /** From the root (the table with most rows) outwards; of a tree, parents come before children. */
  readonly order: readonly Step[];
  /** False if associations run in a circle; then `order` is a list of its tables and nodes only. */
  readonly tree: boolean;
}

/** One table or node, with its place in the tree. */
export type Step =
  | {
      readonly kind: "table";
      readonly table: number;
      readonly parent: Key | undefined;
      readonly children: readonly Key[];
    }
  | { readonly kind: "node"; readonly node: number; readonly parent: TableKey; readonly children: readonly TableKey[] };

export interface TableKey {
  readonly table: number;
  readonly key: Key;
}

/** Prepares a model: graph, loose tables, components and the order of the sweeps. Throws `LIMIT_EXCEEDED`. */
export function buildForest(model: Model, options: ForestOptions): Forest {
  const graph = buildGraph(model, options.selectable);
  const loops = options.loops ?? "loosen";
  const asked = new Set(options.loosened ?? []);
  const loose = graph.tables.map((t) => {
    return loops === "loosen" && t.table >= 0 && (model.tables[t.table]!.loose || asked.has(t.name));
  });
  if (loops === "loosen") {
    for (let t = longestInLoop(graph, loose); t >= 0; t = longestInLoop(graph, loose)) loose[t] = true;
  }
  const components: Component[] = [];
  const componentOfNode = new Int32Array(graph.nodes.length).fill(-1);
  const seen = loose.slice();
  const byLength = graph.tables.map((_, t) => t).sort((a, b) => graph.tables[b]!.rows - graph.tables[a]!.rows || a - b);
  for (const root of byLength) {
    if (seen[root]) continue;
    const component = grow(graph, loose, seen, root);
    for (const step of component.order) if (step.kind === "node") componentOfNode[step.node] = components.length;
    components.push(component);
  }
  return { graph, loops, loose, components, componentOfNode, profiles: graph.tables.map((t) => profilesOf(graph, t)) };
}

/** Tables of each node, loose ones left out. */
function tablesByNode(graph: Graph, loose: readonly boolean[]): TableKey[][] {
  const out: TableKey[][] = graph.nodes.map(() => []);
  graph.tables.forEach((t, table) => {
    if (!loose[table]) for (const key of t.keys) out[key.node]!.push({ table, key });
  });
  return out;
}

function grow(graph: Graph, loose: readonly boolean[], seen: boolean[], root: number): Component {
  const byNode = tablesByNode(graph, loose);
  const seenNode = new Set<number>();
  const order: Step[] = [];
  const queue: { table: number; parent: Key | undefined }[] = [{ table: root, parent: undefined }];
  seen[root] = true;
  let edges = 0;
  for (const { table, parent } of queue) {
    const keys = graph.tables[table]!.keys;
    edges += keys.length;
    const children = keys.filter((k) => k !== parent && !seenNode.has(k.node));
    order.push({ kind: "table", table, parent, children });
    for (const key of children) {
      seenNode.add(key.node);
      const next = byNode[key.node]!.filter((o) => o.table !== table && !seen[o.table]);
      order.push({ kind: "node", node: key.node, parent: { table, key }, children: next });
      for (const o of next) {
        seen[o.table] = true;
        queue.push({ table: o.table, parent: o.key });
      }
    }
  }
  // A connected graph is a tree exactly if it has one edge fewer than vertices.
  return { order, tree: edges === order.length - 1 };
}

/**
 * The table that Qlik would loosen next: the longest one on a circle, the first among equals, a synthetic table only
 * if no other is on one; -1 if there is no circle. A table is on a circle if two of its keys meet without it.
 */
function longestInLoop(graph: Graph, loose: readonly boolean[]): number {
  const byNode = tablesByNode(graph, loose);
  let best = -1;
  graph.tables.forEach((t, table) => {
    if (loose[table] || !meetWithout(graph, byNode, table)) return;
    const other = graph.tables[best];
    const made = isSyntheticTable(graph, t);
    const better =
      other === undefined || made === isSyntheticTable(graph, other) ? t.rows > (other?.rows ?? -1) : !made;
    if (better) best = table;
  });
  return best;
}

function meetWithout(graph: Graph, byNode: readonly (readonly TableKey[])[], table: number): boolean {
  const seenNode = new Set<number>();
  for (const key of graph.tables[table]!.keys) {
    if (seenNode.has(key.node)) return true;
    seenNode.add(key.node);
    const queue = [key.node];
    const seenTable = new Set([table]);
    for (const node of queue) {
      for (const o of byNode[node]!) {
        if (seenTable.has(o.table)) continue;
        seenTable.add(o.table);
        for (const k of graph.tables[o.table]!.keys) {
          if (seenNode.has(k.node)) continue;
          seenNode.add(k.node);
          queue.push(k.node);
        }
      }
    }
  }
  return false;
}

function profilesOf(graph: Graph, t: GraphTable): KeyProfile[] {
  return t.keys.map((key) => {
    const present = noValues(graph.nodes[key.node]!.size);
    for (let r = 0; r < t.rows; r++) {
      const s = key.index[r]!;
      setBit(present, s < 0 ? 0 : (key.ids === undefined ? s : key.ids[s]!) + 1);
    }
    const hasNull = hasBit(present, 0);
    present[0]! &= ~1;
    return { present, hasNull };
  });
}

/** All rows of a table of the graph. */
export function everyRow(forest: Forest, table: number): Bits {
  return allBits(forest.graph.tables[table]!.rows);
}
