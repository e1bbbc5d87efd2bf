import type { Forest } from "../table/model-forest.ts";
import type { Key } from "../table/model-graph.ts";
import { symbolNumber, symbolText } from "../table/symbols.ts";
import { verifyGraph } from "./verify-graph.ts";
import { Reach } from "./verify-reach.ts";
import { verifyByWithdrawal } from "./verify-withdrawal.ts";

/** Values selected per field of the model: numbers as numbers, pure texts as texts. */
export type SelectedValues = ReadonlyMap<number, ReadonlySet<number | string>>;

/**
 * Proves a reduction, in time linear in rows and symbols, sharing no code with what made it. On a tree, rows that are
 * supported by kept rows of every neighbour through which a selection can be reached have a witness for the whole way
 * to it; so local support proves that nothing too much is kept, and a dropped row that would have support proves that
 * something is missing. What local support cannot tell, rows that hold each other in a circle and rows that were dropped
 * together, is found anew, another way (verify-withdrawal.ts), and compared. That leaves models in which the table of a
 * synthetic key had to be loosened: of them rows dropped together are not missed, which is a loss and no leak.
 *
 * `rows` holds one bitset per table of the graph (bit r of word r / 32), `undefined` for all rows.
 * Returns what is wrong, one sentence each, without a value; empty if the reduction is proved.
 */
export function verifyReduction(
  forest: Forest,
  selected: SelectedValues,
  rows: readonly (Uint32Array | undefined)[],
): string[] {
  const problems = verifyGraph(forest);
  const { graph } = forest;
  const allowed = allowedValues(forest, selected);
  const around = new Reach(forest, new Set([...selected.keys()].map((f) => graph.nodeOfField[f]!)));
  for (const what of checkShown(forest, allowed, rows)) note(problems, what);
  const had = graph.tables.map((t, i) => t.keys.map((k) => valuesKept(k, t.rows, rows[i], graph.nodes[k.node]!.size)));
  const gives = graph.tables.map((_, t) => hasLooseMade(forest, t));
  // What such a table lost last is not asked back of others, which may have had their support from it.
  const before = had.map((sets, t) => (gives[t] ? sets.map((set) => new Uint8Array(set.length).fill(1)) : sets));
  graph.tables.forEach((t, table) => {
    // Of a loose table too: no way leads through one.
    const asked = t.keys.filter((key) => around.throughNode(table, key.node));
    const testsOf = (sets: typeof had): Test[] =>
      asked.map((key) => ({ key, sets: around.sets(key.node, table, sets, allowed) }));
    const [now, once] = [testsOf(had), testsOf(before)];
    for (let r = 0; r < t.rows; r++) {
      const kept = bit(rows[table], r);
      if (kept && !isSupported(once, r)) note(problems, `table "${t.name}" keeps a row without support`);
      if (!kept && !gives[table] && isSupported(now, r))
        note(problems, `table "${t.name}" lacks a row that has support`);
    }
  });
  if (!gives.includes(true)) for (const what of verifyByWithdrawal(forest, around, allowed, rows)) note(problems, what);
  return problems;
}

interface Test {
  readonly key: Key;
  readonly sets: readonly Uint8Array[];
}

/** NULL is in no set, and there is one for whatever is asked. */
function isSupported(tests: readonly Test[], row: number): boolean {
  return tests.every(({ key, sets }) => {
    const v = valueAt(key, row);
    return sets.every((set) => set[v] === 1);
  });
}

function note(problems: string[], what: string): void {
  if (!problems.includes(what)) problems.push(what);
}

function bit(bits: Uint32Array | undefined, at: number): boolean {
  return bits === undefined || (bits[Math.floor(at / 32)]! & (2 ** (at % 32))) !== 0;
}

function valueAt(key: Key, row: number): number {
  const s = key.index[row]!;
  return key.ids === undefined ? s : (key.ids[s] ?? -1);
}

/** One byte a value: 1 if some kept row has it. */
function valuesKept(key: Key, count: number, rows: Uint32Array | undefined, size: number): Uint8Array {
  const out = new Uint8Array(size);
  for (let r = 0; r < count; r++) {
    if (!bit(rows, r)) continue;
    const v = valueAt(key, r);
    if (v >= 0) out[v] = 1;
  }
  return out;
}

/** One byte a value of each selected node: 1 if it is selected. */
function allowedValues(forest: Forest, selected: SelectedValues): Map<number, Uint8Array> {
  const { graph } = forest;
  const out = new Map<number, Uint8Array>();
  for (const [field, values] of selected) {
    const node = graph.nodeOfField[field]!;
    const allowed = new Uint8Array(graph.nodes[node]!.size);
    for (const [domain, ids] of graph.ids.get(field)!.ofDomain) {
      const symbols = graph.model.domains[domain]!;
      for (let s = 0; s < symbols.count; s++) {
        const number = symbolNumber(symbols, s);
        const value = number === undefined ? symbolText(symbols, s)! : number;
        if (values.has(value)) allowed[ids === undefined ? s : ids[s]!] = 1;
      }
    }
    out.set(node, allowed);
  }
  return out;
}

/**
 * Whatever the associations are: no kept row of a table in the app has a cell in a selected field that is not selected, and
 * none has a combination that its synthetic table lost by being loose.
 */
function checkShown(
  forest: Forest,
  allowed: ReadonlyMap<number, Uint8Array>,
  rows: readonly (Uint32Array | undefined)[],
): string[] {
  const { graph } = forest;
  const problems: string[] = [];
  graph.model.tables.forEach((t, table) => {
    for (const { field, index, domain } of t.columns) {
      const may = allowed.get(graph.nodeOfField[field]!);
      if (may === undefined) continue;
      const ids = graph.ids.get(field)!.ofDomain.get(domain);
      // NULL is in no set.
      const shows = index.some((s, r) => bit(rows[table], r) && may[ids === undefined ? s : ids[s]!] !== 1);
      if (shows) note(problems, `table "${t.name}" keeps a row that shows an excluded value`);
    }
  });
  graph.tables.forEach((t, table) => {
    for (const key of t.keys) {
      const made = graph.tables.findIndex((other) => other.numbers === key.node);
      if (made < 0 || made === table || !(forest.loose[made]! || hasLooseMade(forest, made))) continue;
      const own = graph.tables[made]!.keys.find((k) => k.node === key.node)!;
      // Of a stored one, the numbers are not those of its rows.
      const left = valuesKept(own, graph.tables[made]!.rows, rows[made], graph.nodes[key.node]!.size);
      if (key.index.some((_, r) => bit(rows[table], r) && left[valueAt(key, r)] !== 1))
        note(problems, `table "${t.name}" keeps a row whose combination is gone`);
    }
  });
  return problems;
}

/** The table of a synthetic key that had to be loosened takes rows from its holders; those are not asked back. */
function hasLooseMade(forest: Forest, table: number, seen: readonly number[] = []): boolean {
  const { tables } = forest.graph;
  return tables[table]!.keys.some((k) => {
    const made = tables.findIndex((t) => t.numbers === k.node);
    // The keys of stored tables may be held in a circle, by a file that means no good.
    if (made < 0 || made === table || seen.includes(made)) return false;
    return forest.loose[made]! || hasLooseMade(forest, made, [...seen, table]);
  });
}
