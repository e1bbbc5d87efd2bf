import { describe, expect, it } from "vitest";
import {
  accessIdentity,
  IDENTITY_FIELDS,
  isIdentityField,
  isSystemField,
  loadCell,
  upper,
} from "../../src/reduce/access-table.ts";
import { decide, prepareApp, type ReducibleApp } from "../../src/reduce/admit.ts";
import { reductionKey } from "../../src/reduce/key.ts";
import { type Rules, rulesOf } from "../../src/reduce/rules.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";

describe("a cell of section access, as it is loaded", () => {
  const INLINE = { numbers: true, upperCase: true };
  const FILE = { numbers: false, upperCase: true };
  const APP = { numbers: false, upperCase: false };

  it("is NULL, the star, or a value", () => {
    for (const rule of [INLINE, FILE, APP]) {
      expect([loadCell(null, rule), loadCell("*", rule), loadCell("", rule)]).toEqual([null, "any", { text: "" }]);
      expect(loadCell(1.5, rule)).toEqual({ text: "1.5", number: 1.5 });
    }
  });

  it("is in upper case but where an app has it already", () => {
    expect(
      [loadCell("aß", INLINE), loadCell("aß", FILE), loadCell("aß", APP)].map((c) => (c as { text: string }).text),
    ).toEqual(["Aß", "Aß", "aß"]);
    const dual = { text: "ab", number: 1 };
    expect([loadCell(dual, FILE), loadCell(dual, APP)]).toEqual([{ text: "AB", number: 1 }, dual]);
  });

  it("is a number inline where it looks like one, and never elsewhere", () => {
    for (const [text, number] of [
      ["1", 1],
      ["-1", -1],
      ["+1", 1],
      ["007", 7],
      ["1.", 1],
      ["1.25", 1.25],
      [".25", 0.25],
      ["1e10", 1e10],
      ["12e3", 12_000],
      ["1E-2", 0.01],
      ["1e+2", 100],
    ] as const) {
      expect(loadCell(text, INLINE), text).toEqual({ text: text.toUpperCase(), number });
      expect(loadCell(text, FILE), text).toEqual({ text: text.toUpperCase() });
    }
    for (const text of ["", ".", "1,5", "1e", "e1", "1 ", " 1", "0x1", "--1", "1.2.3", "1e1.5", "INF", "1a"]) {
      expect(loadCell(text, INLINE), text).toEqual({ text: text.toUpperCase() });
    }
  });

  it("must equal in the app its number, if it has one", () => {
    expect([
      accessIdentity({ text: "01", number: 1 }),
      accessIdentity({ text: "01" }),
      accessIdentity({ text: "", number: 0 }),
    ]).toEqual([1, "01", 0]);
  });
});

describe("upper case", () => {
  it("is one character for one, without a locale", () => {
    expect(upper("aäißﬁŉ𐐨 1")).toBe("AÄIßﬁŉ𐐀 1");
    expect(upper("")).toBe("");
  });
});

describe("the columns that say who a row is for", () => {
  it("link nothing and reduce nothing, nor do level and OMIT", () => {
    for (const name of IDENTITY_FIELDS)
      expect([isIdentityField(name), isSystemField(name)], name).toEqual([true, true]);
    for (const name of ["ACCESS", "OMIT"])
      expect([isIdentityField(name), isSystemField(name)], name).toEqual([false, true]);
    for (const name of ["ZONE", "userid", ""])
      expect([isIdentityField(name), isSystemField(name)], name).toEqual([false, false]);
  });
});

describe("what a reduction depends on", () => {
  const MODEL = modelOfCells([
    {
      name: "t",
      fields: ["ZONE", "KIND", "sum"],
      rows: [
        ["E", "p", 1],
        ["W", "q", 2],
        ["E", "q", 3],
      ],
    },
  ]);
  const app = (...rows: readonly (readonly (string | null)[])[]): ReducibleApp =>
    prepareApp(MODEL, [
      {
        name: "s",
        fields: ["ACCESS", "USERID", "ZONE", "KIND", "OMIT"],
        rows: rows.map((row) => row.map((text) => (text === null ? null : { text }))),
      },
    ]);
  const key = (prepared: ReducibleApp, userid: string, rules: Rules = rulesOf()) => {
    const decision = decide(prepared, { userid }, rules);
    return decision.denied ? decision.reasons.join() : [...reductionKey(decision, rules)].join();
  };

  it("is the same for users who see the same, and for no others", () => {
    const all = app(
      ["USER", "A", "E", "p", null],
      ["USER", "B", "E", "p", null],
      ["USER", "C", "W", "p", null],
      ["USER", "D", "E", "q", null],
      ["USER", "F", "E", "p", "sum"],
      ["USER", "G", "E", "p", "KIND"],
      ["USER", "H", "E", "p", "KIND"],
      ["USER", "H", "E", "p", "sum"],
      ["USER", "I", "E", "p", "sum"],
      ["USER", "I", "E", "p", "KIND"],
      ["ADMIN", "J", null, null, null],
    );
    const keys = [..."ABCDFGHIJ"].map((user) => key(all, user));
    expect(keys[0]).toBe(keys[1]);
    expect(keys[6]).toBe(keys[7]);
    expect(new Set(keys).size).toBe(7);
  });

  it("does not hang on the order of tuples, but on which there are", () => {
    const tuples = rulesOf("qlik-sense", { combine: "tuples" });
    const one = app(["USER", "A", "E", "p", null], ["USER", "A", "W", "q", null], ["USER", "B", "E", "p", null]);
    const turned = app(["USER", "A", "W", "q", null], ["USER", "A", "E", "p", null], ["USER", "B", "W", "q", null]);
    expect(key(one, "A", tuples)).toBe(key(turned, "A", tuples));
    expect(key(one, "B", tuples)).not.toBe(key(turned, "B", tuples));
    expect(key(one, "A", tuples)).not.toBe(key(one, "B", tuples));
    // One may be the beginning of the other.
    const less = app(["USER", "A", "E", null, null], ["USER", "A", "E", "p", null]);
    const more = app(["USER", "A", "E", "p", null], ["USER", "A", "E", null, null]);
    const lax = { ...tuples, strictExclusion: false };
    expect(key(less, "A", lax)).toBe(key(more, "A", lax));
    expect(key(less, "A", lax)).not.toBe(key(less, "A", tuples));
    // Two tuples are not the pool of both.
    expect(key(one, "A", tuples)).not.toBe(key(one, "A"));
  });

  it("is another where circles or empty apps are dealt with in another way", () => {
    const all = app(["USER", "A", "E", "p", null]);
    const keys = [{}, { loops: "keep" }, { onEmpty: "empty" }].map((more) =>
      key(all, "A", rulesOf("qlik-sense", more as Partial<Rules>)),
    );
    expect(new Set(keys).size).toBe(3);
  });
});
