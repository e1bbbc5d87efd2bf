import { expect, it } from "vitest";
import { evaluateCase } from "../../src/reduce/case-run.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";
import { buildForest } from "../../src/table/model-forest.ts";
import { longCommand, record } from "../helpers/record.ts";
import { bruteForce } from "./brute-force.ts";
import { randomCase } from "./random-case.ts";

const LONG = process.env.QVAULT_LONG !== undefined;
const FIRST = Number(process.env.QVAULT_SEED ?? (LONG ? 1_000_000 : 1));
const CASES = Number(process.env.QVAULT_CASES ?? (LONG ? 30_000 : 2_000));

it(`agrees with brute force on ${CASES} random models`, { timeout: 3_600_000 }, () => {
  const seen = { denied: 0, reduced: 0, whole: 0, omitted: 0, synthetic: 0, loose: 0, circle: 0 };
  for (let seed = FIRST; seed < FIRST + CASES; seed++) {
    const policy = randomCase(seed);
    const wanted = bruteForce(policy);
    const got = evaluateCase(policy);
    const plain = got.denied
      ? { denied: true, reasons: [...got.reasons].sort() }
      : { denied: false, omitted: [...got.omitted].sort(), rowIds: Object.fromEntries(got.rowIds) };
    const want = wanted.denied
      ? { denied: true, reasons: [...new Set(wanted.reasons)].sort() }
      : { denied: false, omitted: wanted.omitted.sort(), rowIds: Object.fromEntries(wanted.rowIds) };
    if (JSON.stringify(plain) !== JSON.stringify(want)) {
      expect(plain, `QVAULT_SEED=${seed}`).toEqual(want);
      throw new Error(`seed ${seed}: differs in the order of tables only`);
    }
    if (wanted.denied) seen.denied++;
    else {
      const all = policy.tables.every((t) => wanted.rowIds.get(t.name)!.length === t.rows.length);
      if (all) seen.whole++;
      else seen.reduced++;
      if (wanted.omitted.length > 0) seen.omitted++;
      const forest = buildForest(modelOfCells(policy.tables), { selectable: [], loops: policy.rules.loops });
      if (!all && forest.graph.tables.some((t) => t.table < 0)) seen.synthetic++;
      if (!all && forest.loose.includes(true)) seen.loose++;
      if (!all && forest.components.some((c) => !c.tree)) seen.circle++;
    }
  }
  console.log(`seeds ${FIRST}..${FIRST + CASES - 1}: ${JSON.stringify(seen)}`);
  const command = longCommand("test/reduce/differential.test.ts");
  record("access-differential", command, { models: CASES, seeds: [FIRST, FIRST + CASES - 1], seen });
  // The generator is worth something only if every outcome is common.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(CASES / 50);
});
