import { describe, expect, it } from "vitest";
import { compact } from "../../src/reduce/compact.ts";
import { tagsOf } from "../../src/reduce/tags.ts";
import { AS_ADMIN_NOTE } from "../../src/table/admin-note.ts";
import type { Cell } from "../../src/table/dual.ts";
import { UNKNOWN_FORMAT } from "../../src/table/field.ts";
import type { Model } from "../../src/table/model.ts";
import { cellsOf, encodeSymbols, modelOfCells } from "../../src/table/model-cells.ts";
import { symbolCell } from "../../src/table/symbols.ts";

const MODEL = modelOfCells([
  {
    name: "facts",
    fields: ["ZONE", "sum"],
    rows: [
      ["EAST", 1],
      ["WEST", 2],
      ["EAST", 3],
      [null, 2],
    ],
  },
  {
    name: "zones",
    fields: ["ZONE", "head"],
    rows: [
      ["WEST", "w"],
      ["EAST", "e"],
    ],
  },
]);
const bits = (...rows: readonly number[]) => Uint32Array.of(rows.reduce((all, r) => all | (1 << r), 0));
const names = ({ fields }: Model) => fields.map((f) => f.name);
const symbolsOf = (model: Model, domain: number) => {
  const table = model.domains[domain]!;
  return Array.from({ length: table.count }, (_, s) => symbolCell(table, s));
};

describe("the model that is left", () => {
  it("has the kept rows, and the symbols of these in the order of their first use", () => {
    const left = compact(MODEL, [bits(1, 2), bits(0)], new Set());
    expect(cellsOf(left, 0)).toEqual([
      ["WEST", 2],
      ["EAST", 3],
    ]);
    expect(cellsOf(left, 1)).toEqual([["WEST", "w"]]);
    expect(left.domains.map((_, d) => symbolsOf(left, d))).toEqual([["WEST", "EAST"], [2, 3], ["WEST"], ["w"]]);
    expect(names(left)).toEqual(["ZONE", "sum", "head"]);
  });

  it("has all rows of a table that nothing was said of, and none of one that is empty", () => {
    const left = compact(MODEL, [undefined, bits()], new Set());
    expect([left.tables[0]!.rows, left.tables[1]!.rows]).toEqual([4, 0]);
    expect(cellsOf(left, 0)).toEqual(cellsOf(MODEL, 0));
    expect(symbolsOf(left, 2)).toEqual([]);
  });

  it("has no comment that names an omitted field, but still says that an administrator read it", () => {
    const said = ["Sum in EUR", "by area", `sums; ${AS_ADMIN_NOTE}`, AS_ADMIN_NOTE];
    const fields = MODEL.fields.map((f, i) => ({ ...f, comment: said[i]! }));
    const tables = MODEL.tables.map((t, i) => ({ ...t, comment: said[i + 2]! }));
    const left = compact({ ...MODEL, fields, tables }, [undefined, undefined], new Set([1]));
    expect(left.fields.map((f) => f.comment)).toEqual(["", AS_ADMIN_NOTE]);
    expect(left.tables.map((t) => t.comment)).toEqual([AS_ADMIN_NOTE, AS_ADMIN_NOTE]);
    const other = compact({ ...MODEL, fields, tables }, [undefined, undefined], new Set([0]));
    expect(other.fields.map((f) => f.comment)).toEqual(["by area", said[2]]);
    const both = compact({ ...MODEL, fields, tables }, [undefined, undefined], new Set([0, 1]));
    expect(both.tables.map((t) => t.comment)).toEqual([AS_ADMIN_NOTE]);
    // A field without a name is in every text.
    const unnamed = fields.map((f, i) => (i === 0 ? { ...f, name: "" } : f));
    const rest = compact({ ...MODEL, fields: unnamed, tables }, [undefined, undefined], new Set([0]));
    expect(rest.fields.map((f) => f.comment)).toEqual(["by area", said[2]]);
  });

  it("has no field that is omitted, and no table that loses all of its own", () => {
    const left = compact(MODEL, [undefined, undefined], new Set([0]));
    expect([names(left), left.tables.map((t) => t.name), left.domains.length]).toEqual([
      ["sum", "head"],
      ["facts", "zones"],
      2,
    ]);
    const none = compact(MODEL, [undefined, undefined], new Set([0, 2]));
    expect([names(none), none.tables.map((t) => t.name)]).toEqual([["sum"], ["facts"]]);
    // A table that never had a field tells of nothing.
    const bare = { ...MODEL.tables[0]!, name: "bare", columns: [] };
    const kept = compact({ ...MODEL, tables: [...MODEL.tables, bare] }, [bits(0), undefined, bits(0, 1)], new Set());
    expect(kept.tables.map((t) => [t.name, t.rows])).toEqual([
      ["facts", 1],
      ["zones", 2],
      ["bare", 2],
    ]);
  });

  it("keeps of tags what the author gave, those of relations only to fields that stay", () => {
    const tags = ["own", "$relates_head", "$relates_ZONE", "$relates_gone", "$text", "$key"];
    const fields = MODEL.fields.map((f) => ({ ...f, tags }));
    const left = compact({ ...MODEL, fields }, [undefined, undefined], new Set([2]));
    expect(left.fields.map((f) => f.tags)).toEqual([
      ["own", "$relates_ZONE", "$text", "$ascii", "$key"],
      ["own", "$relates_ZONE", "$numeric", "$integer"],
    ]);
    const one = compact({ ...MODEL, fields }, [undefined, undefined], new Set([0]));
    expect(one.fields.map((f) => f.tags)).toEqual([
      ["own", "$relates_head", "$numeric", "$integer"],
      ["own", "$relates_head", "$text", "$ascii"],
    ]);
  });

  it("numbers a stored synthetic key anew, so that no gap counts what is hidden", () => {
    const stored = (synthetic: boolean) => {
      const model = modelOfCells([
        {
          name: "$Syn 1 Table",
          fields: ["$Syn 1", "a"],
          rows: [
            [7, "x"],
            [8, "y"],
            [9, "z"],
          ],
        },
        {
          name: "t",
          fields: ["$Syn 1", "b"],
          rows: [
            [9, 1],
            [7, 2],
          ],
        },
      ]);
      const tables = model.tables.map((t, i) => ({ ...t, synthetic: synthetic && i === 0 }));
      const left = compact({ ...model, tables }, [bits(1, 2), undefined], new Set());
      return left.domains.map((_, d) => symbolsOf(left, d));
    };
    expect(stored(true)).toEqual([
      [0, 1],
      ["y", "z"],
      [9, 7],
      [1, 2],
    ]);
    expect(stored(false)).toEqual([
      [8, 9],
      ["y", "z"],
      [9, 7],
      [1, 2],
    ]);
  });
});

