import { countBits } from "../table/model-bits.ts";
import type { Component, TableKey } from "../table/model-forest.ts";
import type { Key } from "../table/model-graph.ts";
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
  let before = -1;
  for (let left = sizeOf(sweep, component); left !== before; left = sizeOf(sweep, component)) {
    before = left;
    for (const { node, from } of demands.nodes) narrow(sweep, node, scatter(sweep, from.table, from.key));
    for (const { table, key } of demands.tables) test(sweep, table, key);
  }
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
      if (selectionBeyond(sweep, { table: step.table, node: key.node }, "node"))
        tables.push({ table: step.table, key });
      const from = { table: step.table, key };
      if (selectionBeyond(sweep, { table: step.table, node: key.node }, "table")) nodes.push({ node: key.node, from });
    }
  }
  return { nodes, tables };
}

/** True if a selection can be reached across the edge, starting on the side `towards` and never entering the other. */
function selectionBeyond(sweep: Sweep, edge: { table: number; node: number }, towards: "table" | "node"): boolean {
  const { graph } = sweep.forest;
  const { values, rows } = sweep.selection;
  const seenTables = new Set([edge.table]);
  const seenNodes = new Set([edge.node]);
  const tables = towards === "table" ? [edge.table] : [];
  const nodes = towards === "node" ? [edge.node] : [];
  const holds = (k: Key, node: number): boolean => k.node === node;
  while (tables.length + nodes.length > 0) {
    const table = tables.pop();
    if (table !== undefined) {
      if (rows?.has(table)) return true;
      for (const k of graph.tables[table]!.keys) {
        if (seenNodes.has(k.node)) continue;
        seenNodes.add(k.node);
        nodes.push(k.node);
      }
      continue;
    }
    const node = nodes.pop()!;
    if (values.has(node)) return true;
    graph.tables.forEach((t, other) => {
      if (seenTables.has(other) || !t.keys.some((k) => holds(k, node))) return;
      seenTables.add(other);
      tables.push(other);
    });
  }
  return false;
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
