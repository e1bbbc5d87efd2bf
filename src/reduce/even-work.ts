import { allBits, noValues } from "../table/model-bits.ts";
import type { Forest } from "../table/model-forest.ts";
import type { RowOps } from "./semijoin.ts";

/** Loops that count, by index column, how often they ran. */
export interface CountedOps extends RowOps {
  readonly tests: ReadonlyMap<Int32Array, number>;
  readonly scatters: ReadonlyMap<Int32Array, number>;
  /** Goes through the runs of rows that were passed over since these loops were made. */
  makeUp(): void;
}

export function countedOps(ops: RowOps): CountedOps {
  const tests = new Map<Int32Array, number>();
  const scatters = new Map<Int32Array, number>();
  const before = ops.saved();
  return {
    tests,
    scatters,
    test(index, state, rows) {
      tests.set(index, (tests.get(index) ?? 0) + 1);
      ops.test(index, state, rows);
    },
    scatter(index, rows, state) {
      scatters.set(index, (scatters.get(index) ?? 0) + 1);
      ops.scatter(index, rows, state);
    },
    saved: () => ops.saved(),
    spend: (runs) => ops.spend(runs),
    makeUp: () => ops.spend(ops.saved() - before),
    wipe: () => ops.wipe(),
  };
}

/**
 * Work for nobody, so that the work does not tell why somebody was denied: whatever `ops` did until now, afterwards each
 * key column of the app was tested and scattered equally often, once or as often as the one that was used most. A
 * reduction of a tree uses each at most once, so every denial comes to the same; where circles are kept, and for exact
 * tuples, the number of rounds remains.
 */
export function evenOut(forest: Forest, ops: CountedOps): void {
  const { nodes, tables } = forest.graph;
  const most = Math.max(1, ...ops.tests.values(), ...ops.scatters.values());
  try {
    ops.makeUp();
    for (const t of tables) {
      for (const { index, ids, node } of t.keys) {
        const state = noValues(ids === undefined ? nodes[node]!.size : ids.length);
        for (let n = ops.scatters.get(index) ?? 0; n < most; n++) ops.scatter(index, allBits(t.rows), state);
        for (let n = ops.tests.get(index) ?? 0; n < most; n++) ops.test(index, state, allBits(t.rows));
      }
    }
  } finally {
    ops.wipe();
  }
}
