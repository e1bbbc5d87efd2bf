import { describe, expect, it } from "vitest";
import { type AccessTable, loadCell } from "../../src/reduce/access-table.ts";
import { carryOut, decide, prepareApp } from "../../src/reduce/admit.ts";
import { diffAccess } from "../../src/reduce/diff.ts";
import { explainRow } from "../../src/reduce/explain-row.ts";
import { explainUser } from "../../src/reduce/explain-user.ts";
import { accessMatrix } from "../../src/reduce/matrix.ts";
import { type Rules, rulesOf } from "../../src/reduce/rules.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";
import { randomCase } from "./random-case.ts";

function inline(fields: string, ...rows: readonly string[]): AccessTable {
  const rule = { numbers: true, upperCase: true };
  return { name: "SA", fields: fields.split(","), rows: rows.map((r) => r.split(",").map((c) => loadCell(c, rule))) };
}

const SHOP = modelOfCells([
  {
    name: "Orders",
    fields: ["CLIENT", "ITEM", "Pieces"],
    rows: [
      ["c1", "i1", 1],
      ["c2", "i2", 2],
      ["c1", "i2", 3],
      [null, "i1", 4],
      ["c9", "i1", 5],
    ],
  },
  {
    name: "Clients",
    fields: ["CLIENT", "ZONE"],
    rows: [
      ["c1", "WEST"],
      ["c2", "EAST"],
    ],
  },
  {
    name: "Items",
    fields: ["ITEM", "Name"],
    rows: [
      ["i1", "Ball"],
      ["i2", "Book"],
      ["i3", "Bell"],
    ],
  },
]);
const ACCESS = [inline("ACCESS,USERID,ZONE", "USER,EVA,WEST", "USER,BOB,EAST", "ADMIN,ROOT,", "USER,ALL,*")];
const RULES = rulesOf();

function opened(userid: string, rules: Rules = RULES) {
  const app = prepareApp(SHOP, ACCESS);
  const decision = decide(app, { userid }, rules);
  if (decision.denied) throw new Error("denied");
  const outcome = carryOut(app, decision, rules);
  if (outcome.denied) throw new Error("denied");
  return { app, decision, outcome };
}

const CASES = process.env.QVAULT_LONG === undefined ? 1000 : 20_000;
/** Of loose synthetic tables: their explanations once ended with a combination lost for the row's own sake. */
const ONCE_UNEXPLAINED = [4008, 17_971, 21_426, 31_532];

