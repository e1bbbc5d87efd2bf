import { describe, expect, it } from "vitest";
import { readCase } from "../../src/reduce/case-format.ts";
import { evaluateCase, runCase } from "../../src/reduce/case-run.ts";
import { withoutData } from "../../src/reduce/no-data.ts";
import { cellsOf, modelOfCells } from "../../src/table/model-cells.ts";

const APP = {
  tables: {
    T: {
      fields: ["R", "V"],
      rows: [
        ["N", 1],
        ["S", { num: 2, text: "02" }],
        ["N", "x"],
      ],
    },
    Gone: { fields: ["Z"], rows: [["z"]] },
  },
  sectionAccess: {
    fields: ["ACCESS", "USERID", "R", "OMIT"],
    rows: [
      ["USER", "EVA", "N", "Z"],
      ["USER", "BOB", "W", null],
      ["ADMIN", "ANN", "*", null],
    ],
  },
};
const ROWS = [
  ["N", 1],
  ["N", "x"],
];
const RIGHT = {
  denied: false,
  omitted: ["z"],
  tables: { T: { fields: ["R", "V"], rowIds: [0, 2], rows: ROWS } },
  symbols: { R: ["N"], V: [1, "x"] },
};

function differences(expected: unknown, parts: Readonly<Record<string, unknown>> = {}): readonly string[] {
  const result = runCase(readCase(JSON.stringify({ ...APP, user: { userid: "eva" }, expect: expected, ...parts })));
  expect(result.ok).toBe(result.differences.length === 0);
  return result.differences;
}

describe("running a case", () => {
  it("finds nothing where all is as expected, or is not expected at all", () => {
    expect(differences(RIGHT)).toEqual([]);
    expect(differences({ denied: false })).toEqual([]);
    expect(differences({ denied: false, tables: { T: {} }, omitted: ["Z"], symbols: RIGHT.symbols })).toEqual([]);
    // A table that lost every field may be listed, as one without fields.
    expect(differences({ ...RIGHT, tables: { ...RIGHT.tables, Gone: { fields: [] } } })).toEqual([]);
  });

  it("tells of everything that is not", () => {
    expect(
      differences({ ...RIGHT, omitted: ["V"], tables: { T: { fields: ["R"], rowIds: [0], rows: [["N", 1]] } } }),
    ).toEqual([
      'omitted: got ["Z"], expected ["V"]',
      'T.fields: got ["R","V"], expected ["R"]',
      "T.rowIds: got [0,2], expected [0]",
      'T.rows: got [["N",1],["N","x"]], expected [["N",1]]',
    ]);
    expect(differences({ denied: false, tables: {} })).toEqual(["table T: not expected"]);
    expect(differences({ denied: false, tables: { T: {}, Gone: {}, U: { fields: ["Z"] } } })).toEqual([
      "table Gone: missing",
      "table U: missing",
    ]);
  });

  it("takes omitted fields in any order and case", () => {
    const both = {
      sectionAccess: {
        fields: ["ACCESS", "USERID", "OMIT"],
        rows: [
          ["USER", "EVA", "Z"],
          ["USER", "EVA", "V"],
        ],
      },
    };
    for (const omitted of [
      ["v", "Z"],
      ["Z", "V"],
    ])
      expect(differences({ denied: false, omitted }, both)).toEqual([]);
    expect(differences({ denied: false, omitted: ["V"] }, both)).toEqual(['omitted: got ["V","Z"], expected ["V"]']);
  });

  it("tells of every symbol that is left over, and of every one that is missing", () => {
    expect(differences({ denied: false, symbols: { R: ["S"], V: [1, "x", 7], Q: ["q"] } })).toEqual([
      'symbols of R: ["N"] must not be there',
      'symbols of R: ["S"] are missing',
      "symbols of V: [7] are missing",
      'symbols of Q: ["q"] are missing',
    ]);
    expect(differences({ denied: false, symbols: { V: [1] } })).toEqual([
      "symbols of R: a field that is not expected",
      'symbols of V: ["x"] must not be there',
    ]);
    // An omitted field may be listed, as one without symbols.
    expect(differences({ ...RIGHT, symbols: { ...RIGHT.symbols, Z: [] } })).toEqual([]);
  });

  it("lets a symbol be given by its number alone, and in full it must be the same in both", () => {
    const open = { sectionAccess: null };
    const dual = (v: unknown) =>
      differences({ denied: false, symbols: { R: ["N", "S"], V: [1, v, "x"], Z: ["z"] } }, open);
    for (const same of [2, { num: 2, text: "02" }]) expect(dual(same)).toEqual([]);
    for (const other of [3, { num: 3, text: "02" }, { num: 2, text: "2" }, "02"]) expect(dual(other)).toHaveLength(2);
    const whole = { num: 1, text: "1" };
    expect(differences({ denied: false, symbols: { ...RIGHT.symbols, V: [whole, "x"] } })).toEqual([]);
    expect(differences({ denied: false, symbols: { ...RIGHT.symbols, V: [{ num: 9, text: "1" }, "x"] } })).toHaveLength(
      2,
    );
  });

  it("tells who gets in, who does not, and why", () => {
    const bob = { user: { userid: "bob" } };
    const nobody = { user: { userid: "mallory" } };
    expect(differences({ denied: true }, bob)).toEqual([]);
    expect(differences({ denied: true, reason: "NO_REDUCTION_MATCH:R" }, bob)).toEqual([]);
    expect(differences({ denied: true, reason: "NO_ACCESS_LEVEL" }, bob)).toEqual([
      "denied for NO_REDUCTION_MATCH:R, expected NO_ACCESS_LEVEL",
    ]);
    expect(differences(RIGHT, nobody)).toEqual(["denied (NO_ACCESS_LEVEL), expected to get in"]);
    expect(differences({ denied: true })).toEqual(["gets in, expected to be denied"]);
    expect(differences({ denied: true, reason: "NO_ACCESS_LEVEL" })).toEqual([
      "gets in, expected to be denied (NO_ACCESS_LEVEL)",
    ]);
  });

  it("is denied where nothing is left", () => {
    const apart = {
      tables: {
        T: {
          fields: ["R", "K"],
          rows: [
            ["N", "a"],
            ["S", "b"],
          ],
        },
        U: { fields: ["K", "Q"], rows: [["b", "Q"]] },
      },
      sectionAccess: { fields: ["ACCESS", "USERID", "R", "Q"], rows: [["USER", "EVA", "N", "Q"]] },
    };
    expect(differences({ denied: true, reason: "EMPTY_RESULT" }, apart)).toEqual([]);
  });
});

