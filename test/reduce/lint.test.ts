import { describe, expect, it } from "vitest";
import type { AccessTable } from "../../src/reduce/access-table.ts";
import { prepareApp } from "../../src/reduce/admit.ts";
import type { LintOptions } from "../../src/reduce/finding.ts";
import { lint } from "../../src/reduce/lint.ts";
import { type Rules, rulesOf } from "../../src/reduce/rules.ts";
import { type CellTable, modelOfCells } from "../../src/table/model-cells.ts";
import { inline } from "../helpers/access.ts";
import { CASES, lands, NO_RELOADER, ROOT, SALES } from "./lint-cases.ts";

const findings = (
  tables: readonly CellTable[],
  access: readonly AccessTable[] | undefined,
  options: Partial<LintOptions> = {},
) => lint(prepareApp(modelOfCells(tables), access), { rules: rulesOf(), ...options });

/** Severity, code, what it is about, and how many, of each finding in the order in which they are given. */
const said = (...[tables, access, options]: Parameters<typeof findings>): string[] =>
  findings(tables, access, options).map(({ severity, code, about, count }) => {
    return `${severity} ${code} ${about}${count === undefined ? "" : ` × ${count}`}`;
  });

describe("lint", () => {
  it.each(CASES)("finds $what", ({ tables, access, expected }) => expect(said(tables, access)).toEqual(expected));

  it("says nothing about an app without section access", () => expect(said([SALES], undefined)).toEqual([]));

  it("finds identities that the directory does not know", () => {
    const access = [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", "USER,BOB,PERU", ROOT)];
    expect(said([lands("PERU")], access, { directory: new Set(["EVA", "ROOT"]) })).toEqual([
      "warning UNKNOWN_IDENTITY USERID=BOB",
    ]);
  });

  it("lets an ADMIN reload who sees everything by one of his rows, where each is for itself", () => {
    const access = [inline("ACCESS,USERID,LAND", "ADMIN,EVA,", "USER,EVA,PERU")];
    const model = [lands("PERU", "CHAD")];
    expect(said(model, access, { rules: rulesOf("qlik-sense", { combine: "tuples" }) })).toEqual([]);
    expect(said(model, access)).toEqual([NO_RELOADER, "warning ADMIN_LIMITED USERID=EVA", "info UNSEEN_ROWS S × 1"]);
  });

  it("never shows a password", () => {
    const access = [inline("ACCESS,USERID,PASSWORD,LAND", "USER,EVA,HUSH,OMAN")];
    expect(JSON.stringify(findings([SALES], access))).not.toContain("HUSH");
  });

  it("says of tables of the app that they are loose, not of those of synthetic keys, whose holders lose rows", () => {
    // Three synthetic keys in a circle; that of F, G and E has most combinations and is loosened.
    const twice = (...fields: readonly string[]) => {
      const rows = fields.length > 2 ? [fields, fields.map((f) => `${f}2`)] : [fields];
      return ["A", "B"].map((n): CellTable => ({ name: `${fields.join("")}${n}`, fields, rows }));
    };
    const knot = [...twice("F", "G", "E"), ...twice("G", "H"), ...twice("H", "F")];
    const unreduced = (names: string) => names.split(",").map((name) => `warning UNREDUCED_TABLE ${name}`);
    const noted = (field: string, ...more: readonly CellTable[]) => {
      const access = [inline(`ACCESS,USERID,${field}`, `USER,EVA,${field}`, ROOT)];
      const tables = [...knot, ...more];
      const { graph, loose } = prepareApp(modelOfCells(tables), access).forest("loosen");
      const made = graph.tables.filter((t, i) => loose[i] && t.table < 0);
      expect(made.map((t) => t.keys.map((k) => graph.nodes[k.node]!.name))).toEqual([["F", "G", "E", "$Syn 1"]]);
      return said(tables, access);
    };
    const one = (name: string, ...fields: readonly string[]): CellTable => ({ name, fields, rows: [fields] });
    expect(noted("F")).toEqual([]);
    expect(noted("E")).toEqual(unreduced("GHA,GHB,HFA,HFB"));
    expect(noted("LAND", one("X", "F", "LAND"))).toEqual([]);
    const all = unreduced("FGEA,FGEB,GHA,GHB,HFA,HFB").sort();
    expect(noted("LAND", one("X", "LAND")).sort()).toEqual(all);
    const loose = { ...one("L", "LAND"), loose: true };
    expect(noted("LAND", loose).sort()).toEqual(["warning LOOSE_TABLE L", ...all]);
  });

  it("says of the first table, too, that it is loose", () => {
    const first = [{ name: "L", fields: ["GOODS"], rows: [["TIN"]], loose: true }, lands("PERU")];
    expect(said(first, [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", ROOT)])).toContain("warning LOOSE_TABLE L");
  });

  it("looks into every column and letter, the first too", () => {
    const omit = [inline("OMIT,ACCESS,USERID,LAND", "SUMM,USER,EVA,PERU", ",ADMIN,ROOT,")];
    expect(said([lands("PERU")], omit)).toEqual(["warning OMIT_UNKNOWN SUMM"]);
    const alike = [inline("ACCESS,USERID,LAND", "USER,EVA,AB", "USER,EVA,C", ROOT)];
    expect(said([lands("\u0410B", "C")], alike)).toEqual(["error VALUE_ALIKE LAND × 1"]);
  });

  it("says in words what it found", () => {
    const messages = CASES.flatMap(({ tables, access }) => findings(tables, access).map((f) => [f.code, f.message]));
    for (const [code, message] of messages) expect(message, code).toMatch(/^\S+ .{20,}/);
    expect(new Map(messages as [string, string][]).get("LOCKED_OUT")).toContain("NO_REDUCTION_MATCH:LAND");
  });

  describe("combinations", () => {
    const pairs = inline("ACCESS,USERID,LAND,GOODS", "USER,EVA,PERU,TIN", "USER,EVA,CHAD,WOOL", `${ROOT},`);
    const crossed = (rules: Partial<Rules>, maxCombinations?: number) =>
      said([SALES], [pairs], { rules: rulesOf("qlik-sense", rules), maxCombinations }).filter((f) =>
        f.includes("CROSS"),
      );

    it("are granted by no row where each row is for itself", () => expect(crossed({ combine: "tuples" })).toEqual([]));

    it("are counted one by one up to a limit, and said to be too many beyond it", () => {
      expect(crossed({}, 2)).toEqual(["warning CROSS_PRODUCT USERID=EVA × 2"]);
      expect(crossed({}, 1)).toEqual(["info CROSS_PRODUCT USERID=EVA"]);
    });

    it("are none of one field, however many rows there are", () => {
      expect(
        said([lands("PERU")], [inline("ACCESS,USERID,LAND", "USER,EVA,PERU", ROOT)], { maxCombinations: 0 }),
      ).toEqual([]);
    });

    it("of a star are all that it stands for", () => {
      const star = inline(
        "ACCESS,USERID,LAND,GOODS",
        "USER,EVA,*,TIN",
        "USER,EVA,CHAD,WOOL",
        "USER,BOB,PERU,TIN",
        "ADMIN,ROOT,NULL,NULL",
      );
      expect(said([SALES], [star])).toEqual(["warning CROSS_PRODUCT USERID=EVA × 1"]);
    });
  });
});
