import { describe, expect, it } from "vitest";
import { type Allowed, carryOut, decide, type Outcome, prepareApp } from "../../src/reduce/admit.ts";
import { compact } from "../../src/reduce/compact.ts";
import { proveReduction } from "../../src/reduce/prove.ts";
import { rulesOf } from "../../src/reduce/rules.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";

const ROWS = 70;
const MODEL = modelOfCells([
  {
    name: "Facts",
    fields: ["LAND", "GOODS"],
    rows: Array.from({ length: ROWS }, (_, r) => [`L${r % 7}`, `G${r % 5}`]),
  },
  { name: "Other", fields: ["GOODS", "Name"], rows: Array.from({ length: 5 }, (_, r) => [`G${r}`, `name ${r}`]) },
]);
const RULES = rulesOf("qlik-sense", { combine: "tuples" });
const cell = (text: string) => ({ text });
const ACCESS = [
  {
    name: "Access",
    fields: ["ACCESS", "USERID", "LAND", "GOODS"],
    rows: [
      [cell("USER"), cell("ANN"), cell("L1"), cell("G1")],
      [cell("USER"), cell("ANN"), cell("L2"), cell("G3")],
      [cell("ADMIN"), cell("ROOT"), cell(""), cell("")],
    ],
  },
];

function reduced(userid: string) {
  const app = prepareApp(MODEL, ACCESS);
  const allowed = decide(app, { userid }, RULES) as Allowed;
  const outcome = carryOut(app, allowed, RULES) as Outcome;
  const prove = (of: Outcome) =>
    proveReduction(app, allowed, of, RULES, compact(app.model, of.kept.rows, allowed.omitted));
  return { app, allowed, outcome, prove };
}
/** The outcome with one row of a table flipped in what was united. */
function flipped(outcome: Outcome, table: number, row: number, count: number): Outcome {
  const all = new Uint32Array(Math.ceil(count / 32)).fill(0xffffffff);
  if (count % 32 > 0) all[all.length - 1] = 2 ** (count % 32) - 1;
  const rows = [...outcome.kept.rows];
  const bits = (rows[table] ?? all).slice();
  bits[row >> 5]! ^= 1 << (row & 31);
  rows[table] = bits;
  return { ...outcome, kept: { ...outcome.kept, rows } };
}

describe("what a reduction made, proved", () => {
  it("is the rows of all tuples, no more and no fewer, in each table", () => {
    const { outcome, prove } = reduced("ann");
    expect(outcome.parts).toHaveLength(2);
    expect(prove(outcome)).toEqual([]);
    for (const row of [0, 1, 31, 32, 63, 64, ROWS - 1])
      expect(prove(flipped(outcome, 0, row, ROWS)), `row ${row}`).toEqual([
        'rows of "Facts" are not those of the tuples',
      ]);
    // It says so once, however many rows it is true of.
    const two = flipped(flipped(outcome, 0, 0, ROWS), 0, 40, ROWS);
    expect(prove(two)).toEqual(['rows of "Facts" are not those of the tuples']);
    for (const row of [0, 4])
      expect(prove(flipped(outcome, 1, row, 5))).toEqual(['rows of "Other" are not those of the tuples']);
  });

  it("is everything where nothing was selected", () => {
    const { outcome, prove } = reduced("root");
    // A blank reduces nothing, and is one tuple that selects nothing.
    expect(prove(outcome)).toEqual([]);
    expect(prove({ ...outcome, parts: [] })).toEqual([]);
    expect(prove(flipped({ ...outcome, parts: [] }, 0, 33, ROWS))).toEqual([
      'rows of "Facts" are not those of the tuples',
    ]);
  });

  it("holds each tuple to its own selection", () => {
    const { outcome, prove } = reduced("ann");
    const [first, second] = outcome.parts;
    const swapped = [
      { selection: first!.selection, kept: second!.kept },
      { selection: second!.selection, kept: first!.kept },
    ];
    expect(prove({ ...outcome, parts: swapped })).toEqual(
      expect.arrayContaining(['table "Facts" keeps a row that shows an excluded value']),
    );
  });

  it("is in the reduced app as it was kept", () => {
    const { app, allowed, outcome } = reduced("ann");
    const whole = compact(
      app.model,
      app.model.tables.map(() => undefined),
      allowed.omitted,
    );
    expect(proveReduction(app, allowed, outcome, RULES, whole)).not.toEqual([]);
  });
});
