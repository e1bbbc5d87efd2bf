import type { Forest } from "../table/model-forest.ts";

/** Where selections can be reached from, by walking the graph edge by edge; for the checker alone. */
export class Reach {
  readonly #forest: Forest;
  readonly #selected: ReadonlySet<number>;
  readonly #tablesOf: readonly (readonly number[])[];

  constructor(forest: Forest, selected: ReadonlySet<number>) {
    this.#forest = forest;
    this.#selected = selected;
    this.#tablesOf = forest.graph.nodes.map((_, n) => {
      return forest.graph.tables
        .map((_, t) => t)
        .filter((t) => !forest.loose[t] && forest.graph.tables[t]!.keys.some((k) => k.node === n));
    });
  }

  /** True if a selection lies beyond the node, seen from the table. */
  throughNode(table: number, node: number): boolean {
    return this.#walk([node], [], new Set([table]), new Set([node]));
  }

  /** True if a selection lies beyond the table, seen from the node. */
  throughTable(node: number, table: number): boolean {
    return this.#walk([], [table], new Set([table]), new Set([node]));
  }

  /** What a value of the node must be in: the selection, and the kept values of every table that leads to one. */
  sets(
    node: number,
    asking: number,
    had: readonly (readonly Uint8Array[])[],
    allowed: ReadonlyMap<number, Uint8Array>,
  ): Uint8Array[] {
    const { tables } = this.#forest.graph;
    const out: Uint8Array[] = [];
    const own = allowed.get(node);
    if (own !== undefined) out.push(own);
    for (const t of this.#tablesOf[node]!) {
      if (t !== asking && this.throughTable(node, t))
        out.push(had[t]![tables[t]!.keys.findIndex((k) => k.node === node)]!);
    }
    return out;
  }

  #walk(nodes: number[], tables: number[], seenTables: Set<number>, seenNodes: Set<number>): boolean {
    for (;;) {
      const node = nodes.pop();
      if (node !== undefined) {
        if (this.#selected.has(node)) return true;
        for (const t of this.#tablesOf[node]!) {
          if (seenTables.has(t)) continue;
          seenTables.add(t);
          tables.push(t);
        }
        continue;
      }
      const table = tables.pop();
      if (table === undefined) return false;
      for (const k of this.#forest.graph.tables[table]!.keys) {
        if (seenNodes.has(k.node)) continue;
        seenNodes.add(k.node);
        nodes.push(k.node);
      }
    }
  }
}
