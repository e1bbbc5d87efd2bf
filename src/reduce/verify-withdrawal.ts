import type { Forest } from "../table/model-forest.ts";
import type { Key } from "../table/model-graph.ts";
import type { Reach } from "./verify-reach.ts";

/**
 * Finds the rows that stay anew, and compares. Support proves nothing by itself where rows can support each other: in a
 * circle rows may be kept that nothing else holds, and anywhere rows of several tables may have been dropped together,
 * each for want of the others. So this goes not by rounds over whole columns as the reducer does, but by withdrawing: a
 * value of which no row is left takes its rows along, and each of them its other values. Every row goes once, so it is
 * linear; what is left is the largest set that supports itself, and there is only one.
 *
 * Not for forests in which the table of a synthetic key is loose: that takes rows from its holders and is not asked back.
 */
export function verifyByWithdrawal(
  forest: Forest,
  around: Reach,
  allowed: ReadonlyMap<number, Uint8Array>,
  rows: readonly (Uint32Array | undefined)[],
): string[] {
  const alive = new Withdrawal(forest, around, allowed).alive();
  const problems: string[] = [];
  forest.graph.tables.forEach((t, table) => {
    const bits = rows[table];
    for (let r = 0; r < t.rows; r++) {
      const kept = bits === undefined || (bits[Math.floor(r / 32)]! & (2 ** (r % 32))) !== 0;
      if (kept === (alive[table]![r] === 1)) continue;
      problems.push(`table "${t.name}" ${kept ? "keeps a row that nothing holds" : "lacks a row that others hold"}`);
      return;
    }
  });
  return problems;
}

/** A key with what is counted of it. */
interface Place {
  readonly table: number;
  readonly key: Key;
  /** Where others need a partner among the rows: live rows per value. */
  readonly counts: Int32Array | undefined;
  /** Where the rows need a partner: the first row of each value, and the next one of the same value; -1 ends. */
  readonly lists: { readonly first: Int32Array; readonly next: Int32Array } | undefined;
}

class Withdrawal {
  readonly #alive: Uint8Array[];
  readonly #placesOfTable: readonly Place[][];
  readonly #placesOfNode: readonly Place[][];
  readonly #gone: readonly Uint8Array[];
  readonly #pending: { readonly node: number; readonly value: number }[] = [];

  constructor(forest: Forest, around: Reach, allowed: ReadonlyMap<number, Uint8Array>) {
    const { nodes, tables } = forest.graph;
    this.#alive = tables.map((t) => new Uint8Array(t.rows).fill(1));
    this.#gone = nodes.map((n) => new Uint8Array(n.size));
    this.#placesOfTable = tables.map((t, table) => {
      return t.keys.map((key): Place => {
        const { size } = nodes[key.node]!;
        const asks = around.throughNode(table, key.node);
        const asked = !forest.loose[table]! && around.throughTable(key.node, table);
        const counts = asked ? new Int32Array(size) : undefined;
        const lists = asks
          ? { first: new Int32Array(size).fill(-1), next: new Int32Array(t.rows).fill(-1) }
          : undefined;
        for (let r = 0; r < t.rows; r++) {
          const v = valueAt(key, r);
          if (v < 0) continue;
          if (counts !== undefined) counts[v]! += 1;
          if (lists === undefined) continue;
          lists.next[r] = lists.first[v]!;
          lists.first[v] = r;
        }
        return { table, key, counts, lists };
      });
    });
    this.#placesOfNode = nodes.map((_, node) => this.#placesOfTable.flat().filter((p) => p.key.node === node));
    this.#begin(allowed);
  }

  /** Per table one byte a row: 1 if it stays. */
  alive(): readonly Uint8Array[] {
    for (let last = this.#pending.pop(); last !== undefined; last = this.#pending.pop()) {
      for (const { table, lists } of this.#placesOfNode[last.node]!) {
        if (lists === undefined) continue;
        for (let r = lists.first[last.value]!; r >= 0; r = lists.next[r]!) this.#drop(table, r);
      }
    }
    return this.#alive;
  }

  /** What goes by itself: values that are not selected, values that a table asked for has not, NULL. */
  #begin(allowed: ReadonlyMap<number, Uint8Array>): void {
    this.#placesOfNode.forEach((places, node) => {
      const selected = allowed.get(node);
      for (let v = 0; v < this.#gone[node]!.length; v++) {
        if (selected?.[v] === 0 || places.some((p) => p.counts?.[v] === 0)) this.#lose(node, v);
      }
    });
    for (const { table, key, lists } of this.#placesOfTable.flat()) {
      if (lists === undefined) continue;
      for (let r = 0; r < this.#alive[table]!.length; r++) if (valueAt(key, r) < 0) this.#drop(table, r);
    }
  }

  #lose(node: number, value: number): void {
    if (this.#gone[node]![value] === 1) return;
    this.#gone[node]![value] = 1;
    this.#pending.push({ node, value });
  }

  #drop(table: number, row: number): void {
    if (this.#alive[table]![row] === 0) return;
    this.#alive[table]![row] = 0;
    for (const { key, counts } of this.#placesOfTable[table]!) {
      const v = valueAt(key, row);
      if (v < 0 || counts === undefined) continue;
      counts[v]! -= 1;
      if (counts[v] === 0) this.#lose(key.node, v);
    }
  }
}

/** Value of a row, -1 for NULL. */
function valueAt({ index, ids }: Key, row: number): number {
  const s = index[row]!;
  return s < 0 || ids === undefined ? s : ids[s]!;
}
