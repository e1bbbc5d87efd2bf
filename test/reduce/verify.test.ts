import { describe, expect, it } from "vitest";
import { carryOut, decide, prepareApp } from "../../src/reduce/admit.ts";
import type { PolicyCase } from "../../src/reduce/case-format.ts";
import { compact } from "../../src/reduce/compact.ts";
import { rulesOf } from "../../src/reduce/rules.ts";
import { plainSelection } from "../../src/reduce/select.ts";
import { verifyReduction } from "../../src/reduce/verify.ts";
import { verifyCompaction } from "../../src/reduce/verify-compact.ts";
import { fieldNamed, type Model } from "../../src/table/model.ts";
import { allBits } from "../../src/table/model-bits.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";
import { buildForest } from "../../src/table/model-forest.ts";
import { longCommand, record } from "../helpers/record.ts";
import { Dice, randomCase } from "./random-case.ts";

const CASES = process.env.QVAULT_LONG === undefined ? 1_000 : 10_000;

/** Reduces a random case; `undefined` if its user is denied. */
function reduce(policy: PolicyCase) {
  const app = prepareApp(modelOfCells(policy.tables), policy.access, policy.loosened);
  const decision = decide(app, policy.user, policy.rules);
  if (decision.denied) return undefined;
  const outcome = carryOut(app, decision, policy.rules);
  if (outcome.denied) return undefined;
  return { app, decision, outcome, forest: app.forest(policy.rules.loops) };
}

function stays(bits: Uint32Array | undefined, row: number): boolean {
  return bits === undefined || (bits[row >> 5]! & (1 << (row & 31))) !== 0;
}

