import { describe, expect, it } from "vitest";
import { carryOut, decide, prepareApp } from "../../src/reduce/admit.ts";
import { compact } from "../../src/reduce/compact.ts";
import { explainRow } from "../../src/reduce/explain-row.ts";
import { proveReduction } from "../../src/reduce/prove.ts";
import { rulesOf } from "../../src/reduce/rules.ts";
import { verifyReduction } from "../../src/reduce/verify.ts";
import { bitPositions } from "../../src/table/model-bits.ts";
import { type CellTable, modelOfCells } from "../../src/table/model-cells.ts";
import { isSyntheticTable } from "../../src/table/model-graph.ts";

const REGIONS = ["NORTH", "SOUTH", "EAST"];
const PAIRS = REGIONS.flatMap((region) => ["P1", "P2", "P3"].map((product) => [region, product]));
const RULES = rulesOf("qlik-sense");
const USER = { userid: "ANN" };
const ACCESS = [
  { name: "A", fields: ["ACCESS", "USERID", "REGION"], rows: [["USER", "ANN", "NORTH"].map((text) => ({ text }))] },
];

/** Facts and Targets are linked by REGION and PRODUCT, whose own tables meet again in MANAGER: a circle. */
const AROUND: readonly CellTable[] = [
  { name: "Regs", fields: ["REGION", "MANAGER"], rows: REGIONS.map((r, i) => [r, `M${i}`]) },
  { name: "Prods", fields: ["PRODUCT", "MANAGER"], rows: [1, 2, 3].map((n) => [`P${n}`, `M${n - 1}`]) },
];
const PLAIN = modelOfCells([
  { name: "Facts", fields: ["REGION", "PRODUCT", "Amount"], rows: PAIRS.map((pair, n) => [...pair, n]) },
  { name: "Targets", fields: ["REGION", "PRODUCT", "Target"], rows: PAIRS.map((pair, n) => [...pair, n]) },
  ...AROUND,
]);

/** The same with its synthetic key stored, as a file that Qlik wrote has it; combinations in another order than rows. */
function storedModel(key: readonly (number | null)[] = PAIRS.map((_, n) => n)) {
  const made = PAIRS.map((pair, n) => [...pair, n]).reverse();
  const stored = modelOfCells([
    { name: "Facts", fields: ["$Syn 1", "Amount"], rows: key.map((n, r) => [n, r]) },
    { name: "Targets", fields: ["$Syn 1", "Target"], rows: key.map((n, r) => [n, r]) },
    ...AROUND,
    { name: "$Syn 1 Table", fields: ["REGION", "PRODUCT", "$Syn 1"], rows: made },
  ]);
  return { ...stored, tables: stored.tables.map((t) => ({ ...t, synthetic: t.name === "$Syn 1 Table" })) };
}

function reduced(app: ReturnType<typeof prepareApp>) {
  const decision = decide(app, USER, RULES);
  if (decision.denied) throw new Error("denied");
  const outcome = carryOut(app, decision, RULES);
  if (outcome.denied) throw new Error("empty");
  const rows = app.model.tables.map((t, i) => {
    const bits = outcome.kept.rows[i];
    return [t.name, bits === undefined ? [...Array(t.rows).keys()] : [...bitPositions(bits)]] as const;
  });
  return { decision, outcome, rows: Object.fromEntries(rows) };
}

