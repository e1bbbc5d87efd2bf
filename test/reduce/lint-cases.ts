import type { AccessTable } from "../../src/reduce/access-table.ts";
import type { CellTable } from "../../src/table/model-cells.ts";
import { inline } from "../helpers/access.ts";

/** One column, of these values. */
export const lands = (...values: readonly (string | number)[]): CellTable => ({
  name: "S",
  fields: ["LAND"],
  rows: values.map((v) => [v]),
});
export const SALES: CellTable = {
  name: "Sales",
  fields: ["LAND", "GOODS", "Sum"],
  rows: [
    ["PERU", "TIN", 1],
    ["CHAD", "WOOL", 2],
    [null, "TIN", 3],
  ],
};
const NOTES: CellTable = { name: "Notes", fields: ["Note"], rows: [["n"]] };
const GOODS: CellTable = { name: "Goods", fields: ["GOODS"], rows: [["TIN"]] };
const ROLES = { ...inline("ROLE,LAND", "R,PERU"), name: "R" };
const ADMINS = inline("ACCESS,USERID", "ADMIN,EVA", "ADMIN,ROOT");
const EVA = inline("ACCESS,USERID,LAND", "USER,EVA,PERU");

export const NO_RELOADER = "error NO_RELOADER section access";
export interface LintCase {
  readonly what: string;
  readonly tables: readonly CellTable[];
  readonly access: readonly AccessTable[];
  readonly expected: readonly string[];
}

/** An ADMIN who sees everything, so that what is said is only about others. */
export const ROOT = "ADMIN,ROOT,";

