import { describe, expect, it } from "vitest";
import { prepareApp } from "../../src/reduce/admit.ts";
import { accessMatrix } from "../../src/reduce/matrix.ts";
import { rulesOf } from "../../src/reduce/rules.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";
import { inline } from "../helpers/access.ts";

const pairs = (...rows: readonly string[]) => rows.map((row) => row.split(","));
// Two tables with two fields in common: a synthetic key, whose table nobody made.
const MODEL = modelOfCells([
  { name: "Sales", fields: ["LAND", "GOODS"], rows: pairs("PERU,TIN", "CHAD,WOOL", "CHAD,TIN") },
  { name: "Prices", fields: ["LAND", "GOODS", "Price"], rows: pairs("PERU,TIN,1", "CHAD,WOOL,2") },
]);
const MADE = {
  ...MODEL,
  tables: [...MODEL.tables, { ...MODEL.tables[0]!, name: "$Syn 1 Table", synthetic: true }],
};
const ACCESS = [
  inline(
    "ACCESS,USERID,LAND,GOODS,OMIT",
    "USER,EVA,PERU,TIN,PRICE",
    "ADMIN,ROOT,,,",
    "USER,BOB,CHAD,WOOL,",
    "USER,CARL,OMAN,TIN,",
    "USER,DORA,PERU,WOOL,",
    "USER,EMIL,PERU,TIN,price",
    "USER,FRED,PERU,TIN,",
    "NOBODY,GUS,PERU,TIN,",
  ),
];
const denied = { level: undefined, reduction: undefined, rows: [], omitted: [] };

describe("the matrix of an app", () => {
  it("has a line for everybody who is listed, and the same number for the same reduction", () => {
    const line = (identity: string, level: string, reduction: number, rows: number[], omitted: string[] = []) => {
      return { identity, denied: undefined, level, reduction, rows, omitted };
    };
    const matrix = accessMatrix(prepareApp(MADE, ACCESS), rulesOf());
    expect(matrix).toEqual({
      tables: ["Sales", "Prices"],
      rows: [3, 2],
      lines: [
        line("USERID=EVA", "USER", 0, [1, 1], ["Price"]),
        line("USERID=ROOT", "ADMIN", 1, [3, 2]),
        line("USERID=BOB", "USER", 2, [1, 1]),
        { identity: "USERID=CARL", denied: ["NO_REDUCTION_MATCH:LAND"], ...denied },
        { identity: "USERID=DORA", denied: ["EMPTY_RESULT"], ...denied },
        line("USERID=EMIL", "USER", 0, [1, 1], ["Price"]),
        line("USERID=FRED", "USER", 3, [1, 1]),
        { identity: "USERID=GUS", denied: ["NO_ACCESS_LEVEL"], ...denied },
      ],
      distinct: 4,
    });
  });

  it("has no line where there is no section access, and one for everybody where nobody is named", () => {
    expect(accessMatrix(prepareApp(MODEL, undefined), rulesOf())).toEqual({
      tables: ["Sales", "Prices"],
      rows: [3, 2],
      lines: [],
      distinct: 0,
    });
    const open = accessMatrix(prepareApp(MODEL, [inline("ACCESS,LAND", "USER,PERU")]), rulesOf());
    expect(open.lines.map((l) => [l.identity, l.rows])).toEqual([["*", [1, 1]]]);
  });
});
