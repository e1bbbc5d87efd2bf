import type { Model } from "../table/model.ts";
import type { Allowed, Outcome, ReducibleApp } from "./admit.ts";
import type { Rules } from "./rules.ts";
import { plainSelection } from "./select.ts";
import { verifyReduction } from "./verify.ts";
import { verifyCompaction } from "./verify-compact.ts";

/**
 * Runs the independent checker over everything that a reduction made. Returns what is wrong, one sentence each, without
 * a value; empty if it is proved.
 */
export function proveReduction(
  app: ReducibleApp,
  allowed: Allowed,
  outcome: Outcome,
  rules: Rules,
  reduced: Model,
): string[] {
  const forest = app.forest(rules.loops);
  const problems = outcome.parts.flatMap(({ selection, kept }) => {
    return verifyReduction(forest, plainSelection(forest, selection), kept.rows);
  });
  // Several tuples: a row stays exactly if it stays for one of them.
  outcome.kept.rows.forEach((bits, table) => {
    const count = forest.graph.tables[table]!.rows;
    const has = (set: Uint32Array | undefined, r: number): boolean =>
      set === undefined || (set[r >> 5]! & (1 << (r & 31))) !== 0;
    for (let r = 0; r < count; r++) {
      const some = outcome.parts.length === 0 || outcome.parts.some(({ kept }) => has(kept.rows[table], r));
      if (has(bits, r) !== some)
        problems.push(`rows of "${forest.graph.tables[table]!.name}" are not those of the tuples`);
      if (problems.length > 0) return;
    }
  });
  return [...problems, ...verifyCompaction(app.model, outcome.kept.rows, allowed.omitted, reduced)];
}
