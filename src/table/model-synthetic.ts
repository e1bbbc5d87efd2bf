import { needs } from "../errors.ts";
import type { GraphTable, Key, Node } from "./model-graph.ts";

/**
 * Replaces the nodes `common` by one synthetic key in every table that has them all, and adds the table of its
 * combinations. A row with NULL in a component gets a combination of its table's own: its visible components stay
 * reachable, but it links with no row of another table.
 *
 * `nodes` and `tables` are extended in place.
 */
export function synthesize(name: string, common: readonly number[], nodes: Node[], tables: GraphTable[]): void {
  const numbering = new Combinations(common.map((n) => nodes[n]!.size));
  const node = nodes.length;
  const replaced: { at: number; table: GraphTable }[] = [];
  tables.forEach((t, at) => {
    const parts = common.map((n) => t.keys.find((k) => k.node === n));
    if (parts.includes(undefined)) return;
    const index = numbering.number(parts as Key[], t.rows);
    const rest = t.keys.filter((k) => !common.includes(k.node));
    const numbers = common.includes(t.numbers) ? -1 : t.numbers;
    replaced.push({ at, table: { ...t, numbers, keys: [...rest, { node, index, ids: undefined }] } });
  });
  for (const { at, table } of replaced) tables[at] = table;
  const count = numbering.count;
  nodes.push({ name, size: count, field: -1 });
  const own: Key = { node, index: Int32Array.from({ length: count }, (_, i) => i), ids: undefined };
  const keys = common.map(
    (n, part): Key => ({ node: n, index: Int32Array.from(numbering.parts[part]!), ids: undefined }),
  );
  tables.push({ name: `${name} Table`, table: -1, rows: count, keys: [...keys, own], numbers: node });
}

/** Numbers distinct combinations of values, in order of first use. */
class Combinations {
  /** Per component: its value in each combination, -1 for NULL. */
  readonly parts: readonly number[][];
  readonly #sizes: readonly number[];
  /** Step i maps (prefix of i + 1 values, next value) to the longer prefix; whole combinations share it over tables. */
  readonly #shared: Map<number, number>[];
  #count = 0;

  constructor(sizes: readonly number[]) {
    this.#sizes = sizes;
    this.parts = sizes.map(() => []);
    this.#shared = sizes.slice(1).map(() => new Map());
  }

  get count(): number {
    return this.#count;
  }

  number(keys: readonly Key[], rows: number): Int32Array {
    const out = new Int32Array(rows);
    const own = this.#sizes.slice(1).map(() => new Map<number, number>());
    const values = new Int32Array(keys.length);
    for (let r = 0; r < rows; r++) {
      let whole = true;
      for (let k = 0; k < keys.length; k++) {
        const key = keys[k]!;
        const s = key.index[r]!;
        values[k] = s < 0 ? -1 : key.ids === undefined ? s : key.ids[s]!;
        if (s < 0) whole = false;
      }
      out[r] = this.#find(whole ? this.#shared : own, values);
    }
    return out;
  }

  #find(steps: readonly Map<number, number>[], values: Int32Array): number {
    let prefix = values[0]! + 1;
    const last = steps.length - 1;
    for (let i = 0; i <= last; i++) {
      const at = prefix * (this.#sizes[i + 1]! + 1) + values[i + 1]! + 1;
      needs(Number.isSafeInteger(at), "LIMIT_EXCEEDED", "a synthetic key has too many combinations to number");
      let next = steps[i]!.get(at);
      if (next === undefined) {
        next = i === last ? this.#add(values) : steps[i]!.size;
        steps[i]!.set(at, next);
      }
      prefix = next;
    }
    return prefix;
  }

  #add(values: Int32Array): number {
    this.parts.forEach((part, i) => {
      part.push(values[i]!);
    });
    return this.#count++;
  }
}