describe("the tags of a field", () => {
  const tags = (cells: readonly Exclude<Cell, null>[], type = "UNKNOWN", own: readonly string[] = [], tables = 1) => {
    const field = { name: "F", comment: "", tags: own, numberFormat: { ...UNKNOWN_FORMAT, type } };
    return tagsOf(field, [encodeSymbols(cells)], tables).join(" ");
  };
  const dual = (number: number, text: string) => ({ number, text });

  it("say of its values what they are", () => {
    for (const [cells, expected] of [
      [[], ""],
      [[1, 2], "$numeric $integer"],
      [[1, 2.5], "$numeric"],
      [[1, 3e10], "$numeric $integer"],
      [[dual(1, "one")], "$numeric $integer"],
      [[dual(1.5, "x")], "$numeric"],
      [[dual(3e10, "x")], "$numeric $integer"],
      [["a", "b"], "$text $ascii"],
      [["a", "\u007f"], "$text $ascii"],
      [["a", "\u0080"], "$text"],
      [["ä", "a"], "$text"],
      [[""], "$text $ascii"],
      [["a", 1], ""],
      [["a", dual(1, "x")], ""],
      [[dual(1, "x"), 2.5], "$numeric"],
    ] as const) {
      expect(tags(cells), JSON.stringify(cells)).toBe(expected);
    }
  });

  it("say that numbers are dates or times where their format does", () => {
    expect(tags([1, 2], "DATE")).toBe("$numeric $integer $timestamp $date");
    expect(tags([1.5], "DATE")).toBe("$numeric $timestamp");
    expect(tags([1.5], "TIMESTAMP")).toBe("$numeric $timestamp");
    expect(tags([1], "TIMESTAMP")).toBe("$numeric $integer $timestamp");
    expect(tags([1], "TIME")).toBe("$numeric $integer");
    expect(tags(["a"], "DATE")).toBe("$text $ascii");
    expect(tags([], "DATE")).toBe("");
  });

  it("forget what the file said of values, and keep the rest", () => {
    const all = ["$numeric", "$integer", "$text", "$ascii", "$date", "$timestamp", "$key", "$hidden", "mine"];
    expect(tags([], "UNKNOWN", all)).toBe("$hidden mine");
    expect(tags([1], "UNKNOWN", all, 2)).toBe("$hidden mine $numeric $integer $key");
    expect(tags([1], "UNKNOWN", [], 0)).toBe("$numeric $integer");
  });

  it("go by every symbol table of the field, and no symbol behind its last", () => {
    const field = { name: "F", comment: "", tags: [], numberFormat: UNKNOWN_FORMAT };
    const both = (a: readonly Exclude<Cell, null>[], b: readonly Exclude<Cell, null>[]) =>
      tagsOf(field, [encodeSymbols(a), encodeSymbols(b)], 1).join(" ");
    expect([both([1], [2.5]), both([1], ["a"]), both(["a"], ["ä"]), both([1], [])]).toEqual([
      "$numeric",
      "",
      "$text",
      "$numeric $integer",
    ]);
    const whole = encodeSymbols([1, 2, "ä"]);
    const cut = { ...whole, count: 2 };
    expect(tagsOf(field, [cut], 1).join(" ")).toBe("$numeric $integer");
    const texts = encodeSymbols(["a", "ä"]);
    expect(tagsOf(field, [{ ...texts, count: 1 }], 1).join(" ")).toBe("$text $ascii");
  });
});
