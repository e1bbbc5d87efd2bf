import type { Forest } from "../table/model-forest.ts";
import type { Selection } from "./sweep.ts";

/** True if a selection can be reached across the edge, starting on the side `towards` and never entering the other. */
export function selectionBeyond(
  forest: Forest,
  selection: Selection,
  edge: { readonly table: number; readonly node: number },
  towards: "table" | "node",
): boolean {
  const { graph, loose } = forest;
  const { values, rows } = selection;
  const seenTables = new Set([edge.table]);
  const seenNodes = new Set([edge.node]);
  const tables = towards === "table" ? [edge.table] : [];
  const nodes = towards === "node" ? [edge.node] : [];
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
      if (loose[other] || seenTables.has(other) || !t.keys.some((k) => k.node === node)) return;
      seenTables.add(other);
      tables.push(other);
    });
  }
  return false;
}
