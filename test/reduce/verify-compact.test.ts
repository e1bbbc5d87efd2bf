import { describe, expect, it } from "vitest";
import { compact } from "../../src/reduce/compact.ts";
import { verifyCompaction } from "../../src/reduce/verify-compact.ts";
import type { Model, ModelColumn, ModelTable } from "../../src/table/model.ts";
import { encodeSymbols, modelOfCells } from "../../src/table/model-cells.ts";

const bits = (...rows: readonly number[]) => Uint32Array.of(rows.reduce((all, r) => all | (1 << r), 0));
const FACTS = modelOfCells([
  {
    name: "$Syn 1 Table",
    fields: ["$Syn 1", "K"],
    rows: [
      [7, "p"],
      [8, "q"],
      [9, "r"],
    ],
  },
  {
    name: "facts",
    fields: ["$Syn 1", "ZONE", "sum"],
    rows: [
      [9, "EAST", 1],
      [7, "WEST", 2],
      [9, "EAST", 3],
      [8, null, 2],
    ],
  },
]);
const MODEL: Model = {
  ...FACTS,
  tables: [
    ...FACTS.tables.map((t, i) => ({ ...t, synthetic: i === 0 })),
    { ...FACTS.tables[1]!, name: "bare", columns: [] },
  ],
};
const ROWS = [bits(1, 2), bits(0, 2, 3), undefined];
const OMITTED = new Set([3]);
const reduced = () => compact(MODEL, ROWS, OMITTED);

const SHAPE = ['table "facts" has another shape'];
const CELL = 'a cell of "facts" is not that of the original, or symbols are out of order';
const UNUSED = "a symbol table holds what no row uses";

/** What is said of a reduced model with something changed. */
const problems = (
  change: (model: Model) => Model,
  rows: readonly (Uint32Array | undefined)[] = ROWS,
  omitted = OMITTED,
) => verifyCompaction(MODEL, rows, omitted, change(reduced()));
const withTable = (at: number, change: (t: ModelTable) => Partial<ModelTable>) => (model: Model) => ({
  ...model,
  tables: model.tables.map((t, i) => (i === at ? { ...t, ...change(t) } : t)),
});
const withColumn = (at: number, column: number, change: (c: ModelColumn) => Partial<ModelColumn>) =>
  withTable(at, (t) => ({ columns: t.columns.map((c, i) => (i === column ? { ...c, ...change(c) } : c)) }));
const withIndex = (at: number, column: number, ...index: readonly number[]) =>
  withColumn(at, column, () => ({ index: Int32Array.from(index) }));

