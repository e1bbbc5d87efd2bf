import { expect, it } from "vitest";
import { prepareApp } from "../../src/reduce/admit.ts";
import { countedOps, evenOut } from "../../src/reduce/even-work.ts";
import { type RowOps, SCRIPT_OPS } from "../../src/reduce/semijoin.ts";
import { allBits, noValues, wordsFor } from "../../src/table/model-bits.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";

// "K" has two domains, so that one of them at least has its symbols numbered anew; "N" is in one table only.
const MODEL = modelOfCells([
  { name: "Facts", fields: ["K", "N"], rows: Array.from({ length: 70 }, (_, i) => [i % 40, i]) },
  { name: "Dim", fields: ["K"], rows: Array.from({ length: 5 }, (_, i) => [39 - i]) },
]);
const FOREST = prepareApp(MODEL, undefined).forest("loosen");
const KEYS = FOREST.graph.tables.flatMap((t) => t.keys.map((key) => ({ ...key, rows: t.rows })));

interface Call {
  readonly what: string;
  readonly index?: Int32Array;
  readonly state?: number;
  readonly rows?: Uint32Array;
}

/** Loops that write down what is asked of them. */
function watched(saved: () => number = () => 0): RowOps & { readonly calls: Call[] } {
  const calls: Call[] = [];
  return {
    ...SCRIPT_OPS,
    calls,
    test: (index, state, rows) => void calls.push({ what: "test", index, state: state.length, rows: rows.slice() }),
    scatter: (index, rows, state) =>
      void calls.push({ what: "scatter", index, state: state.length, rows: rows.slice() }),
    saved,
    spend: (runs) => void calls.push({ what: `spend ${runs}` }),
    wipe: () => void calls.push({ what: "wipe" }),
  };
}

it("goes over every key column once, whole, where nothing was asked", () => {
  const ops = watched();
  evenOut(FOREST, countedOps(ops));
  expect(KEYS.length).toBeGreaterThanOrEqual(2);
  const { nodes } = FOREST.graph;
  const whole = KEYS.flatMap(({ index, ids, node, rows }) => {
    const state = wordsFor((ids === undefined ? nodes[node]!.size : ids.length) + 1);
    return ["scatter", "test"].map((what) => ({ what, index, state, rows: allBits(rows) }));
  });
  expect(ops.calls).toEqual([{ what: "spend 0" }, ...whole, { what: "wipe" }]);
});

it.each(["test", "scatter"] as const)("makes of every column as many rounds as one had, here of %s", (what) => {
  const ops = watched();
  const counted = countedOps(ops);
  const [first] = KEYS;
  for (let n = 0; n < 3; n++) {
    if (what === "test") counted.test(first!.index, noValues(40), allBits(first!.rows));
    else counted.scatter(first!.index, allBits(first!.rows), noValues(40));
  }
  counted.test(KEYS[1]!.index, noValues(40), allBits(KEYS[1]!.rows));
  evenOut(FOREST, counted);
  for (const { index } of KEYS) {
    const of = (kind: string) => ops.calls.filter((c) => c.what === kind && c.index === index).length;
    expect([of("test"), of("scatter")]).toEqual([3, 3]);
    expect([counted.tests.get(index), counted.scatters.get(index)]).toEqual([3, 3]);
  }
});

it("goes through what was passed over since, and not before", () => {
  let saved = 5;
  const ops = watched(() => saved);
  const counted = countedOps(ops);
  saved = 12;
  expect(counted.saved()).toBe(12);
  evenOut(FOREST, counted);
  expect(ops.calls[0]).toEqual({ what: "spend 7" });
  counted.spend(4);
  expect(ops.calls.at(-1)).toEqual({ what: "spend 4" });
});

it("wipes whatever happens", () => {
  const ops = watched();
  const failing = { ...ops, spend: () => expect.fail("no time left") };
  expect(() => evenOut(FOREST, countedOps(failing))).toThrow("no time left");
  expect(ops.calls).toEqual([{ what: "wipe" }]);
});
