import { describe, expect, it } from "vitest";
import { MAX_SYMBOL_BYTES, MAX_SYMBOLS } from "../../src/limits.ts";
import { type Cell, sameCell } from "../../src/table/dual.ts";
import { interner } from "../../src/table/interner.ts";
import { symbolCell, symbolKind } from "../../src/table/symbols.ts";
import { failure } from "../helpers/errors.ts";

describe("interner", () => {
  it("tells apart what differs in type, text, number or sign of zero", () => {
    const cells: Exclude<Cell, null>[] = [
      ...[0, -0, 1, 1.5, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, Number.NaN, Number.POSITIVE_INFINITY],
      ...["", "0", "1", "01", " 1", "NaN", "-0", "a\0b", "\u{1F600}", "e\u0301", "\u00e9"],
      ...[
        { number: 1, text: "1" },
        { number: 1, text: "01" },
        { number: 1, text: "" },
        { number: 0, text: "x" },
        { number: -0, text: "x" },
        { number: Number.NaN, text: "x" },
        { number: 1.5, text: "1.5" },
      ],
    ];
    const symbols = interner();
    expect(cells.map((cell) => symbols.add(cell))).toEqual(cells.map((_, i) => i));
    expect(cells.map((cell) => symbols.add(cell))).toEqual(cells.map((_, i) => i));
    const table = symbols.table();
    expect(table.count).toBe(cells.length);
    for (const [i, cell] of cells.entries()) expect(sameCell(symbolCell(table, i), cell)).toBe(true);
  });

  it("stores a number as int32 whenever it is one, as Qlik does, and -0 as a double", () => {
    const symbols = interner();
    for (const number of [5, -5, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 0.5, -0]) {
      symbols.add(number);
      symbols.add({ number, text: "t" });
    }
    const table = symbols.table();
    const kinds = Array.from({ length: table.count }, (_, i) => symbolKind(table, i));
    expect(kinds).toEqual([1, 5, 1, 5, 1, 5, 1, 5, 2, 6, 2, 6, 2, 6]);
  });

  // The type byte once went into the buffer that a growing writer had just left behind.
  it("keeps every type byte while its buffer grows, whatever entry the growth falls on", () => {
    for (let shift = 0; shift < 32; shift++) {
      const symbols = interner();
      symbols.add("x".repeat(shift));
      const cells = Array.from({ length: 700 }, (_, i): Exclude<Cell, null> => {
        return [i + 0.5, i, `t${i}`, { number: i, text: `${i}` }][i % 4]!;
      });
      for (const cell of cells) symbols.add(cell);
      const table = symbols.table();
      for (const [i, cell] of cells.entries()) expect(symbolCell(table, i + 1)).toEqual(cell);
    }
  });

  it("leaves no trace of a text that it refused", async () => {
    const symbols = interner();
    symbols.add("before");
    const error = await failure("QVD_VALUE", () => symbols.add("broken \ud800"));
    expect(error.message).not.toContain("broken");
    await failure("QVD_VALUE", () => symbols.add({ number: 1, text: "\udfff" }));
    expect(symbols.add("after")).toBe(1);
    const table = symbols.table();
    expect([0, 1].map((i) => symbolCell(table, i))).toEqual(["before", "after"]);
  });

  it("takes as many symbols and bytes as the limits say, and not one more", async () => {
    const few = interner({ symbols: 2 });
    expect([few.add(1), few.add(2), few.add(1)]).toEqual([0, 1, 0]);
    await failure("LIMIT_EXCEEDED", () => few.add(3));
    const short = interner({ bytes: 12 });
    expect([short.add("abc"), short.add("defgh")]).toEqual([0, 1]);
    await failure("LIMIT_EXCEEDED", () => short.add(""));
    expect(short.table().bytes.byteLength).toBe(12);
  });

  it("has limits that int32 indexes with a bias of -2 and uint32 offsets can hold", () => {
    expect(MAX_SYMBOLS - 1 + 2).toBeLessThanOrEqual(2 ** 31 - 1);
    expect(new Uint32Array([MAX_SYMBOL_BYTES])[0]).toBe(MAX_SYMBOL_BYTES);
  });
});