describe("explaining", () => {
  it("tells which row of section access let a row in", () => {
    const { app, outcome } = opened("eva");
    const steps = explainRow(app, outcome, RULES, 0, 0).steps;
    expect(steps).toEqual([
      { table: "Orders", row: 0, field: "CLIENT", value: "c1", because: "linked", grants: [] },
      {
        table: "Clients",
        row: 0,
        field: "ZONE",
        value: "WEST",
        because: "selected",
        grants: [
          { table: "SA", row: 0 },
          { table: "SA", row: 3 },
        ],
      },
    ]);
  });

  it("tells the first value that kept a row out, and who may see it", () => {
    const { app, outcome } = opened("eva");
    expect(explainRow(app, outcome, RULES, 0, 1)).toEqual({
      kept: false,
      steps: [
        { table: "Orders", row: 1, field: "CLIENT", value: "c2", because: "linked", grants: [] },
        {
          table: "Clients",
          row: 1,
          field: "ZONE",
          value: "EAST",
          because: "not selected",
          grants: [
            { table: "SA", row: 1 },
            { table: "SA", row: 3 },
          ],
        },
      ],
    });
    expect(explainRow(app, outcome, RULES, 0, 3).steps.map((s) => s.because)).toEqual(["null"]);
    expect(explainRow(app, outcome, RULES, 0, 4).steps.map((s) => s.because)).toEqual(["no partner"]);
    expect(explainRow(app, outcome, RULES, 2, 2).steps.map((s) => s.because)).toEqual(["no partner"]);
  });

  it("needs no reason for somebody who is not reduced", () => {
    const { app, outcome } = opened("root");
    expect(explainRow(app, outcome, RULES, 0, 3)).toEqual({ kept: true, steps: [] });
  });

  it("refuses a row that is not there", () => {
    const { app, outcome } = opened("eva");
    expect(() => explainRow(app, outcome, RULES, 0, 5)).toThrow(expect.objectContaining({ code: "TABLE_ROWS" }));
  });

  it("agrees with the reducer on every row of random models, and always gives a reason", { timeout: 600_000 }, () => {
    let rows = 0;
    const seeds = Array.from({ length: CASES }, (_, i) => i + 1);
    for (const seed of [...seeds, ...ONCE_UNEXPLAINED]) {
      const policy = randomCase(seed);
      if (policy.rules.loops === "keep") continue;
      const app = prepareApp(modelOfCells(policy.tables), policy.access, policy.loosened);
      const decision = decide(app, policy.user, policy.rules);
      if (decision.denied) continue;
      const outcome = carryOut(app, decision, policy.rules);
      if (outcome.denied) continue;
      policy.tables.forEach((t, table) => {
        const bits = outcome.kept.rows[table];
        t.rows.forEach((_, r) => {
          rows++;
          const kept = bits === undefined || ((bits[r >> 5]! >>> (r & 31)) & 1) === 1;
          const { kept: said, steps } = explainRow(app, outcome, policy.rules, table, r);
          expect(said, `seed ${seed}`).toBe(kept);
          if (!kept)
            expect(["null", "not selected", "no partner", "not possible"], `seed ${seed}`).toContain(
              steps.at(-1)?.because,
            );
        });
      });
    }
    expect(rows).toBeGreaterThan(500);
  });

  it("shows what section access says about a user", () => {
    const app = prepareApp(SHOP, ACCESS);
    expect(explainUser(app, { userid: "eva" }, RULES)).toEqual({
      level: "USER",
      rows: [
        { table: "SA", row: 0, used: true },
        { table: "SA", row: 1, used: false, because: "USERID" },
        { table: "SA", row: 2, used: false, because: "USERID" },
        { table: "SA", row: 3, used: false, because: "USERID" },
      ],
      fields: [
        { field: "ZONE", appField: "exact", values: [{ value: "WEST", inData: true, by: [{ table: "SA", row: 0 }] }] },
      ],
      omit: [],
    });
  });
});

describe("comparing users", () => {
  it("counts rows and values that only one of them sees", () => {
    const a = opened("eva");
    const b = opened("bob");
    const diff = diffAccess(
      SHOP,
      { outcome: a.outcome, omitted: a.decision.omitted },
      { outcome: b.outcome, omitted: b.decision.omitted },
    );
    expect(diff.tables).toEqual([
      { table: "Orders", onlyA: 2, onlyB: 1, both: 0 },
      { table: "Clients", onlyA: 1, onlyB: 1, both: 0 },
      { table: "Items", onlyA: 1, onlyB: 0, both: 1 },
    ]);
    expect(diff.fields.find((f) => f.field === "ITEM")).toEqual({
      field: "ITEM",
      onlyA: 1,
      onlyB: 0,
      examplesA: ["i1"],
      examplesB: [],
    });
  });

  it("lists every identity with its rows and the number of distinct reductions", () => {
    const matrix = accessMatrix(prepareApp(SHOP, ACCESS), RULES);
    expect(matrix.tables).toEqual(["Orders", "Clients", "Items"]);
    expect(matrix.distinct).toBe(4);
    expect(matrix.lines.map((l) => [l.identity, l.level, l.rows])).toEqual([
      ["USERID=EVA", "USER", [2, 1, 2]],
      ["USERID=BOB", "USER", [1, 1, 1]],
      ["USERID=ROOT", "ADMIN", [5, 2, 3]],
      ["USERID=ALL", "USER", [3, 2, 2]],
    ]);
  });
});
