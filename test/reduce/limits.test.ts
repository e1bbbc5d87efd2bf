import { describe, expect, it } from "vitest";
import { BaseApp } from "../../src/engine/access-app.ts";
import { MAX_ACCESS_TUPLES, MAX_LINT_COMBINATIONS, MAX_MODEL_ROWS, MAX_SYNTHETIC_KEYS } from "../../src/limits.ts";
import { type AccessTable, loadCell } from "../../src/reduce/access-table.ts";
import { decide, prepareApp } from "../../src/reduce/admit.ts";
import { entitle, prepareAccess } from "../../src/reduce/grants.ts";
import { attributesOf } from "../../src/reduce/identity.ts";
import { lint } from "../../src/reduce/lint.ts";
import { rulesOf } from "../../src/reduce/rules.ts";
import { type RowOps, SCRIPT_OPS } from "../../src/reduce/semijoin.ts";
import { tuplesOf } from "../../src/reduce/tuples.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";
import { buildGraph } from "../../src/table/model-graph.ts";
import { loadModel } from "../../src/table/model-load.ts";
import { failure } from "../helpers/errors.ts";

function accessOf(fields: readonly string[], rows: readonly (readonly (string | number)[])[]): AccessTable {
  const rule = { numbers: true, upperCase: true };
  return { name: "SA", fields, rows: rows.map((row) => row.map((cell) => loadCell(cell, rule))) };
}

describe("limits of a model", () => {
  /** Each pair of tables shares two fields of its own: a synthetic key each. */
  const pairs = (count: number) =>
    modelOfCells(
      Array.from({ length: 2 * count }, (_, i) => {
        const fields = [`A${i >> 1}`, `B${i >> 1}`];
        return { name: `T${i}`, fields, rows: [["x", 1]] };
      }),
    );

  it("takes as many synthetic keys as allowed, and none more", async () => {
    expect(MAX_SYNTHETIC_KEYS).toBe(1024);
    const made = (count: number, most?: number) =>
      buildGraph(pairs(count), [], most).tables.filter((t) => t.table < 0).length;
    expect(made(3, 3)).toBe(3);
    expect(made(4)).toBe(4);
    const error = await failure("LIMIT_EXCEEDED", () => made(4, 3));
    expect(error.message).toContain("more than 3 synthetic keys");
  });

  it("takes as many rows as int32 can number", async () => {
    const table = memoryTable("T", ["A"], [["a", "b", "c"]]);
    expect((await loadModel([{ table }], { maxRows: 3 })).tables[0]!.rows).toBe(3);
    await failure("LIMIT_EXCEEDED", () => loadModel([{ table }], { maxRows: 2 }));
    // Refused by the number that the file states, before anything is allocated.
    await failure("LIMIT_EXCEEDED", () => loadModel([{ table: { ...table, rows: MAX_MODEL_ROWS + 1 } }]));
  });

  it("takes no field twice in a table, and no row of another width", async () => {
    const twice = memoryTable("T", ["A", "B"], [["x"], ["y"]]);
    const table = { ...twice, fields: [twice.fields[0]!, twice.fields[0]!] };
    expect((await loadModel([{ table: twice }])).fields.map((f) => f.name)).toEqual(["A", "B"]);
    await failure("MODEL_SHAPE", () => loadModel([{ table }]));
    await failure("MODEL_SHAPE", () => modelOfCells([{ name: "T", fields: ["A", "A"], rows: [["x", "y"]] }]));
    await failure("MODEL_SHAPE", () => modelOfCells([{ name: "T", fields: ["A", "B"], rows: [["x"]] }]));
  });
});

describe("limits of a user", () => {
  const rules = rulesOf("strict");
  const values = (count: number) =>
    accessOf(
      ["ACCESS", "USERID", "LAND"],
      Array.from({ length: count }, (_, i) => ["USER", "EVA", i]),
    );

  it("has no more exact tuples than can be carried out", async () => {
    const world = prepareAccess([values(4)]);
    const entitlement = entitle(world, attributesOf({ userid: "EVA" }, rules), rules);
    expect(tuplesOf(world, entitlement, 4)).toHaveLength(4);
    await failure("LIMIT_EXCEEDED", () => tuplesOf(world, entitlement, 3));
  });

  it("is refused beyond the limit, not served in part", async () => {
    const model = modelOfCells([{ name: "T", fields: ["LAND"], rows: [[0], [1]] }]);
    const strict = rulesOf("strict", { combine: "tuples", strictExclusion: false });
    const open = (tuples: number) => decide(prepareApp(model, [values(tuples)]), { userid: "EVA" }, strict);
    expect(open(MAX_ACCESS_TUPLES)).toMatchObject({ denied: false });
    await failure("LIMIT_EXCEEDED", () => open(MAX_ACCESS_TUPLES + 1));
  });

  it("has his combinations counted up to a number, and is told of more", () => {
    expect(MAX_LINT_COMBINATIONS).toBe(1_000_000);
    const model = modelOfCells([
      {
        name: "Sales",
        fields: ["LAND", "GOODS"],
        rows: [
          ["PERU", "TIN"],
          ["CHAD", "WOOL"],
        ],
      },
    ]);
    const access = accessOf(
      ["ACCESS", "USERID", "LAND", "GOODS"],
      [
        ["USER", "EVA", "PERU", "TIN"],
        ["USER", "EVA", "CHAD", "WOOL"],
      ],
    );
    const crosses = (maxCombinations?: number) =>
      lint(prepareApp(model, [access]), { rules: rulesOf(), maxCombinations }).filter(
        (f) => f.code === "CROSS_PRODUCT",
      );
    expect(crosses()).toMatchObject([{ severity: "warning", count: 2 }]);
    expect(crosses(2)).toMatchObject([{ severity: "warning", count: 2 }]);
    expect(crosses(1)).toMatchObject([{ severity: "info", count: undefined }]);
  });
});

describe("a reduction that goes wrong", () => {
  const model = modelOfCells([
    { name: "Facts", fields: ["K"], rows: [[1], [2], [3]] },
    {
      name: "Dim",
      fields: ["K", "ZONE"],
      rows: [
        [1, "EAST"],
        [2, "WEST"],
        [3, "EAST"],
      ],
    },
  ]);
  const access = [accessOf(["ACCESS", "USERID", "ZONE"], [["USER", "EVA", "EAST"]])];
  const appWith = (ops: RowOps) => new BaseApp({ name: "a", model, access, version: "v", syntheticKeys: [] }, { ops });
  const eva = { user: { userid: "EVA" }, prove: true };

  it("is handed out only if it is proved", async () => {
    expect((await appWith(SCRIPT_OPS).openAs(eva)).tables.map((t) => t.rows)).toEqual([2, 2]);
    const lax = { ...SCRIPT_OPS, test() {} };
    const greedy: RowOps = { ...SCRIPT_OPS, test: (_, __, rows) => void rows.fill(0, 0, 1) };
    const error = await failure("REDUCE_UNPROVED", () => appWith(lax).openAs(eva));
    expect(error.message).toContain("keeps a row without support");
    expect(error.message).not.toContain("EAST");
    // Nothing left at all is a denial in this mode, so that the checker is not asked; a missing row it must find.
    const missing: RowOps = {
      ...SCRIPT_OPS,
      test(index, state, rows) {
        SCRIPT_OPS.test(index, state, rows);
        rows[0]! &= ~1;
      },
    };
    await failure("REDUCE_UNPROVED", () => appWith(missing).openAs(eva));
    await failure("ACCESS_DENIED", () => appWith(greedy).openAs({ ...eva, mode: "strict" }));
  });
});
