import type { ModelColumn } from "../table/model.ts";
import type { Forest } from "../table/model-forest.ts";
import type { Graph, GraphTable, Key } from "../table/model-graph.ts";
import { type SymbolTable, symbolNumber, symbolText } from "../table/symbols.ts";

/**
 * Checks the association graph against the model that it was made of, without the code that made it: every shared
 * field is a node or part of a synthetic key, equal values have equal numbers, a synthetic key stands for what its
 * row shows, and outside loose tables nothing runs in a circle unless circles are kept. Linear in rows and symbols.
 *
 * Returns what is wrong, one sentence each, without a value; empty if the graph is right.
 */
export function verifyGraph(forest: Forest): string[] {
  const { graph } = forest;
  const problems: string[] = [];
  const say = (what: string): void => {
    if (!problems.includes(what)) problems.push(what);
  };
  checkNodes(graph, say);
  graph.tables.forEach((t) => {
    if (t.table < 0) checkMade(graph, t, say);
    else checkReal(graph, t, say);
  });
  if (forest.loops === "loosen") checkNoCircle(forest, say);
  return problems;
}

type Say = (what: string) => void;

function checkNodes(graph: Graph, say: Say): void {
  const { model } = graph;
  graph.nodes.forEach((node, n) => {
    if (node.field < 0) return;
    if (graph.nodeOfField[node.field] !== n) say(`field "${node.name}" has more than one node`);
  });
  model.fields.forEach((f, field) => {
    const columns = model.tables.flatMap((t) => t.columns.filter((c) => c.field === field));
    const node = graph.nodeOfField[field]!;
    if (columns.length > 1 && node < 0) say(`field "${f.name}" links tables but is no node`);
    if (node >= 0) checkNumbers(graph, field, columns, say);
  });
}

/** Equal values have equal numbers, over all tables, and different ones different numbers. */
function checkNumbers(graph: Graph, field: number, columns: readonly ModelColumn[], say: Say): void {
  const domains = [...new Set(columns.map((c) => c.domain))];
  const name = graph.model.fields[field]!.name;
  const numberOf = new Map<number | string, number>();
  const takenBy = new Map<number, number | string>();
  const size = graph.nodes[graph.nodeOfField[field]!]!.size;
  for (const d of domains) {
    const symbols = graph.model.domains[d]!;
    const ids = graph.ids.get(field)!.ofDomain.get(d);
    if (ids === undefined && domains.length === 1 && size !== symbols.count)
      say(`the node of "${name}" has not as many values as symbols`);
    for (let s = 0; s < symbols.count; s++) {
      const value = plainValue(symbols, s);
      const id = ids === undefined ? s : ids[s]!;
      const known = numberOf.get(value) ?? id;
      const owner = takenBy.get(id) ?? value;
      if (known !== id || owner !== value || id < 0 || id >= size) say(`values of "${name}" are numbered wrongly`);
      numberOf.set(value, id);
      takenBy.set(id, value);
    }
  }
}

function plainValue(symbols: SymbolTable, s: number): number | string {
  const n = symbolNumber(symbols, s);
  // A text is marked, so that no text equals a number; NaN is one value. A Map takes -0 for 0.
  return n === undefined ? `=${symbolText(symbols, s)!}` : Number.isNaN(n) ? "NaN" : n;
}