/** What is looked for, an app, its section access, and all that is said about it. */
const WRITTEN: readonly (readonly [string, readonly CellTable[], readonly AccessTable[], ...string[]])[] = [
  ["nothing in a clean app", [lands("PERU")], [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", ROOT)]],
  ["that nobody can reload", [lands("PERU")], [EVA], NO_RELOADER],
  [
    "no reloader in a USER who sees everything",
    [lands("PERU")],
    [inline("ACCESS,USERID", "USER,EVA")],
    NO_RELOADER,
    "warning UNREDUCED_TABLE S",
  ],
  [
    "who is locked out",
    [lands("PERU")],
    [inline("ACCESS,USERID,LAND", "USER,EVA,OMAN", ROOT)],
    "error LOCKED_OUT USERID=EVA",
    "info VALUE_UNMATCHED LAND × 1",
  ],
  [
    "who is locked out by what is left",
    [SALES],
    [inline("ACCESS,USERID,LAND,GOODS", "USER,EVA,PERU,WOOL", `${ROOT},`)],
    "error LOCKED_OUT USERID=EVA",
  ],
  [
    "a star that is narrower than the data",
    [lands("PERU", "CHAD", 3, 4)],
    [inline("ACCESS,USERID,LAND", "USER,EVA,*", "USER,BOB,PERU", ROOT)],
    "warning NARROW_STAR LAND × 3",
  ],
  [
    "no narrow star where all is listed",
    [lands("PERU", "CHAD", 3)],
    [inline("ACCESS,USERID,LAND", "USER,EVA,*", "USER,BOB,PERU", "USER,BOB,CHAD", "USER,BOB,3", ROOT)],
  ],
  [
    "a star in a link",
    [SALES],
    [inline("ACCESS,USERID,ROLE", "USER,EVA,*", "USER,BOB,R"), ROLES],
    "error STAR_IN_LINK ROLE × 1",
    "error LOCKED_OUT USERID=EVA",
    NO_RELOADER,
    "info UNSEEN_ROWS Sales × 2",
  ],
  [
    "nothing in a link without a star",
    [lands("PERU")],
    [inline("ACCESS,USERID,ROLE", "USER,EVA,R"), ROLES],
    NO_RELOADER,
  ],
  [
    "a star for a level",
    [lands("PERU")],
    [inline("ACCESS,USERID,LAND", "*,EVA,PERU", ROOT)],
    "error STAR_IN_ACCESS SA × 1",
  ],
  [
    "levels that are none",
    [lands("PERU")],
    [inline("ACCESS,USERID,LAND", "OWNER,EVA,PERU", "NULL,EVA,PERU", "USER,EVA,PERU", ROOT)],
    "warning INVALID_LEVEL SA × 2",
  ],
  [
    "a field that differs in case, by which nothing is reduced",
    [SALES],
    [inline("ACCESS,USERID,SUM", "USER,EVA,1", ROOT)],
    "error FIELD_CASE SUM",
    "warning UNREDUCED_TABLE Sales",
  ],
  [
    "a column without effect",
    [lands("PERU")],
    [inline("ACCESS,USERID,LAND,REMARK", "USER,EVA,PERU,x", `${ROOT},`)],
    "warning NO_FIELD REMARK",
  ],
  [
    "values that differ in case",
    [lands("Peru", "CHAD")],
    [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", "USER,EVA,CHAD", ROOT)],
    "error VALUE_CASE LAND × 1",
  ],
  [
    "values with a blank too many",
    [lands("PERU ", "CHAD")],
    [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", "USER,EVA,CHAD", ROOT)],
    "error VALUE_ALIKE LAND × 1",
  ],
  [
    "values in another script",
    [lands("\u0420ERU")],
    [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", ROOT)],
    "error VALUE_ALIKE LAND × 1",
    "error LOCKED_OUT USERID=EVA",
  ],
  [
    "values in another Unicode form",
    [lands("CO\u0302TE")],
    [inline("ACCESS,USERID,LAND", "USER,EVA,C\u00d4TE", ROOT)],
    "error VALUE_ALIKE LAND × 1",
    "error LOCKED_OUT USERID=EVA",
  ],
  [
    "values that are not in the data",
    [lands("PERU")],
    [inline("ACCESS,USERID,LAND", "USER,EVA,OMAN", "USER,EVA,PERU", ROOT)],
    "info VALUE_UNMATCHED LAND × 1",
  ],
  [
    "letters whose upper case is longer",
    [lands("STRA\u00dfE")],
    [inline("ACCESS,USERID,LAND", "USER,EVA,STRA\u00dfE", ROOT)],
    "warning UPPER_LENGTH LAND × 1",
  ],
  [
    "a blank that matches",
    [lands("", "PERU")],
    [inline("ACCESS,USERID,LAND", "USER,EVA,", "ADMIN,ROOT,NULL")],
    "warning BLANK_MATCHES LAND × 1",
  ],
  [
    "blank identities",
    [lands("PERU")],
    [inline("ACCESS,USERID,LAND", "USER,,PERU", "USER,NULL,PERU", ROOT)],
    "warning BLANK_IDENTITY SA × 2",
  ],
  [
    "a number that is a text in the data",
    [lands("007", "A")],
    [inline("ACCESS,USERID,LAND", "USER,EVA,007", "USER,EVA,A", ROOT)],
    "error TEXT_NUMBER LAND × 1",
  ],
  [
    "a number that is the same text but for its form",
    [lands("7", "A")],
    [inline("ACCESS,USERID,LAND", "USER,EVA,007", "USER,EVA,A", ROOT)],
    "error TEXT_NUMBER LAND × 1",
  ],
  [
    "no number in a text that is called undefined",
    [lands("undefined", "A")],
    [inline("ACCESS,USERID,LAND", "USER,EVA,B", "USER,EVA,A", ROOT)],
    "info VALUE_UNMATCHED LAND × 1",
  ],
  [
    "combinations that nobody listed",
    [SALES],
    [inline("ACCESS,USERID,LAND,GOODS", "USER,EVA,PERU,TIN", "USER,EVA,CHAD,WOOL", "USER,EVA,CHAD,WOOL", `${ROOT},`)],
    "warning CROSS_PRODUCT USERID=EVA × 2",
  ],
  [
    "no combinations where all are listed",
    [SALES],
    [
      inline(
        "ACCESS,USERID,LAND,GOODS",
        "USER,EVA,PERU,TIN",
        "USER,EVA,PERU,WOOL",
        "USER,EVA,CHAD,TIN",
        "USER,EVA,CHAD,WOOL",
        `${ROOT},`,
      ),
    ],
  ],
  [
    "no combinations with what is no field",
    [SALES],
    [inline("ACCESS,USERID,LAND,SEEN", "USER,EVA,PERU,A", "USER,EVA,CHAD,B", `${ROOT},`)],
    "warning NO_FIELD SEEN",
  ],
  [
    "rows that nobody sees",
    [SALES, { name: "More", fields: ["LAND"], rows: [["PERU"]] }],
    [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", "USER,BOB,PERU")],
    NO_RELOADER,
    "info UNSEEN_ROWS Sales × 2",
  ],
  [
    "rows that nobody sees, where one sees these and another those",
    [SALES],
    [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", "USER,BOB,CHAD")],
    NO_RELOADER,
    "info UNSEEN_ROWS Sales × 1",
  ],
  [
    "no rows where somebody sees all, whoever comes after",
    [SALES],
    [inline("ACCESS,USERID,LAND", ROOT, "USER,EVA,PERU")],
  ],
  [
    "no rows of an empty table",
    [{ ...SALES, rows: [] }],
    [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", ROOT)],
    "error LOCKED_OUT USERID=EVA",
    "info VALUE_UNMATCHED LAND × 1",
  ],
  [
    "tables that no reduction reaches",
    [lands("PERU"), NOTES],
    [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", ROOT)],
    "warning UNREDUCED_TABLE Notes",
  ],
  [
    "tables behind a synthetic key that no reduction reaches",
    [lands("PERU"), { name: "A", fields: ["X", "Y"], rows: [["x", "y"]] }, { name: "B", fields: ["Y", "X"], rows: [] }],
    [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", ROOT)],
    "warning UNREDUCED_TABLE A",
    "warning UNREDUCED_TABLE B",
  ],
  [
    "tables that are loosely coupled",
    [SALES, { ...GOODS, name: "L", loose: true }],
    [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", ROOT)],
    "warning LOOSE_TABLE L",
  ],
  [
    "an OMIT that cuts an association",
    [SALES, GOODS],
    [inline("ACCESS,USERID,LAND,OMIT", "USER,EVA,PERU,GOODS", `${ROOT},`)],
    "error OMIT_KEY GOODS",
  ],
  [
    "an OMIT of what reduces",
    [SALES],
    [inline("ACCESS,USERID,LAND,OMIT", "USER,EVA,PERU,LAND", `${ROOT},`)],
    "info OMIT_REDUCING LAND",
  ],
  [
    "an OMIT of what is not there",
    [SALES],
    [inline("ACCESS,USERID,LAND,OMIT", "USER,EVA,PERU,SUMM", `${ROOT},`)],
    "warning OMIT_UNKNOWN SUMM",
  ],
  [
    "nothing in an OMIT of any other field, in any case",
    [SALES, NOTES],
    [inline("ACCESS,USERID,LAND,OMIT", "USER,EVA,PERU,SUM", "USER,EVA,PERU,", `${ROOT},`)],
    "warning UNREDUCED_TABLE Notes",
  ],
  [
    "an ADMIN who is reduced by another of his rows",
    [lands("PERU", "CHAD")],
    [inline("ACCESS,USERID,LAND", "ADMIN,EVA,", "USER,EVA,PERU", ROOT)],
    "warning ADMIN_LIMITED USERID=EVA",
  ],
  [
    "an ADMIN who is reduced by another of his rows, his own being NULL",
    [lands("PERU", "CHAD")],
    [inline("ACCESS,USERID,LAND", "ADMIN,EVA,NULL", "USER,EVA,PERU", ROOT)],
    "warning ADMIN_LIMITED USERID=EVA",
  ],
  [
    "no ADMIN who is reduced as he was meant to be",
    [lands("PERU", "CHAD")],
    [inline("ACCESS,USERID,LAND", "ADMIN,EVA,PERU", "ADMIN,EVA,*", "USER,BOB,CHAD", ROOT)],
  ],
  [
    "an ADMIN whose blanks are in a table of their own",
    [lands("PERU", "CHAD")],
    [ADMINS, { ...inline("LAND,USERID", ",EVA", "PERU,EVA", ",ROOT"), name: "L" }],
    "warning ADMIN_LIMITED USERID=EVA",
  ],
  [
    "no ADMIN who has no blanks there",
    [lands("PERU", "CHAD")],
    [ADMINS, { ...inline("LAND,USERID", "PERU,EVA", ",ROOT"), name: "L" }],
  ],
  [
    "no ADMIN whose blanks do not make him see everything, nor one whose blanks are another's",
    [SALES],
    [inline("ACCESS,USERID,LAND,GOODS", "ADMIN,EVA,,TIN", "ADMIN,BOB,CHAD,WOOL", "ADMIN,BOB,*,", `${ROOT},`)],
    "warning NARROW_STAR LAND × 1",
    "warning CROSS_PRODUCT USERID=BOB × 1",
  ],
  [
    "no USER with a blank",
    [lands("PERU", "CHAD")],
    [inline("ACCESS,USERID,LAND", "USER,EVA,NULL", "USER,EVA,PERU", ROOT)],
  ],
  [
    "identities that are everybody",
    [lands("PERU")],
    [inline("ACCESS,USERID,GROUP,LAND", "USER,*,*,PERU", "USER,*,G,PERU", "ADMIN,ROOT,*,")],
    NO_RELOADER,
    "warning WILDCARD_IDENTITY SA × 1",
    // He is everybody, too.
    "warning ADMIN_LIMITED USERID=ROOT",
  ],
  [
    "no identity at all",
    [lands("PERU")],
    [inline("ACCESS,LAND", "USER,PERU")],
    NO_RELOADER,
    "warning WILDCARD_IDENTITY section access",
  ],
  [
    "rights in the data",
    [
      lands("PERU"),
      { name: "Rights", fields: ["access", "UserId"], rows: [] },
      { name: "Access", fields: ["ACCESS", "Level"], rows: [] },
      { name: "People", fields: ["NTNAME"], rows: [] },
    ],
    [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", ROOT)],
    "warning ACCESS_IN_APP Rights",
    ...["Rights", "Access", "People"].map((t) => `warning UNREDUCED_TABLE ${t}`),
  ],
];

export const CASES: readonly LintCase[] = WRITTEN.map(([what, tables, access, ...expected]) => {
  return { what, tables, access, expected };
});