describe("the independent checker", () => {
  it(`proves what the reducer makes of ${CASES} random models`, { timeout: 600_000 }, () => {
    let proved = 0;
    for (let seed = 1; seed <= CASES; seed++) {
      const r = reduce(randomCase(seed));
      if (r === undefined) continue;
      for (const part of r.outcome.parts) {
        expect(
          verifyReduction(r.forest, plainSelection(r.forest, part.selection), part.kept.rows),
          `seed ${seed}`,
        ).toEqual([]);
        proved++;
      }
      const rows = r.outcome.kept.rows;
      expect(
        verifyCompaction(r.app.model, rows, r.decision.omitted, compact(r.app.model, rows, r.decision.omitted)),
        `seed ${seed}`,
      ).toEqual([]);
    }
    expect(proved).toBeGreaterThan(CASES / 3);
  });

  it("does not take the values that a table lost by itself for a reason of the loss", () => {
    const model = modelOfCells([
      {
        name: "Facts",
        fields: ["K", "ITEM"],
        rows: [
          ["k1", "i1"],
          ["k2", "i1"],
        ],
      },
      {
        name: "Dim",
        fields: ["K", "ZONE"],
        rows: [
          ["k1", "z1"],
          ["k2", "z1"],
        ],
      },
    ]);
    const forest = buildForest(model, { selectable: ["ITEM", "ZONE"] });
    const selected = new Map([
      [fieldNamed(model, "ITEM"), new Set(["i1"])],
      [fieldNamed(model, "ZONE"), new Set(["z1"])],
    ]);
    expect(verifyReduction(forest, selected, [undefined, undefined])).toEqual([]);
    expect(verifyReduction(forest, selected, [undefined, Uint32Array.of(0b10)]).sort()).toEqual([
      'table "Dim" lacks a row that has support',
      'table "Dim" lacks a row that others hold',
      'table "Facts" keeps a row without support',
    ]);
  });

  it("finds rows of two tables of a tree that were dropped together", () => {
    const pair = (name: string, other: string) => ({
      name,
      fields: ["K", other],
      rows: [
        ["k1", "x"],
        ["k2", "x"],
      ],
    });
    const model = modelOfCells([pair("Facts", "ITEM"), pair("Dim", "ZONE")]);
    const forest = buildForest(model, { selectable: ["ITEM", "ZONE"] });
    const selected = new Map(["ITEM", "ZONE"].map((name) => [fieldNamed(model, name), new Set(["x"])]));
    const without2 = [Uint32Array.of(0b01), Uint32Array.of(0b01)];
    expect(verifyReduction(forest, selected, without2)).toEqual([
      'table "Facts" lacks a row that others hold',
      'table "Dim" lacks a row that others hold',
    ]);
  });

  it("finds rows dropped together beside a loose table, which holds nothing itself", () => {
    const model = modelOfCells([
      {
        name: "T",
        fields: ["A", "B"],
        rows: [
          [1, 1],
          [2, 2],
        ],
      },
      {
        name: "U",
        fields: ["B", "C"],
        rows: [
          [1, 1],
          [2, 2],
        ],
      },
      { name: "V", fields: ["C", "A"], rows: [[1, 1]] },
    ]);
    const forest = buildForest(model, { selectable: ["A"], loosened: ["V"] });
    expect(forest.loose).toEqual([false, false, true]);
    const selected = new Map([[fieldNamed(model, "A"), new Set([1, 2])]]);
    expect(verifyReduction(forest, selected, [undefined, undefined, undefined])).toEqual([]);
    const without2 = [Uint32Array.of(0b01), Uint32Array.of(0b01), undefined];
    expect(verifyReduction(forest, selected, without2)).toContain('table "U" lacks a row that others hold');
  });

  it("finds every row too many and every row missing", { timeout: 600_000 }, () => {
    let flipped = 0;
    let inCircles = 0;
    for (let seed = 1; seed <= CASES; seed++) {
      const policy = randomCase(seed);
      const r = reduce(policy);
      // A loosened synthetic table takes rows of others.
      if (r === undefined || r.forest.graph.tables.some((t, i) => t.table < 0 && r.forest.loose[i])) continue;
      const dice = new Dice(seed);
      for (const { selection, kept } of r.outcome.parts) {
        const table = dice.below(r.forest.graph.tables.length);
        const count = r.forest.graph.tables[table]!.rows;
        if (count === 0 || r.forest.graph.tables[table]!.table < 0) continue;
        const rows = [...kept.rows];
        const bits = (rows[table] ?? allBits(count)).slice();
        const row = dice.below(count);
        bits[row >> 5]! ^= 1 << (row & 31);
        rows[table] = bits;
        const problems = verifyReduction(r.forest, plainSelection(r.forest, selection), rows);
        expect(problems, `seed ${seed}`).not.toEqual([]);
        flipped++;
        if (r.forest.components.some((c) => !c.tree)) inCircles++;
      }
    }
    expect(flipped).toBeGreaterThan(CASES / 3);
    expect(inCircles).toBeGreaterThan(CASES / 50);
    const command = longCommand("test/reduce/verify.test.ts");
    record("access-checker", command, { models: CASES, flipped, inCircles });
  });

  it("finds rows that were dropped together, of which each would be held by the others", () => {
    const ring = ["AB", "BC", "CA"].map((pair) => ({
      name: pair,
      fields: [...pair],
      rows: [
        [1, 1],
        [2, 2],
      ],
    }));
    const forest = buildForest(modelOfCells(ring), { selectable: ["A"], loops: "keep" });
    const field = (name: string) => fieldNamed(forest.graph.model, name);
    const selected = new Map([[field("A"), new Set([1, 2])]]);
    const whole = [0b11, 0b11, 0b11].map((bits) => Uint32Array.of(bits));
    expect(verifyReduction(forest, selected, whole)).toEqual([]);
    expect(verifyReduction(forest, selected, [undefined, undefined, undefined])).toEqual([]);
    const half = [0b01, 0b01, 0b01].map((bits) => Uint32Array.of(bits));
    expect(verifyReduction(forest, selected, half)).toEqual(
      expect.arrayContaining(["AB", "BC", "CA"].map((t) => `table "${t}" lacks a row that others hold`)),
    );
    // The selection leaves the first half only; then the other one is too much.
    const one = new Map([[field("A"), new Set([1])]]);
    expect(verifyReduction(forest, one, half)).toEqual([]);
    expect(verifyReduction(forest, one, whole)).toContain('table "BC" keeps a row that nothing holds');
  });

  it("says a thing once, however many rows it is true of", () => {
    const model = modelOfCells([
      { name: "T", fields: ["K"], rows: [[1], [1], [2], [2]] },
      {
        name: "U",
        fields: ["K", "Z"],
        rows: [
          [1, "a"],
          [2, "b"],
        ],
      },
    ]);
    const forest = buildForest(model, { selectable: ["Z"] });
    const selected = new Map([[fieldNamed(model, "Z"), new Set(["a"])]]);
    const check = (t: number, u: number) => verifyReduction(forest, selected, [Uint32Array.of(t), Uint32Array.of(u)]);
    expect(check(0b0011, 0b01)).toEqual([]);
    expect(check(0b1111, 0b01)).toEqual([
      'table "T" keeps a row without support',
      'table "T" keeps a row that nothing holds',
    ]);
    expect(check(0b0000, 0b01)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^table "T" lacks a row that has support$/)]),
    );
    expect(new Set(check(0, 1)).size).toBe(check(0, 1).length);
  });

  it("does not ask rows back that a synthetic table lost which had to be loosened", () => {
    const access = [
      {
        name: "s",
        fields: ["ACCESS", "USERID", "ZONE"],
        rows: [[{ text: "USER" }, { text: "ANN" }, { text: "EAST" }]],
      },
    ];
    // Three synthetic keys in a circle, each of two tables that nothing else links.
    const tables = [
      {
        name: "AB",
        fields: ["A", "B"],
        rows: [
          [1, 1],
          [2, 1],
          [3, 1],
        ],
      },
      { name: "AB too", fields: ["A", "B"], rows: [[1, 1]] },
      { name: "BC", fields: ["B", "C"], rows: [[1, 1]] },
      { name: "BC too", fields: ["B", "C"], rows: [[1, 1]] },
      {
        name: "CA",
        fields: ["C", "A", "ZONE"],
        rows: [
          [1, 1, "EAST"],
          [1, 2, "WEST"],
        ],
      },
      { name: "CA too", fields: ["C", "A"], rows: [[1, 1]] },
    ];
    const app = prepareApp(modelOfCells(tables), access);
    const rules = rulesOf();
    const decision = decide(app, { userid: "ann" }, rules);
    if (decision.denied) return expect(decision).toBe("let in");
    const outcome = carryOut(app, decision, rules);
    if (outcome.denied) return expect(outcome).toBe("let in");
    const forest = app.forest(rules.loops);
    expect(forest.graph.tables.filter((_, i) => forest.loose[i]).map((t) => [t.table < 0, t.rows])).toEqual([
      [true, 3],
    ]);
    const { selection, kept } = outcome.parts[0]!;
    expect([...kept.rows[0]!]).toEqual([0b001]);
    expect(verifyReduction(forest, plainSelection(forest, selection), kept.rows)).toEqual([]);
    const less = kept.rows.with(2, Uint32Array.of(0));
    expect(verifyReduction(forest, plainSelection(forest, selection), less)).toContain(
      'table "BC" lacks a row that has support',
    );
  });

  it("keeps in circles no row that loosening them would drop, whichever table is loosened", {
    timeout: 600_000,
  }, () => {
    let compared = 0;
    for (let seed = 1; seed <= 2 * CASES; seed++) {
      const policy = randomCase(seed);
      if (policy.rules.loops !== "keep") continue;
      // One selection, so that what is compared is what it leaves: which tuples grant nothing depends on the parts.
      const rules = { ...policy.rules, combine: "pooled", onEmpty: "empty" } as const;
      const kept = reduce({ ...policy, rules });
      if (kept === undefined || kept.forest.components.every((c) => c.tree)) continue;
      for (const loosened of [[], ...policy.tables.map((t) => [t.name])]) {
        const loose = reduce({ ...policy, loosened, rules: { ...rules, loops: "loosen" } });
        // A loosened synthetic table takes rows of others, also those with NULL in a part of their combination.
        if (loose!.forest.graph.tables.some((t, i) => t.table < 0 && loose!.forest.loose[i])) continue;
        policy.tables.forEach((t, i) => {
          for (let r = 0; r < t.rows.length; r++) {
            if (!stays(kept.outcome.kept.rows[i], r)) continue;
            expect(stays(loose!.outcome.kept.rows[i], r), `seed ${seed}: ${t.name} ${r}`).toBe(true);
            compared++;
          }
        });
      }
    }
    expect(compared).toBeGreaterThan(CASES);
  });

  it("finds a cell changed, a symbol left over, an omitted name kept", () => {
    const model = modelOfCells([
      {
        name: "T",
        fields: ["A", "B"],
        rows: [
          ["x", 1],
          ["y", 2],
          ["x", 3],
        ],
      },
    ]);
    const rows = [Uint32Array.of(0b101)];
    const reduced = compact(model, rows, new Set([1]));
    const check = (changed: Partial<Model>): string[] =>
      verifyCompaction(model, rows, new Set([1]), { ...reduced, ...changed });
    expect(check({})).toEqual([]);
    expect(check({ domains: [model.domains[0]!] })).toEqual(["a symbol table holds what no row uses"]);
    const tags = reduced.fields.map((f) => ({ ...f, tags: ["$relates_B"] }));
    expect(check({ fields: tags })).toEqual(["an omitted field is still named"]);
    const other = modelOfCells([{ name: "T", fields: ["A"], rows: [["z"], ["z"]] }]);
    expect(check({ domains: other.domains })).not.toEqual([]);
    expect(verifyCompaction(model, [Uint32Array.of(0b111)], new Set([1]), reduced)).not.toEqual([]);
  });
});