describe("a stored synthetic key", () => {
  it("reduces as one that is made here does: a table of the app is loosened before that of the key", () => {
    const app = prepareApp(storedModel(), ACCESS);
    const forest = app.forest("loosen");
    const loose = forest.graph.tables.filter((_, i) => forest.loose[i]);
    expect(loose.map((t) => [t.name, isSyntheticTable(forest.graph, t)])).toEqual([["Regs", false]]);
    const { Facts, Targets, Regs, Prods } = reduced(app).rows;
    expect({ Facts, Targets, Regs, Prods }).toEqual(reduced(prepareApp(PLAIN, ACCESS)).rows);
    expect(Facts).toEqual([0, 1, 2]);
  });

  it("whose table is loosened all the same takes its lost combinations from the tables that hold it", () => {
    const app = prepareApp(storedModel([0, 1, 5, null]), ACCESS, ["$Syn 1 Table"]);
    const { decision, outcome, rows } = reduced(app);
    expect(rows).toMatchObject({ Facts: [0], Targets: [0], "$Syn 1 Table": [8] });
    const model = compact(app.model, outcome.kept.rows, decision.omitted);
    expect(proveReduction(app, decision, outcome, RULES, model)).toEqual([]);
  });

  it.each(["last", "first"])("is asked about by the checker, also as the %s table of the model", (place) => {
    const { tables, ...rest } = storedModel();
    const ordered = place === "last" ? tables : [tables.at(-1)!, ...tables.slice(0, -1)];
    const app = prepareApp({ ...rest, tables: ordered }, ACCESS, ["$Syn 1 Table"]);
    const { outcome } = reduced(app);
    const region = app.model.fields.findIndex((f) => f.name === "REGION");
    const problems = (name: string, change: (bits: Uint32Array) => Uint32Array | undefined) => {
      const at = ordered.findIndex((t) => t.name === name);
      const rows = outcome.kept.rows.map((bits, t) => (t === at ? change(bits!) : bits));
      return verifyReduction(app.forest("loosen"), new Map([[region, new Set(["NORTH"])]]), rows);
    };
    expect(problems("Facts", (bits) => bits)).toEqual([]);
    expect(problems("Facts", () => undefined)).toEqual(['table "Facts" keeps a row whose combination is gone']);
    expect(problems("$Syn 1 Table", (bits) => bits.map(() => 0))).toContain(
      'table "$Syn 1 Table" lacks a row that has support',
    );
  });

  it("that goes round in a circle of such keys is checked all the same", () => {
    const made = [1, 2, 3].map((n) => {
      const fields = [`$Syn ${n}`, `$Syn ${(n % 3) + 1}`, `F${n}`];
      return { name: `$Syn ${n} Table`, fields, rows: [[0, 0, "x"]] };
    });
    const model = modelOfCells([...made, { name: "T", fields: ["F1", "REGION"], rows: [["x", "NORTH"]] }]);
    const tables = model.tables.map((t) => ({ ...t, synthetic: t.name !== "T" }));
    for (const loops of ["loosen", "keep"] as const) {
      const app = prepareApp({ ...model, tables }, ACCESS);
      const rules = rulesOf("qlik-sense", { loops });
      const decision = decide(app, USER, rules);
      const outcome = decision.denied ? decision : carryOut(app, decision, rules);
      expect(outcome.denied, loops).toBe(false);
      const rows = outcome.denied ? [] : outcome.kept.rows;
      const region = model.fields.findIndex((f) => f.name === "REGION");
      expect(verifyReduction(app.forest(loops), new Map([[region, new Set(["NORTH"])]]), rows)).toEqual([]);
    }
  });

  it.each([0, 1])(
    "explains a row of a holder by the combination that its table, the last or the first, lost",
    (first) => {
      const { tables, ...rest } = storedModel([0, 1, 5, null, 99]);
      const ordered = first === 0 ? tables : [tables.at(-1)!, ...tables.slice(0, -1)];
      const app = prepareApp({ ...rest, tables: ordered }, ACCESS, ["$Syn 1 Table"]);
      const { outcome } = reduced(app);
      const because = (row: number) =>
        explainRow(app, outcome, RULES, first, row).steps.map((s) => [s.table, s.because]);
      expect(because(2)).toEqual([
        ["Facts", "linked"],
        ["$Syn 1 Table", "not selected"],
      ]);
      expect(because(3)).toEqual([["Facts", "null"]]);
      expect(because(4)).toEqual([["Facts", "no partner"]]);
    },
  );
});
