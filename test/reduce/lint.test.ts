import { describe, expect, it } from "vitest";
import { type AccessTable, loadCell } from "../../src/reduce/access-table.ts";
import { prepareApp } from "../../src/reduce/admit.ts";
import type { FindingCode } from "../../src/reduce/finding.ts";
import { lint } from "../../src/reduce/lint.ts";
import { rulesOf } from "../../src/reduce/rules.ts";
import { type CellTable, modelOfCells } from "../../src/table/model-cells.ts";

function inline(fields: string, ...rows: readonly string[]): AccessTable {
  const rule = { numbers: true, upperCase: true };
  return { name: "SA", fields: fields.split(","), rows: rows.map((r) => r.split(",").map((c) => loadCell(c, rule))) };
}

const SALES: CellTable = {
  name: "Sales",
  fields: ["LAND", "GOODS", "Sum"],
  rows: [
    ["PERU", "TIN", 1],
    ["CHAD", "WOOL", 2],
    [null, "TIN", 3],
  ],
};
const ROOT = "ADMIN,ROOT,,";

function codes(
  tables: readonly CellTable[],
  access: readonly AccessTable[],
  directory?: ReadonlySet<string>,
): Record<string, number | undefined> {
  const found = lint(prepareApp(modelOfCells(tables), access), { rules: rulesOf(), directory });
  return Object.fromEntries(found.map((f) => [`${f.code} ${f.about}`, f.count]));
}

function has(
  code: FindingCode,
  about: string,
  tables: readonly CellTable[],
  access: readonly AccessTable[],
  count?: number,
): void {
  const found = codes(tables, access);
  expect(Object.keys(found)).toContain(`${code} ${about}`);
  if (count !== undefined) expect(found[`${code} ${about}`]).toBe(count);
}