describe("a case without data", () => {
  it("asks for no level, and has every table and field and nothing in them", () => {
    const empty = { T: { fields: ["R", "V"], rowIds: [], rows: [] }, Gone: { fields: ["Z"], rows: [] } };
    const nobody = { user: { userid: "mallory" }, noData: true };
    const symbols = { R: [], V: [], Z: [] };
    expect(differences({ denied: false, omitted: [], tables: empty, symbols }, nobody)).toEqual([]);
    expect(differences({ denied: false, tables: {}, symbols: {} }, nobody)).toEqual([]);
    expect(differences({ denied: true }, nobody)).toEqual(["gets in, expected to be denied"]);
    expect(differences({ denied: false, tables: { T: { rowIds: [0] } } }, nobody)).toEqual([
      "T.rowIds: got [], expected [0]",
    ]);
  });

  it("has neither rows nor symbols nor tags", () => {
    const model = modelOfCells([{ name: "T", fields: ["A"], rows: [["x"], [1]] }]);
    const tagged = { ...model, fields: model.fields.map((f) => ({ ...f, tags: ["$text"], comment: "kept" })) };
    const none = withoutData(tagged);
    expect(none.fields).toEqual([{ ...tagged.fields[0]!, tags: [] }]);
    expect(none.domains.map((d) => [d.count, d.bytes.length])).toEqual([[0, 0]]);
    expect(none.tables).toEqual([
      { ...model.tables[0]!, rows: 0, columns: [{ ...model.tables[0]!.columns[0]!, index: new Int32Array(0) }] },
    ]);
    expect(cellsOf(none, 0)).toEqual([]);
  });
});

describe("evaluating a case", () => {
  it("gives the number of every row that is kept, in tables that are reduced and in others", () => {
    const policy = readCase(JSON.stringify({ ...APP, user: { userid: "ann" }, expect: { denied: false } }));
    const outcome = evaluateCase(policy);
    expect(outcome).toMatchObject({ denied: false, omitted: [] });
    expect(!outcome.denied && [...outcome.rowIds]).toEqual([
      ["T", [0, 2]],
      ["Gone", [0]],
    ]);
  });
});