describe("the check of a compaction", () => {
  it("has nothing to say of what was compacted, whatever rows and fields", () => {
    expect(problems((model) => model)).toEqual([]);
    for (const rows of [
      [undefined, undefined, undefined],
      [bits(), bits(), bits()],
      [bits(0), bits(3), bits(1)],
    ]) {
      for (const omitted of [new Set<number>(), new Set([1, 2]), new Set([0, 2, 3])]) {
        expect(verifyCompaction(MODEL, rows, omitted, compact(MODEL, rows, omitted))).toEqual([]);
      }
    }
  });

  it("finds tables that are others, or have another shape", () => {
    const other = ["the reduced app has other tables"];
    expect(problems((model) => ({ ...model, tables: model.tables.slice(0, 2) }))).toEqual(other);
    expect(problems((model) => ({ ...model, tables: [...model.tables, model.tables[2]!] }))).toEqual(other);
    expect(problems(withTable(1, () => ({ name: "Facts" })))).toEqual(expect.arrayContaining(SHAPE));
    expect(problems(withTable(1, (t) => ({ rows: t.rows + 1 })))).toEqual(expect.arrayContaining(SHAPE));
    expect(problems(withTable(1, (t) => ({ columns: t.columns.slice(1) })))).toEqual(expect.arrayContaining(SHAPE));
    const more = withTable(1, (t) => ({ columns: [...t.columns, t.columns[0]!] }));
    expect(problems(more)).toEqual(expect.arrayContaining(SHAPE));
  });

  it("finds a row too many and one too few", () => {
    expect(problems((model) => model, [bits(1, 2), bits(0, 2), undefined])).toEqual(expect.arrayContaining(SHAPE));
    expect(problems((model) => model, [bits(1, 2), bits(0, 1, 2, 3), undefined])).toEqual(
      expect.arrayContaining(SHAPE),
    );
    // As many rows, and others: rows 0, 1 and 3 instead of 0, 2 and 3.
    expect(problems((model) => model, [bits(1, 2), bits(0, 1, 3), undefined])).toEqual(expect.arrayContaining([CELL]));
  });

  it("finds a cell that is another one, in its bytes or in being NULL", () => {
    const { tables, domains } = reduced();
    const zone = tables[1]!.columns[1]!;
    expect([...zone.index]).toEqual([0, 0, -1]);
    expect(problems(withIndex(1, 1, 0, 0, 0))).toEqual([CELL]);
    expect(problems(withIndex(1, 1, 0, -1, -1))).toEqual([CELL]);
    expect(problems(withIndex(1, 1, -1, -1, -1))).toEqual([CELL, UNUSED]);
    const replaced = (text: string) => (model: Model) => ({
      ...model,
      domains: domains.map((d, i) => (i === zone.domain ? encodeSymbols([text]) : d)),
    });
    expect(problems(replaced("EAST"))).toEqual([]);
    for (const text of ["WEST", "EASTX", "EAS", ""]) expect(problems(replaced(text)), text).toEqual([CELL]);
  });

  it("finds symbols that no row uses, and some that are not in the order of their first use", () => {
    const { tables, domains } = reduced();
    const zone = tables[1]!.columns[1]!.domain;
    const more = encodeSymbols(["EAST", "WEST"]);
    const unused = (d: typeof more) => (model: Model) => ({
      ...model,
      domains: domains.map((x, i) => (i === zone ? d : x)),
    });
    expect(problems(unused(more))).toEqual([UNUSED]);
    // Bytes behind the last symbol are as telling.
    expect(problems(unused({ ...more, count: 1, starts: more.starts.slice(0, 2) }))).toEqual([UNUSED]);
    const { bytes } = encodeSymbols(["EAST"]);
    const smuggled = { count: 1, bytes: Uint8Array.from([...bytes, 87]), starts: Uint32Array.of(0, bytes.length + 1) };
    expect(problems(unused(smuggled)), "nor behind the end of a text").toEqual([CELL]);
    const turned = (model: Model) => {
      const made = unused(encodeSymbols(["x", "EAST"]))(model);
      return withIndex(1, 1, 1, 1, -1)(made);
    };
    expect(problems(turned)).toEqual([CELL, UNUSED]);
  });

  it("holds new numbers of a stored synthetic key to one old number each", () => {
    const key = reduced().tables[0]!.columns[0]!;
    expect([...key.index]).toEqual([0, 1]);
    const said = 'a cell of "$Syn 1 Table" is not that of the original, or symbols are out of order';
    expect(problems(withIndex(0, 0, 0, 0))).toEqual([said, UNUSED]);
    expect(problems(withIndex(0, 0, 1, 0))).toEqual([said, UNUSED]);
    // The other column of that table is held to its bytes.
    const { tables, domains } = reduced();
    const k = tables[0]!.columns[1]!.domain;
    const other = encodeSymbols(["q", "x"]);
    expect(problems((model) => ({ ...model, domains: domains.map((d, i) => (i === k ? other : d)) }))).toEqual([said]);
    // NULL stays NULL.
    const index = Int32Array.from([0, -1, 2]);
    const nulls = withColumn(0, 0, () => ({ index }))(MODEL);
    const left = compact(nulls, ROWS, OMITTED);
    expect(verifyCompaction(nulls, ROWS, OMITTED, left)).toEqual([]);
    expect(verifyCompaction(nulls, ROWS, OMITTED, withIndex(0, 0, 0, 1)(left))).toContain(said);
    // Elsewhere a number is a value as any other.
    const plain = { ...MODEL, tables: MODEL.tables.map((t) => ({ ...t, synthetic: false })) };
    expect(verifyCompaction(plain, ROWS, OMITTED, compact(plain, ROWS, OMITTED))).toEqual([]);
    expect(verifyCompaction(plain, ROWS, OMITTED, reduced())).not.toEqual([]);
  });

  it("finds another field's name, and that of an omitted one", () => {
    const renamed = (from: string, to: string) => (model: Model) => ({
      ...model,
      fields: model.fields.map((f) => (f.name === from ? { ...f, name: to } : f)),
    });
    expect(problems(renamed("ZONE", "Zone"))).toEqual(['table "facts" has other fields']);
    expect(problems(renamed("ZONE", "sum"))).toEqual([
      'table "facts" has other fields',
      "an omitted field is still named",
    ]);
    const tagged = (tag: string) => (model: Model) => ({
      ...model,
      fields: model.fields.map((f) => ({ ...f, tags: [tag] })),
    });
    expect(problems(tagged("$relates_sum"))).toEqual(["an omitted field is still named"]);
    expect(problems(tagged("$relates_ZONE"))).toEqual([]);
    const commented = (comment: string) => (model: Model) => ({
      ...model,
      tables: model.tables.map((t) => ({ ...t, comment })),
    });
    expect(problems(commented("the Sum of all"))).toEqual(["an omitted field is still named"]);
    expect(problems(commented("by ZONE"))).toEqual([]);
    const unnamed = renamed("sum", "")(MODEL);
    expect(verifyCompaction(unnamed, ROWS, OMITTED, compact(unnamed, ROWS, OMITTED))).toEqual([]);
  });
});
