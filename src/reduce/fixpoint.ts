import { countBits } from "../table/model-bits.ts";
import type { Component, TableKey } from "../table/model-forest.ts";
import { selectionBeyond } from "./reach.ts";
import { narrow, type Sweep, scatter, test } from "./sweep.ts";

/**
 * Associations in a circle that nothing may loosen (mode `strict`): TEST and SCATTER are repeated until nothing is
 * lost any more. The result is contained in what loosening any table would have left. Every round but the last drops
 * something, so it ends; real models need two to four rounds.
 *
 * A table asks for a partner through a node, or a node through a table, exactly if a selection can be reached that way
 * without coming back through the asker; on a tree that is the rule of the two sweeps.
 */
export function sweepLoops(sweep: Sweep, component: Component): void {
  const demands = demandsOf(sweep, component);
  let before: number;
  let left = sizeOf(sweep, component);
  do {
    before = left;
    for (const { node, from } of demands.nodes) narrow(sweep, node, scatter(sweep, from.table, from.key));
    for (const { table, key } of demands.tables) test(sweep, table, key);
    left = sizeOf(sweep, component);
  } while (left !== before);
}

interface Demands {
  readonly nodes: readonly { readonly node: number; readonly from: TableKey }[];
  readonly tables: readonly TableKey[];
}

function demandsOf(sweep: Sweep, component: Component): Demands {
  const nodes: { node: number; from: TableKey }[] = [];
  const tables: TableKey[] = [];
  const { graph } = sweep.forest;
  for (const step of component.order) {
    if (step.kind !== "table") continue;
    for (const key of graph.tables[step.table]!.keys) {
      const from = { table: step.table, key };
      const edge = { table: step.table, node: key.node };
      if (selectionBeyond(sweep.forest, sweep.selection, edge, "node")) tables.push(from);
      if (selectionBeyond(sweep.forest, sweep.selection, edge, "table")) nodes.push({ node: key.node, from });
    }
  }
  return { nodes, tables };
}

function sizeOf(sweep: Sweep, component: Component): number {
  let size = 0;
  for (const step of component.order) {
    const bits = step.kind === "table" ? sweep.rows[step.table] : sweep.states[step.node];
    // A set that nothing has touched yet counts as larger than any other.
    size += bits === undefined ? 2 ** 40 : countBits(bits);
  }
  return size;
}
