import { describe, expect, it } from "vitest";
import { type Allowed, carryOut, decide, type Outcome, prepareApp } from "../../src/reduce/admit.ts";
import { explainRow } from "../../src/reduce/explain-row.ts";
import { propagate } from "../../src/reduce/propagate.ts";
import { rulesOf } from "../../src/reduce/rules.ts";
import type { Kept } from "../../src/reduce/sweep.ts";
import { verifyReduction } from "../../src/reduce/verify.ts";
import { bitPositions, noValues, setBit } from "../../src/table/model-bits.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";
import { buildForest, type Forest } from "../../src/table/model-forest.ts";
import { symbolCell } from "../../src/table/symbols.ts";

/** A table of fields of one letter; `-` is NULL. */
const table = (name: string, fields: string, ...rows: readonly string[]) => ({
  name,
  fields: [...fields],
  rows: rows.map((row) => row.split(" ").map((cell) => (cell === "-" ? null : cell))),
});

/** The selection of one value, by field and text. */
function selectionOf(forest: Forest, field: string, text: string) {
  const { graph } = forest;
  const node = graph.nodes.findIndex((n) => n.name === field);
  const bits = noValues(graph.nodes[node]!.size);
  for (const [domain, ids] of graph.ids.get(graph.nodes[node]!.field)!.ofDomain) {
    const symbols = graph.model.domains[domain]!;
    for (let s = 0; s < symbols.count; s++)
      if (symbolCell(symbols, s) === text) setBit(bits, (ids === undefined ? s : ids[s]!) + 1);
  }
  return {
    selection: { values: new Map([[node, bits]]) },
    chosen: new Map([[graph.nodes[node]!.field, new Set([text])]]),
  };
}
const rowsOf = (forest: Forest, { rows }: Kept) =>
  Object.fromEntries(
    rows.map((bits, i) => [forest.graph.tables[i]!.name, bits === undefined ? "all" : [...bitPositions(bits)]]),
  );

/**
 * Three pairs of tables share XY, YW and XW: the circle is one of synthetic tables alone, and that of XY, the longest, is
 * loosened. `a` and `b` share XYZ, so that their synthetic table holds the key of the loose one.
 */
const PAIRS = ["x1 y1", "x1 y2", "x2 y1", "x2 y2", "x3 y3"];
const KNOT = [
  table("a", "XYZP", ...PAIRS.map((pair, i) => `${pair} z p${i}`)),
  table("b", "XYZ", ...PAIRS.map((pair) => `${pair} z`)),
  table("e", "XY", ...PAIRS),
  table("c1", "YW", "y1 w1"),
  table("c2", "YW", "y1 w1"),
  table("d1", "XW", "x1 w1", "x2 w1"),
  table("d2", "XW", "x1 w1"),
];

