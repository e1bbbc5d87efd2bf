import { describe, expect, it } from "vitest";
import type { AccessTable } from "../../src/reduce/access-table.ts";
import { type Allowed, carryOut, decide, prepareApp } from "../../src/reduce/admit.ts";
import { propagate, unite } from "../../src/reduce/propagate.ts";
import { type Rules, rulesOf } from "../../src/reduce/rules.ts";
import { type RowOps, SCRIPT_OPS } from "../../src/reduce/semijoin.ts";
import type { Kept } from "../../src/reduce/sweep.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";

/** Two components: facts with a zone, and stocks with a city. */
const MODEL = modelOfCells([
  {
    name: "facts",
    fields: ["ZONE", "sum"],
    rows: [
      ["EAST", 1],
      ["WEST", 2],
      ["EAST", 3],
    ],
  },
  {
    name: "stock",
    fields: ["CITY", "left"],
    rows: [
      ["ROME", 1],
      ["OSLO", 2],
    ],
  },
]);

const access = (...rows: readonly (readonly string[])[]): readonly AccessTable[] => [
  { name: "s", fields: ["ACCESS", "USERID", "ZONE", "CITY"], rows: rows.map((row) => row.map((text) => ({ text }))) },
];

/** Loops that count how often what they keep is wiped. */
function countedOps(): RowOps & { readonly wiped: () => number } {
  let wiped = 0;
  return { ...SCRIPT_OPS, wipe: () => void wiped++, wiped: () => wiped };
}

function reduced(tables: readonly AccessTable[] | undefined, rules: Rules, ops: RowOps = SCRIPT_OPS) {
  const app = prepareApp(MODEL, tables, [], ops);
  const decision = decide(app, { userid: "ann" }, rules);
  return decision.denied ? decision : carryOut(app, decision, rules);
}
const TUPLES = rulesOf("qlik-sense", { combine: "tuples" });
const rowsOf = (kept: Kept) => kept.rows.map((bits) => (bits === undefined ? "all" : [...bits]));

describe("an app that is prepared", () => {
  it("has its associations laid out once for each way to treat circles", () => {
    const app = prepareApp(MODEL, access(["USER", "ANN", "EAST", "ROME"]));
    expect(app.forest("loosen")).toBe(app.forest("loosen"));
    expect(app.forest("keep")).toBe(app.forest("keep"));
    expect(app.forest("keep")).not.toBe(app.forest("loosen"));
  });

  it("without section access lets everybody see everything", () => {
    const app = prepareApp(MODEL, undefined);
    const decision = decide(app, { userid: "anybody" }, rulesOf());
    expect(decision).toEqual({
      denied: false,
      level: "USER",
      selections: [],
      omitted: new Set(),
      entitlement: undefined,
    });
    const linked = modelOfCells(["one", "two"].map((name) => ({ name, fields: ["K", name], rows: [[1, 2]] })));
    for (const model of [MODEL, linked]) {
      const outcome = carryOut(prepareApp(model, undefined), decision as Allowed, rulesOf());
      if (outcome.denied) return expect(outcome).toBe("let in");
      expect([outcome.parts, outcome.kept.emptied, rowsOf(outcome.kept)]).toEqual([[], [], ["all", "all"]]);
    }
  });

  it("denies a user without a level, and one whose every selection is denied, and says why", () => {
    const nobody = reduced(access(["USER", "BOB", "EAST", "ROME"]), rulesOf());
    expect(nobody).toEqual({ denied: true, reasons: ["NO_ACCESS_LEVEL"] });
    const nothing = reduced(access(["USER", "ANN", "NORTH", "ROME"], ["USER", "ANN", "SOUTH", "ROME"]), TUPLES);
    expect(nothing).toEqual({ denied: true, reasons: ["NO_REDUCTION_MATCH:ZONE"] });
  });
});