/** Every node field of a table of the model is a key, directly or inside a synthetic one that says the same. */
function checkReal(graph: Graph, t: GraphTable, say: Say): void {
  const made = graph.model.tables[t.table]!;
  if (made.rows !== t.rows) say(`table "${t.name}" has another number of rows in the graph`);
  const covered = new Set<number>();
  for (const key of t.keys) {
    const field = graph.nodes[key.node]!.field;
    const column = made.columns.find((c) => c.field === field);
    if (field >= 0) {
      covered.add(field);
      if (column === undefined || column.index !== key.index) say(`a key of "${t.name}" is not its column`);
      continue;
    }
    for (const part of partsOf(graph, key.node)) {
      covered.add(part.field);
      const own = made.columns.find((c) => c.field === part.field);
      if (own === undefined) {
        say(`a synthetic key of "${t.name}" has a field that the table has not`);
        continue;
      }
      const ids = graph.ids.get(part.field)!.ofDomain.get(own.domain);
      for (let r = 0; r < t.rows; r++) {
        const s = own.index[r]!;
        const value = s < 0 ? -1 : ids === undefined ? s : ids[s]!;
        if (part.values(key.index[r]!) !== value) say(`a synthetic key of "${t.name}" is not what its row shows`);
      }
    }
  }
  for (const c of made.columns) {
    if (graph.nodeOfField[c.field]! >= 0 && !covered.has(c.field)) {
      say(`field "${graph.model.fields[c.field]!.name}" of "${t.name}" is not linked`);
    }
  }
}

interface Part {
  readonly field: number;
  /** Number of the field's value in a row of the synthetic table, -1 for NULL. */
  readonly values: (row: number) => number;
}

/** The fields inside a synthetic key, those of keys inside it included. */
function partsOf(graph: Graph, node: number): Part[] {
  const table = graph.tables.find((t) => t.numbers === node)!;
  return table.keys
    .filter((k) => k.node !== node)
    .flatMap((k): Part[] => {
      const field = graph.nodes[k.node]!.field;
      if (field >= 0) return [{ field, values: (row) => at(k, row) }];
      return partsOf(graph, k.node).map((p) => ({ field: p.field, values: (row) => p.values(at(k, row)) }));
    });
}

function at(key: Key, row: number): number {
  const s = key.index[row]!;
  return s < 0 ? -1 : key.ids === undefined ? s : key.ids[s]!;
}

/** Rows of a synthetic table are numbered 0, 1, …, no whole combination comes twice, one with NULL serves one table. */
function checkMade(graph: Graph, t: GraphTable, say: Say): void {
  const own = t.keys.find((k) => k.node === t.numbers);
  if (own === undefined) {
    say(`"${t.name}" has no key of its own`);
    return;
  }
  const parts = partsOf(graph, t.numbers);
  const seen = new Set<string>();
  const broken = new Uint8Array(t.rows);
  for (let r = 0; r < t.rows; r++) {
    if (at(own, r) !== r) say(`rows of "${t.name}" are numbered wrongly`);
    const values = parts.map((p) => p.values(r));
    if (values.includes(-1)) broken[r] = 1;
    else if (seen.size === seen.add(values.join(" ")).size) say(`"${t.name}" has a combination twice`);
  }
  const usedBy = new Int32Array(t.rows).fill(-1);
  graph.tables.forEach((holder, h) => {
    const key = holder.keys.find((k) => k.node === t.numbers);
    if (holder === t || key === undefined) return;
    for (let r = 0; r < holder.rows; r++) {
      const row = key.index[r]!;
      if (broken[row] === 1 && usedBy[row] !== -1 && usedBy[row] !== h) say(`"${t.name}" links NULL with NULL`);
      usedBy[row] = h;
    }
  });
}

/** Union-find over tables and nodes: an edge within one set closes a circle. */
function checkNoCircle(forest: Forest, say: Say): void {
  const { graph } = forest;
  const parent = Array.from({ length: graph.tables.length + graph.nodes.length }, (_, i) => i);
  const find = (i: number): number => {
    let x = i;
    while (parent[x] !== x) x = parent[x] = parent[parent[x]!]!;
    return x;
  };
  graph.tables.forEach((t, table) => {
    if (forest.loose[table]) return;
    for (const k of t.keys) {
      const a = find(table);
      const b = find(graph.tables.length + k.node);
      if (a === b) say("associations run in a circle that no loose table breaks");
      parent[a] = b;
    }
  });
}