describe("a synthetic table that is loosely coupled", () => {
  const forest = buildForest(modelOfCells(KNOT), { selectable: ["X", "P"] });
  const { selection, chosen } = selectionOf(forest, "X", "x1");
  const { tables } = forest.graph;
  const kept = propagate(forest, selection);

  it("is one on a circle of synthetic tables, and its key may be held by another", () => {
    const loose = tables.filter((_, i) => forest.loose[i]);
    expect(loose.map(({ name, rows }) => [name, rows])).toEqual([["$Syn 2 Table", 5]]);
    const keyOf = (name: string) =>
      tables.find((t) => t.name === name)!.keys.map((k) => forest.graph.nodes[k.node]!.name);
    expect([keyOf("$Syn 1 Table"), keyOf("a"), keyOf("e")]).toEqual([
      ["Z", "$Syn 1", "$Syn 2"],
      ["P", "$Syn 1"],
      ["$Syn 2"],
    ]);
  });

  it("takes its lost rows from all whose cells they are, through other synthetic tables too", () => {
    expect(rowsOf(forest, kept)).toEqual({
      a: [0],
      b: [0],
      e: [0],
      c1: [0],
      c2: [0],
      d1: [0],
      d2: [0],
      "$Syn 1 Table": [0],
      "$Syn 2 Table": [0],
      "$Syn 3 Table": [0],
      "$Syn 4 Table": [0],
    });
    expect(verifyReduction(forest, chosen, kept.rows)).toEqual([]);
    const numbers = forest.graph.nodes.findIndex(({ name }) => name === "$Syn 2");
    expect([...bitPositions(kept.states[numbers]!)]).toEqual([1]);
  });

  it("takes the combinations that it lost, whatever their numbers", () => {
    const rows = rowsOf(forest, propagate(forest, selectionOf(forest, "X", "x2").selection));
    expect([rows.a, rows.b, rows.e, rows["$Syn 2 Table"]]).toEqual([[2], [2], [2], [2]]);
  });

  it("takes none where nothing is selected that it touches", () => {
    const { selection: other } = selectionOf(forest, "P", "p1");
    const far = rowsOf(forest, propagate(forest, other));
    expect([far.a, far.b, far.e, far.c1, far["$Syn 2 Table"]]).toEqual([[1], [1], [1], "all", [1]]);
  });

  it("is named as the reason why a row is out", () => {
    const text = (cell: string) => ({ text: cell });
    const access = [{ name: "SA", fields: ["ACCESS", "USERID", "X"], rows: [["USER", "EVA", "x1"].map(text)] }];
    const app = prepareApp(modelOfCells(KNOT), access);
    const rules = rulesOf("qlik-sense");
    const outcome = carryOut(app, decide(app, { userid: "eva" }, rules) as Allowed, rules) as Outcome;
    const ways = (row: number) =>
      explainRow(app, outcome, rules, 0, row).steps.map((step) => [step.table, step.field, step.value, step.because]);
    expect(ways(0)).toEqual([]);
    expect(ways(2)).toEqual([
      ["a", "$Syn 1", undefined, "linked"],
      ["$Syn 1 Table", "$Syn 2", undefined, "linked"],
      ["$Syn 2 Table", "X", "x2", "not selected"],
    ]);
    expect(ways(1).at(-1)).toEqual(["$Syn 2 Table", "Y", "y2", "not possible"]);
  });

  it("may leave a component without a row, which counts as emptied", () => {
    const component = forest.components.findIndex(({ order }) =>
      order.some((s) => s.kind === "table" && s.table === 0),
    );
    expect(component).toBeGreaterThanOrEqual(0);
    const both = new Map([...selection.values, ...selectionOf(forest, "P", "p4").selection.values]);
    const left = propagate(forest, { values: both });
    expect([rowsOf(forest, left).a, rowsOf(forest, left).c1, left.emptied]).toEqual([[], [0], [component]]);
    expect(propagate(forest, selection).emptied).toEqual([]);
  });

  it("has the checker say so where a row stays that it should have taken", () => {
    const at = (name: string) => tables.findIndex((t) => t.name === name);
    for (const [name, said] of [
      ["a", 'table "a" keeps a row that shows an excluded value'],
      ["$Syn 1 Table", 'table "$Syn 1 Table" keeps a row whose combination is gone'],
      ["e", 'table "e" keeps a row whose combination is gone'],
    ] as const) {
      const rows = [...kept.rows];
      rows[at(name)] = Uint32Array.of(0b101);
      const problems = verifyReduction(forest, chosen, rows);
      expect(problems).toContain(said);
      expect(problems.every((problem) => problem.startsWith(`table "${name}"`) || name === "$Syn 1 Table")).toBe(true);
    }
  });
});

describe("a table of the app that is loosely coupled", () => {
  const model = modelOfCells([
    table("facts", "KP", "k1 p1", "k2 p2", "- p1"),
    table("dim", "KD", "k1 d1", "k2 d2"),
    table("loose", "KL", "k1 l1", "k2 l2", "k1 l3"),
    table("beyond", "LB", "l1 b1", "l2 b2"),
  ]);
  const forest = buildForest(model, { selectable: ["P", "K"], loosened: ["loose"] });

  it("loses the rows that show a value which is not possible, and carries nothing on", () => {
    const { selection, chosen } = selectionOf(forest, "P", "p1");
    const kept = propagate(forest, selection);
    expect(rowsOf(forest, kept)).toMatchObject({ facts: [0, 2], dim: [0], loose: [0, 2], beyond: "all" });
    expect(verifyReduction(forest, chosen, kept.rows)).toEqual([]);
  });
});