describe("selections, carried out", () => {
  it("are wiped away afterwards, whatever came of them", () => {
    const ops = countedOps();
    reduced(access(["USER", "ANN", "EAST", "ROME"]), rulesOf(), ops);
    expect(ops.wiped()).toBe(1);
    reduced(undefined, rulesOf(), ops);
    expect(ops.wiped()).toBe(2);
    const failing = { ...ops, test: () => expect.fail("a loop failed") };
    expect(() => reduced(access(["USER", "ANN", "EAST", "ROME"]), rulesOf(), failing)).toThrow("a loop failed");
    expect(ops.wiped()).toBe(3);
  });

  it("grant nothing by a tuple of which nothing is left in one component", () => {
    const model = modelOfCells([
      ...["facts", "more"].map((name) => ({
        name,
        fields: ["ZONE", name],
        rows:
          name === "facts"
            ? [
                ["EAST", 1],
                ["WEST", 2],
              ]
            : [["EAST", 1]],
      })),
      {
        name: "stock",
        fields: ["CITY", "left"],
        rows: [
          ["ROME", 1],
          ["OSLO", 2],
        ],
      },
      {
        name: "towns",
        fields: ["CITY", "land"],
        rows: [
          ["ROME", "I"],
          ["OSLO", "N"],
          ["BERN", "S"],
        ],
      },
    ]);
    const rows = access(["USER", "ANN", "EAST", "ROME"], ["USER", "ANN", "WEST", "OSLO"]);
    const app = prepareApp(model, rows);
    const decision = decide(app, { userid: "ann" }, TUPLES);
    if (decision.denied) return expect(decision).toBe("let in");
    expect(decision.selections).toHaveLength(2);
    // What a propagation would say of the second tuple is put in its place.
    const spoiled = decision.selections.map((selection, i) =>
      i === 0
        ? selection
        : {
            ...selection,
            rows: new Map([
              [2, Uint32Array.of(0)],
              [3, Uint32Array.of(0)],
            ]),
          },
    );
    const outcome = carryOut(app, { ...decision, selections: spoiled }, TUPLES);
    if (outcome.denied) return expect(outcome).toBe("let in");
    expect(outcome.parts.map((part) => part.selection)).toEqual([spoiled[0]]);
    expect([...outcome.kept.rows[0]!]).toEqual([0b01]);
    const none = { ...decision, selections: [spoiled[1]!] };
    expect(carryOut(app, none, TUPLES)).toEqual({ denied: true, reasons: ["EMPTY_RESULT"] });
    const empty = carryOut(app, none, { ...TUPLES, onEmpty: "empty" });
    expect(empty).toMatchObject({ denied: false, parts: [{ selection: spoiled[1] }] });
  });

  it("leave the sets that they start from as they were", () => {
    const forest = prepareApp(MODEL, access(["USER", "ANN", "EAST", "ROME"])).forest("loosen");
    const node = forest.graph.nodes.findIndex((n) => n.name === "ZONE");
    const [values, rows] = [Uint32Array.of(0b10), Uint32Array.of(0b110)];
    const kept = propagate(forest, { values: new Map([[node, values]]), rows: new Map([[0, rows]]) });
    expect([[...values], [...rows]]).toEqual([[0b10], [0b110]]);
    expect(rowsOf(kept)).toEqual([[0b100], "all"]);
    expect(kept.rows[0]).not.toBe(rows);
  });
});

describe("outcomes, united", () => {
  const bits = (...words: readonly number[]) => Uint32Array.of(...words);

  it("have the rows and values of both, all where one has all, and are empty where both are", () => {
    const one: Kept = { rows: [bits(1), undefined, bits(4)], states: [bits(2), undefined], emptied: [0, 1, 3] };
    const other: Kept = { rows: [bits(2), bits(1), undefined], states: [bits(8), bits(1)], emptied: [1, 2, 3] };
    expect(unite(one, other)).toEqual({
      rows: [bits(3), undefined, undefined],
      states: [bits(10), undefined],
      emptied: [1, 3],
    });
    expect(unite(other, one)).toEqual(unite(one, other));
  });

  it("are sets of their own", () => {
    const one: Kept = { rows: [bits(1)], states: [bits(2)], emptied: [] };
    const other: Kept = { rows: [bits(2)], states: [bits(8)], emptied: [] };
    unite(one, other);
    expect([one, other]).toEqual([
      { rows: [bits(1)], states: [bits(2)], emptied: [] },
      { rows: [bits(2)], states: [bits(8)], emptied: [] },
    ]);
  });
});
