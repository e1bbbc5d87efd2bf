import { describe, expect, it } from "vitest";
import { verifyGraph } from "../../src/reduce/verify-graph.ts";
import type { Cell } from "../../src/table/dual.ts";
import type { Model } from "../../src/table/model.ts";
import { encodeSymbols, modelOfCells } from "../../src/table/model-cells.ts";
import { buildForest } from "../../src/table/model-forest.ts";
import { identify } from "../../src/table/model-identity.ts";

/** Two tables that share a key field with these symbols, and one symbol table, as those of a QVF do. */
function shared(symbols: readonly Exclude<Cell, null>[]): Model {
  const rows = symbols.map((cell) => [cell]);
  const model = modelOfCells(
    ["A", "B"].map((name) => ({ name, fields: ["K", name], rows: rows.map((r) => [...r, 1]) })),
  );
  const tables = model.tables.map((t) => {
    const columns = t.columns.map((c) =>
      c.field === 0 ? { ...c, domain: 0, index: Int32Array.from(rows.keys()) } : c,
    );
    return { ...t, columns };
  });
  return { ...model, domains: [encodeSymbols(symbols), ...model.domains.slice(1)], tables };
}

const idsOf = (model: Model, selectable = false) => {
  const { size, ofDomain } = identify(model, 0, selectable);
  const ids = ofDomain.get(0);
  return { size, ids: ids && [...ids] };
};

describe("values of a field of one symbol table", () => {
  it("are its symbols where no two are equal, and need no ids then", () => {
    for (const symbols of [
      ["a", "b"],
      [1, 2, "1"],
      [0.5, 1, Number.NaN],
      [{ number: 1, text: "01" }, 2],
    ])
      expect(idsOf(shared(symbols)), JSON.stringify(symbols)).toEqual({ size: symbols.length, ids: undefined });
  });

  it("are one value where their numbers are equal, whatever their texts, selectable or not", () => {
    const symbols = [2, "2", { number: 2, text: "II" }, 0, -0, { number: 2, text: "two" }];
    const wanted = { size: 3, ids: [0, 1, 0, 2, 2, 0] };
    expect([idsOf(shared(symbols)), idsOf(shared(symbols), true)]).toEqual([wanted, wanted]);
    expect(idsOf(shared([Number.NaN, { number: Number.NaN, text: "?" }, 1]))).toEqual({ size: 2, ids: [0, 0, 1] });
  });

  it("are looked at by the checker too", () => {
    const forest = buildForest(shared([2, { number: 2, text: "II" }]), { selectable: [] });
    expect(verifyGraph(forest)).toEqual([]);
    const ids = new Map([[0, { size: 2, ofDomain: new Map([[0, undefined]]), find: () => -1 }]]);
    const nodes = forest.graph.nodes.map((n) => ({ ...n, size: 2 }));
    const wrong = { ...forest, graph: { ...forest.graph, ids, nodes } };
    expect(verifyGraph(wrong)).toContain('values of "K" are numbered wrongly');
  });
});
