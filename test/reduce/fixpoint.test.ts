import { describe, expect, it } from "vitest";
import { propagate } from "../../src/reduce/propagate.ts";
import type { Kept } from "../../src/reduce/sweep.ts";
import { type Bits, bitPositions, noValues, setBit } from "../../src/table/model-bits.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";
import { buildForest } from "../../src/table/model-forest.ts";
import { symbolCell } from "../../src/table/symbols.ts";

/**
 * a, b and c hang together in a circle; `d` hangs at `a`. Row 1 of `a` has no partner in `b`, row 2 none in `c`, row 3
 * none in `d`.
 */
const MODEL = modelOfCells([
  {
    name: "a",
    fields: ["K1", "K3", "K4", "pa"],
    rows: [
      ["1", "1", "1", "x"],
      ["none", "1", "1", "x"],
      ["1", "none", "1", "x"],
      ["1", "1", "none", "x"],
      ["1", "1", "1", "y"],
    ],
  },
  {
    name: "b",
    fields: ["K1", "K2", "pb"],
    rows: [
      ["1", "1", "p"],
      ["2", "1", "q"],
    ],
  },
  {
    name: "c",
    fields: ["K2", "K3", "pc"],
    rows: [
      ["1", "1", "s"],
      ["2", "1", "t"],
    ],
  },
  {
    name: "d",
    fields: ["K4", "pd"],
    rows: [
      ["1", "g"],
      ["2", "h"],
    ],
  },
]);
const FOREST = buildForest(MODEL, { selectable: ["pa", "pb", "pc", "pd"], loops: "keep" });
const node = (name: string) => FOREST.graph.nodes.findIndex((n) => n.name === name);

/** What a selection of one value of a field with a table of its own leaves. */
function kept(field: string, text: string): Kept {
  const at = node(field);
  const domain = MODEL.tables.flatMap((t) => t.columns).find((c) => c.field === FOREST.graph.nodes[at]!.field)!.domain;
  const symbols = MODEL.domains[domain]!;
  const bits = noValues(FOREST.graph.nodes[at]!.size);
  for (let s = 0; s < symbols.count; s++) if (symbolCell(symbols, s) === text) setBit(bits, s + 1);
  return propagate(FOREST, { values: new Map([[at, bits]]) });
}
const rowsOf = ({ rows }: Kept) => rows.map((bits) => (bits === undefined ? "all" : [...bitPositions(bits)]));
const count = (bits: Bits | undefined) => (bits === undefined ? "all" : bitPositions(bits).length);

describe("associations in a circle that nothing loosens", () => {
  it("ask for a partner only where a selection can be reached", () => {
    // From `a` no selection lies beyond any of its keys: its rows stay without partners.
    expect(rowsOf(kept("pa", "x"))).toEqual([[0, 1, 2, 3], [0], [0], [0]]);
    expect(rowsOf(kept("pa", "y"))).toEqual([[4], [0], [0], [0]]);
    // From `b` it lies beyond every key of `a` but K4, where only `d` is.
    expect(rowsOf(kept("pb", "p"))).toEqual([[0, 3, 4], [0], [0], [0]]);
    expect(rowsOf(kept("pd", "g"))).toEqual([[0, 1, 2, 4], [0], [0], [0]]);
  });

  it("leave nothing where a value has no partner all the way round", () => {
    expect(rowsOf(kept("pb", "q"))).toEqual([[], [1], [], []]);
    expect(rowsOf(kept("pc", "t"))).toEqual([[], [], [1], []]);
    expect(rowsOf(kept("pd", "h"))).toEqual([[], [], [], [1]]);
    expect(kept("pd", "h").emptied).toEqual([]);
  });

  it("leave of a key the values of the tables that a selection is beyond", () => {
    const { states } = kept("pa", "x");
    // `d` has the value 2 and not `none`; it demands nothing, so all that `a` has stays possible.
    expect(count(states[node("K4")])).toBe(2);
    expect(count(states[node("pa")])).toBe(1);
    expect(count(states[node("pb")])).toBe(1);
  });
});