describe("lint", () => {
  it("has nothing to say about a clean app but rows that NULL hides", () => {
    const clean = [inline("ACCESS,USERID,LAND,GOODS", "USER,EVA,PERU,TIN", "USER,BOB,CHAD,WOOL", ROOT)];
    expect(codes([{ ...SALES, rows: SALES.rows.slice(0, 2) }], clean)).toEqual({});
  });

  it("says nothing about an app without section access", () => {
    expect(lint(prepareApp(modelOfCells([SALES]), undefined), { rules: rulesOf() })).toEqual([]);
  });

  const cases: readonly [FindingCode, string, readonly CellTable[], readonly AccessTable[], number?][] = [
    ["NO_RELOADER", "section access", [SALES], [inline("ACCESS,USERID,LAND", "USER,EVA,PERU")]],
    ["LOCKED_OUT", "USERID=EVA", [SALES], [inline("ACCESS,USERID,LAND", "USER,EVA,OMAN")]],
    ["NARROW_STAR", "LAND", [SALES], [inline("ACCESS,USERID,LAND", "USER,EVA,*", "USER,BOB,PERU")], 1],
    [
      "STAR_IN_LINK",
      "ROLE",
      [SALES],
      [inline("ACCESS,USERID,ROLE", "USER,EVA,*"), { ...inline("ROLE,LAND", "R,PERU"), name: "R" }],
      1,
    ],
    ["STAR_IN_ACCESS", "SA", [SALES], [inline("ACCESS,USERID,LAND", "*,EVA,PERU")], 1],
    ["INVALID_LEVEL", "SA", [SALES], [inline("ACCESS,USERID,LAND", "OWNER,EVA,PERU", "USER,EVA,PERU")], 1],
    ["FIELD_CASE", "SUM", [SALES], [inline("ACCESS,USERID,SUM", "USER,EVA,1")]],
    ["NO_FIELD", "REMARK", [SALES], [inline("ACCESS,USERID,LAND,REMARK", "USER,EVA,PERU,x")]],
    [
      "VALUE_CASE",
      "LAND",
      [{ name: "S", fields: ["LAND"], rows: [["Peru"], ["CHAD"]] }],
      [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", "USER,EVA,CHAD")],
      1,
    ],
    [
      "VALUE_ALIKE",
      "LAND",
      [{ name: "S", fields: ["LAND"], rows: [["PERU "], ["CHAD"]] }],
      [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", "USER,EVA,CHAD")],
      1,
    ],
    [
      "VALUE_ALIKE",
      "LAND",
      [{ name: "S", fields: ["LAND"], rows: [["РERU"], ["CHAD"]] }],
      [inline("ACCESS,USERID,LAND", "USER,EVA,PERU")],
      1,
    ],
    ["VALUE_UNMATCHED", "LAND", [SALES], [inline("ACCESS,USERID,LAND", "USER,EVA,OMAN", "USER,EVA,PERU")], 1],
    [
      "UPPER_LENGTH",
      "LAND",
      [{ name: "S", fields: ["LAND"], rows: [["STRAßE"]] }],
      [inline("ACCESS,USERID,LAND", "USER,EVA,STRAßE")],
      1,
    ],
    [
      "BLANK_MATCHES",
      "LAND",
      [{ name: "S", fields: ["LAND"], rows: [[""]] }],
      [inline("ACCESS,USERID,LAND", "USER,EVA,")],
      1,
    ],
    ["BLANK_IDENTITY", "SA", [SALES], [inline("ACCESS,USERID,LAND", "USER,,PERU")], 1],
    [
      "TEXT_NUMBER",
      "LAND",
      [{ name: "S", fields: ["LAND"], rows: [["007"], ["A"]] }],
      [inline("ACCESS,USERID,LAND", "USER,EVA,007")],
      1,
    ],
    [
      "CROSS_PRODUCT",
      "USERID=EVA",
      [SALES],
      [inline("ACCESS,USERID,LAND,GOODS", "USER,EVA,PERU,TIN", "USER,EVA,CHAD,WOOL")],
      2,
    ],
    ["UNSEEN_ROWS", "Sales", [SALES], [inline("ACCESS,USERID,LAND", "USER,EVA,PERU")], 2],
    [
      "UNREDUCED_TABLE",
      "Notes",
      [SALES, { name: "Notes", fields: ["Note"], rows: [["n"]] }],
      [inline("ACCESS,USERID,LAND", "USER,EVA,PERU")],
    ],
    [
      "LOOSE_TABLE",
      "L",
      [SALES, { name: "L", fields: ["GOODS"], rows: [["TIN"]], loose: true }],
      [inline("ACCESS,USERID,LAND", "USER,EVA,PERU")],
    ],
    [
      "OMIT_KEY",
      "GOODS",
      [SALES, { name: "Goods", fields: ["GOODS"], rows: [["TIN"]] }],
      [inline("ACCESS,USERID,LAND,OMIT", "USER,EVA,PERU,GOODS")],
    ],
    ["OMIT_REDUCING", "LAND", [SALES], [inline("ACCESS,USERID,LAND,OMIT", "USER,EVA,PERU,LAND")]],
    ["OMIT_UNKNOWN", "SUMM", [SALES], [inline("ACCESS,USERID,LAND,OMIT", "USER,EVA,PERU,SUMM")]],
    ["ADMIN_LIMITED", "USERID=EVA", [SALES], [inline("ACCESS,USERID,LAND", "ADMIN,EVA,", "USER,EVA,PERU")]],
    ["WILDCARD_IDENTITY", "SA", [SALES], [inline("ACCESS,USERID,LAND", "USER,*,PERU")], 1],
    [
      "ACCESS_IN_APP",
      "Rights",
      [SALES, { name: "Rights", fields: ["ACCESS", "USERID"], rows: [] }],
      [inline("ACCESS,USERID,LAND", "USER,EVA,PERU")],
    ],
  ];
  it.each(cases)("finds %s (%s)", (code, about, tables, access, count) => has(code, about, tables, access, count));

  it("finds identities that the directory does not know", () => {
    const access = [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", "USER,BOB,PERU")];
    expect(Object.keys(codes([SALES], access, new Set(["EVA"])))).toContain("UNKNOWN_IDENTITY USERID=BOB");
    expect(Object.keys(codes([SALES], access, new Set(["EVA"])))).not.toContain("UNKNOWN_IDENTITY USERID=EVA");
  });

  it("never shows a password", () => {
    const access = [inline("ACCESS,USERID,PASSWORD,LAND", "USER,EVA,HUSH,OMAN")];
    expect(JSON.stringify(lint(prepareApp(modelOfCells([SALES]), access), { rules: rulesOf() }))).not.toContain("HUSH");
  });
});
