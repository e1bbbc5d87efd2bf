import { describe, expect, it } from "vitest";
import { selectionBeyond } from "../../src/reduce/reach.ts";
import { type RowOps, SCRIPT_OPS, scatterKey, testKey } from "../../src/reduce/semijoin.ts";
import { type Bits, bitPositions, noValues, setBit, wordsFor } from "../../src/table/model-bits.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";
import { buildForest, type KeyProfile } from "../../src/table/model-forest.ts";

const bitsOf = (count: number, ...at: readonly number[]): Bits => {
  const out = new Uint32Array(wordsFor(count));
  for (const bit of at) setBit(out, bit);
  return out;
};
/** A state over `size` values that holds these. */
const state = (size: number, ...values: readonly number[]): Bits => {
  const out = noValues(size);
  for (const value of values) setBit(out, value + 1);
  return out;
};
const positions = (bits: Bits) => [...bitPositions(bits)];
const valuesOf = (bits: Bits) => positions(bits).map((at) => at - 1);

describe("TEST in TypeScript", () => {
  const index = Int32Array.from({ length: 70 }, (_, r) => (r % 10 === 9 ? -1 : r % 40));

  it("keeps the rows whose value is in the state, in full words, thin ones and the last", () => {
    const wanted = state(40, 0, 5, 31, 32, 39);
    const all = Array.from(index.keys());
    for (const before of [all, all.filter((r) => r % 3 === 0), all.filter((r) => r >= 64), [63], []]) {
      const rows = bitsOf(70, ...before);
      SCRIPT_OPS.test(index, wanted, rows);
      expect(positions(rows)).toEqual(before.filter((r) => [0, 5, 31, 32, 39].includes(index[r]!)));
    }
  });

  it("takes a full word for itself", () => {
    const rows = bitsOf(70, ...index.keys());
    SCRIPT_OPS.test(index, state(40, 32), rows);
    expect(positions(rows)).toEqual([32]);
  });

  it("has no word to spare, and no run to make up for", () => {
    expect([SCRIPT_OPS.saved(), SCRIPT_OPS.spend(7), SCRIPT_OPS.wipe()]).toEqual([0, undefined, undefined]);
  });
});

describe("SCATTER in TypeScript", () => {
  it("gives the values that the rows have, and NULL where one has none", () => {
    const index = Int32Array.from([3, -1, 40, 3, 31, 0]);
    const values = noValues(41);
    SCRIPT_OPS.scatter(index, bitsOf(6, 0, 2, 3, 4), values);
    expect(valuesOf(values)).toEqual([3, 31, 40]);
    SCRIPT_OPS.scatter(index, bitsOf(6, 1), values);
    expect(valuesOf(values)).toEqual([-1, 3, 31, 40]);
    const many = noValues(100);
    SCRIPT_OPS.scatter(
      Int32Array.from({ length: 100 }, (_, r) => r),
      bitsOf(100, 31, 32, 64, 99),
      many,
    );
    expect(valuesOf(many)).toEqual([31, 32, 64, 99]);
  });
});

describe("a key of a table", () => {
  /** Loops that note how often they run. */
  function counted(): RowOps & { runs: number } {
    const ops = {
      ...SCRIPT_OPS,
      runs: 0,
      test(...args: Parameters<RowOps["test"]>) {
        ops.runs += 1;
        SCRIPT_OPS.test(...args);
      },
    };
    return ops;
  }
  const profile = (present: Bits, hasNull = false): KeyProfile => ({ present, hasNull });
  const every = bitsOf(4, 0, 1, 2, 3);
  // Symbols 0, 1, 2 are the values 40, 5 and 31 of the node.
  const ids = Int32Array.from([40, 5, 31]);
  const symbols = { node: 0, index: Int32Array.from([2, 0, -1, 1]), ids };
  const plain = { node: 0, index: Int32Array.from([31, 40, -1, 5]), ids: undefined };

  it("tests its rows by their values, whatever numbers its symbols have", () => {
    for (const key of [symbols, plain]) {
      const rows = every.slice();
      testKey(SCRIPT_OPS, key, profile(state(41, 40, 5, 31), true), state(41, 31, 5, 7), rows);
      expect(positions(rows)).toEqual([0, 3]);
    }
  });

  it("may have more symbols than there are values, and just as many as fill a word", () => {
    const many = { node: 0, index: Int32Array.from([39]), ids: new Int32Array(40) };
    expect(valuesOf(scatterKey(SCRIPT_OPS, many, profile(state(1)), 1, bitsOf(1, 0)))).toEqual([0]);
    const full = { node: 0, index: Int32Array.from([31, 0]), ids: Int32Array.from({ length: 32 }, (_, s) => 31 - s) };
    const rows = bitsOf(2, 0, 1);
    testKey(SCRIPT_OPS, full, profile(state(32, 0, 31)), state(32, 0), rows);
    expect(positions(rows)).toEqual([0]);
    expect(valuesOf(scatterKey(SCRIPT_OPS, full, profile(state(32)), 32, bitsOf(2, 0)))).toEqual([0]);
  });

  it("is not gone through where no row can fail", () => {
    const run = (wanted: Bits, hasNull: boolean) => {
      const ops = counted();
      testKey(ops, plain, profile(state(41, 40, 5, 31), hasNull), wanted, every.slice());
      return ops.runs;
    };
    expect(run(state(41, 5, 31, 40), false)).toBe(0);
    expect(run(state(41, 5, 31, 40, 7), false)).toBe(0);
    expect(run(state(41, 5, 31, 40), true)).toBe(1);
    expect(run(state(41, 5, 40), false)).toBe(1);
  });

  it("gives the values of its rows, without NULL, and what occurs where all rows are left", () => {
    for (const key of [symbols, plain]) {
      expect(valuesOf(scatterKey(SCRIPT_OPS, key, profile(state(41)), 41, every))).toEqual([5, 31, 40]);
      expect(valuesOf(scatterKey(SCRIPT_OPS, key, profile(state(41)), 41, bitsOf(4, 1, 2)))).toEqual([40]);
      expect(scatterKey(SCRIPT_OPS, key, profile(state(41)), 41, bitsOf(4)).length).toBe(wordsFor(42));
      const known = profile(state(41, 7));
      expect(scatterKey(SCRIPT_OPS, key, known, 41, undefined)).toBe(known.present);
    }
  });
});

