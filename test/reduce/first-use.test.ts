import { expect, it } from "vitest";
import { FirstUse } from "../../src/reduce/first-use.ts";
import type { Cell } from "../../src/table/dual.ts";
import { encodeSymbols } from "../../src/table/model-cells.ts";
import { type SymbolTable, symbolCell } from "../../src/table/symbols.ts";

type Value = Exclude<Cell, null>;

function valuesOf(t: SymbolTable): Value[] {
  expect(t.starts).toHaveLength(t.count + 1);
  expect(t.bytes).toHaveLength(t.starts[t.count]!);
  return Array.from({ length: t.count }, (_, s) => symbolCell(t, s));
}

/** A table that begins somewhere inside its buffer, as one of a file does. */
function inside(t: SymbolTable): SymbolTable {
  const buffer = new Uint8Array(t.bytes.length + 7).fill(0xee);
  buffer.set(t.bytes, 3);
  return { ...t, bytes: buffer.subarray(3, 3 + t.bytes.length) };
}

const LONG = "ä".repeat(200);

it.each<[string, Value[], Value[]]>([
  ["integers, 5 bytes each", [10, 20, 30, 40], [40, 10, 20]],
  ["doubles, 9 bytes each", [0.5, 1.5, -0, 2.5], [2.5, 0.5, 1.5]],
  ["texts of one length below a word", ["a", "b", "c", "d"], ["d", "a", "b"]],
  ["empty texts besides others", ["", "b", LONG, "dddd"], ["dddd", "", "b"]],
  ["long texts of one length", [`1${LONG}`, `2${LONG}`, `3${LONG}`, `4${LONG}`], [`4${LONG}`, `1${LONG}`, `2${LONG}`]],
  [
    "a mixture",
    [{ number: 1, text: "01" }, { number: 0.5, text: LONG }, "x", 7],
    [7, { number: 1, text: "01" }, { number: 0.5, text: LONG }],
  ],
])("keeps what is used in the order of first use: %s", (_, values, kept) => {
  for (const from of [encodeSymbols(values), inside(encodeSymbols(values))]) {
    const uses = new FirstUse(from);
    const column = Int32Array.of(2, -1, 3, 2, 0, 3);
    expect([...uses.renumber(column, Int32Array.of(1, 2, 4, 5))]).toEqual([-1, 0, 1, 0]);
    // A second column of the same domain goes on where the first one ended.
    const second = Int32Array.of(0, 1, -1, 3);
    expect([...uses.renumber(second, undefined)]).toEqual([1, 2, -1, 0]);
    expect([...second]).toEqual([0, 1, -1, 3]);
    expect([...column]).toEqual([2, -1, 3, 2, 0, 3]);
    expect(valuesOf(uses.symbols())).toEqual(kept);
    expect(valuesOf(uses.numbers())).toEqual([0, 1, 2]);
  }
});

it("makes an empty table of a domain that no kept row uses", () => {
  const uses = new FirstUse(encodeSymbols(["a", "bb"]));
  expect([...uses.renumber(Int32Array.of(-1, 0), Int32Array.of(0))]).toEqual([-1]);
  expect(uses.symbols()).toEqual({ bytes: new Uint8Array(0), starts: Uint32Array.of(0), count: 0 });
});
