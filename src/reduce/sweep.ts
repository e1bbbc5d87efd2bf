import { andInto, type Bits } from "../table/model-bits.ts";
import { everyRow, type Forest, type KeyProfile } from "../table/model-forest.ts";
import type { Key } from "../table/model-graph.ts";
import { type RowOps, scatterKey, testKey } from "./semijoin.ts";

/** What is selected: values of nodes and, in the world of section access, rows of tables. */
export interface Selection {
  /** Per node of the graph: the selected values (bit id + 1). */
  readonly values: ReadonlyMap<number, Bits>;
  /** Per table of the graph: the selected rows. */
  readonly rows?: ReadonlyMap<number, Bits> | undefined;
}

/** What a selection leaves. Bit sets of tables and nodes that it does not reach are left out. */
export interface Kept {
  /** Per table of the graph: the rows that stay; `undefined` means all. */
  readonly rows: readonly (Bits | undefined)[];
  /** Per node: the values that are possible; `undefined` means all. */
  readonly states: readonly (Bits | undefined)[];
  /** Components in which the selection leaves no row at all. */
  readonly emptied: readonly number[];
}

/** The working state of a propagation; `undefined` means that nothing is demanded yet. */
export interface Sweep {
  readonly forest: Forest;
  readonly selection: Selection;
  readonly ops: RowOps;
  readonly rows: (Bits | undefined)[];
  readonly states: (Bits | undefined)[];
}

/** TEST: the rows of a table must have a value of the node's state. */
export function test(sweep: Sweep, table: number, key: Key): void {
  const rows = (sweep.rows[table] ??= everyRow(sweep.forest, table));
  testKey(sweep.ops, key, profileOf(sweep, table, key), sweep.states[key.node]!, rows);
}

/** SCATTER: the values of the rows that a table still has. */
export function scatter(sweep: Sweep, table: number, key: Key): Bits {
  const size = sweep.forest.graph.nodes[key.node]!.size;
  return scatterKey(sweep.ops, key, profileOf(sweep, table, key), size, sweep.rows[table]);
}

/** Intersects the state of a node. */
export function narrow(sweep: Sweep, node: number, values: Bits): void {
  const state = sweep.states[node];
  if (state === undefined) sweep.states[node] = values.slice();
  else andInto(state, values);
}

function profileOf(sweep: Sweep, table: number, key: Key): KeyProfile {
  return sweep.forest.profiles[table]![sweep.forest.graph.tables[table]!.keys.indexOf(key)]!;
}