describe("a selection beyond an edge", () => {
  const row = (fields: readonly string[]) => [fields.map((_, i) => i)];
  const table = (name: string, ...fields: readonly string[]) => ({ name, fields, rows: row(fields) });
  // chain: a - K1 - b - K2 - c, and `far` apart from it; b has a field of its own.
  const MODEL = modelOfCells([
    table("a", "K1", "pa"),
    table("b", "K1", "K2", "pb"),
    table("c", "K2", "pc"),
    table("far", "pf"),
  ]);
  const forest = buildForest(MODEL, { selectable: ["pa", "pb", "pc", "pf", "K1"] });
  const node = (name: string) => forest.graph.nodes.findIndex((n) => n.name === name);
  const [A, B, C] = [0, 1, 2];
  const beyond = (where: string, at: number, key: string, towards: "table" | "node", of = forest) =>
    selectionBeyond(of, { values: new Map([[node(where), state(1, 0)]]) }, { table: at, node: node(key) }, towards);

  it("is one that can be reached on that side", () => {
    for (const [where, at, key, towards, expected] of [
      ["pc", B, "K2", "node", true],
      ["pc", B, "K2", "table", false],
      ["pa", B, "K2", "table", true],
      ["pa", B, "K2", "node", false],
      ["pb", B, "K2", "table", true],
      ["pb", B, "K2", "node", false],
      ["pb", A, "K1", "node", true],
      ["pb", A, "K1", "table", false],
      ["K1", A, "K1", "node", true],
      ["K1", A, "K1", "table", false],
      ["K1", C, "K2", "node", true],
      ["pf", B, "K1", "node", false],
      ["pf", B, "K1", "table", false],
    ] as const) {
      expect(beyond(where, at, key, towards), `${where} from ${at}-${key} towards the ${towards}`).toBe(expected);
    }
  });

  it("may be one of rows", () => {
    const rows = (selected: number, towards: "table" | "node") =>
      selectionBeyond(
        forest,
        { values: new Map(), rows: new Map([[selected, bitsOf(1, 0)]]) },
        { table: B, node: node("K2") },
        towards,
      );
    expect([rows(A, "table"), rows(B, "table"), rows(C, "table")]).toEqual([true, true, false]);
    expect([rows(A, "node"), rows(B, "node"), rows(C, "node")]).toEqual([false, false, true]);
  });

  it("is not looked for through a table that is loose", () => {
    const loose = buildForest(MODEL, { selectable: ["pa", "pb", "pc", "pf", "K1"], loosened: ["b"] });
    expect(beyond("pc", A, "K1", "node", loose)).toBe(false);
    expect(beyond("pc", A, "K1", "node")).toBe(true);
  });

  it("is found round a circle, which ends", () => {
    const circle = modelOfCells([
      table("a", "K1", "K3", "pa"),
      table("b", "K1", "K2", "pb"),
      table("c", "K2", "K3", "pc"),
    ]);
    const kept = buildForest(circle, { selectable: ["pa", "pb", "pc"], loops: "keep" });
    const at = (name: string) => kept.graph.nodes.findIndex((n) => n.name === name);
    const reach = (where: string, towards: "table" | "node") =>
      selectionBeyond(kept, { values: new Map([[at(where), state(1, 0)]]) }, { table: 0, node: at("K1") }, towards);
    expect([reach("pa", "table"), reach("pa", "node")]).toEqual([true, false]);
    expect([reach("pb", "table"), reach("pb", "node")]).toEqual([true, true]);
    expect([reach("pc", "table"), reach("pc", "node")]).toEqual([true, true]);
    const none = selectionBeyond(kept, { values: new Map() }, { table: 0, node: at("K1") }, "node");
    expect(none).toBe(false);
  });
});
