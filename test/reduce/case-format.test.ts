import { describe, expect, it } from "vitest";
import { isQErr } from "../../src/errors.ts";
import { type PolicyCase, readAccessJson, readCase } from "../../src/reduce/case-format.ts";
import { At, parseAt } from "../../src/reduce/json-at.ts";
import { rulesOf } from "../../src/reduce/rules.ts";

/** Code and message of what `work` throws. */
function told(work: () => unknown): readonly [string, string] | undefined {
  try {
    work();
  } catch (error) {
    if (!isQErr(error)) throw error;
    return [error.code, error.message];
  }
  return undefined;
}

const SMALL = { tables: { T: { fields: ["R"], rows: [] } }, expect: { denied: false } };
const read = (parts: Readonly<Record<string, unknown>>): PolicyCase => readCase(JSON.stringify({ ...SMALL, ...parts }));
const wrong = (parts: Readonly<Record<string, unknown>>) => told(() => read(parts));

describe("a policy case", () => {
  it("is an app, its section access, a user, and what he must see", () => {
    const policy = read({
      name: "whole",
      tables: {
        T: {
          fields: ["R", "V"],
          rows: [
            ["n", 1],
            [null, { num: 2, text: "02" }],
          ],
        },
        U: { fields: [], rows: [], loose: true },
      },
      sectionAccess: { fields: ["access", "R"], rows: [["user", "n"]] },
      user: { userId: "eva" },
      options: { loosened: ["R"] },
      expect: {
        denied: true,
        reason: "NO_ACCESS_LEVEL",
        omitted: ["V"],
        tables: { T: { fields: ["R"], rowIds: [0, 3], rows: [["n"]] }, U: {} },
        symbols: { R: ["n", { num: 1, text: "1" }] },
      },
    });
    expect(policy).toEqual({
      name: "whole",
      tables: [
        {
          name: "T",
          fields: ["R", "V"],
          rows: [
            ["n", 1],
            [null, { number: 2, text: "02" }],
          ],
        },
        { name: "U", fields: [], rows: [], loose: true },
      ],
      access: [{ name: "Section Access", fields: ["ACCESS", "R"], rows: [[{ text: "USER" }, { text: "N" }]] }],
      user: { userid: "eva" },
      rules: rulesOf(),
      loosened: ["R"],
      noData: false,
      expect: {
        denied: true,
        reason: "NO_ACCESS_LEVEL",
        omitted: ["V"],
        tables: new Map([
          ["T", { fields: ["R"], rowIds: [0, 3], rows: [["n"]] }],
          ["U", { fields: undefined, rowIds: undefined, rows: undefined }],
        ]),
        symbols: new Map([["R", ["n", { number: 1, text: "1" }]]]),
      },
    });
  });

  it("needs tables and a verdict, and nothing else", () => {
    expect(read({})).toEqual({
      name: "unnamed",
      tables: [{ name: "T", fields: ["R"], rows: [] }],
      access: undefined,
      user: {},
      rules: rulesOf(),
      loosened: [],
      noData: false,
      expect: { denied: false },
    });
    expect(read({ name: null, sectionAccess: null, user: null, options: null })).toEqual(read({}));
    expect(wrong({ tables: undefined })).toEqual(["ACCESS_CASE", "policy case.tables must be an object"]);
    expect(wrong({ tables: [] })).toEqual(["ACCESS_CASE", "policy case.tables must be an object"]);
    expect(wrong({ expect: {} })).toEqual(["ACCESS_CASE", "policy case.expect.denied must be true or false"]);
  });

  it.each([
    ["userId", "userid"],
    ["EMAIL", "email"],
    ["user.email", "email"],
    ["name", "name"],
    ["user name", "name"],
    ["ntName", "ntname"],
    ["NTSID", "ntsid"],
    ["sid", "ntsid"],
    ["ntDomainSid", "ntdomainsid"],
    ["domain_sid", "ntdomainsid"],
    ["password", "password"],
    ["serial", "serial"],
  ])("takes a user's %s for his %s", (written, part) => {
    expect(read({ user: { [written]: "x" } }).user).toEqual({ [part]: "x" });
    expect(wrong({ user: { [written]: 7 } })).toEqual(["ACCESS_CASE", `policy case.user.${written} must be a text`]);
    expect(read({ user: { [written]: null } }).user).toEqual({});
  });

  it("takes one group or several", () => {
    expect(read({ user: { group: "a" } }).user).toEqual({ groups: ["a"] });
    expect(read({ user: { groups: ["a", "b"] } }).user).toEqual({ groups: ["a", "b"] });
    expect(read({ user: { groups: [] } }).user).toEqual({ groups: [] });
    expect(wrong({ user: { groups: [1] } })).toEqual(["ACCESS_CASE", "policy case.user.groups[0] must be a text"]);
  });

  it.each(["colour", "constructor", "toString", "__proto__"])("knows no attribute %s of a user", (name) => {
    const text = `{"tables": {}, "expect": {"denied": false}, "user": {"${name}": "x"}}`;
    expect(told(() => readCase(text))).toEqual(["ACCESS_CASE", `policy case.user.${name} is no attribute of a user`]);
  });

  it.each([
    ["strict", "strictExclusion", false, "must be true or false"],
    ["strictExclusion", "strictExclusion", false, "must be true or false"],
    ["adminAsUser", "adminAsUser", true, "must be true or false"],
    ["fieldCase", "fieldCase", "strict", "must be one of compat, strict"],
    ["fieldCase", "fieldCase", "compat", "must be one of compat, strict"],
    ["onEmpty", "onEmpty", "empty", "must be one of deny, empty"],
    ["onEmpty", "onEmpty", "deny", "must be one of deny, empty"],
    ["combine", "combine", "tuples", "must be one of pooled, tuples"],
    ["combine", "combine", "pooled", "must be one of pooled, tuples"],
    ["loops", "loops", "keep", "must be one of loosen, keep"],
    ["loops", "loops", "loosen", "must be one of loosen, keep"],
    ["mixedLevel", "mixedLevel", "USER", "must be one of ADMIN, USER"],
    ["mixedLevel", "mixedLevel", "ADMIN", "must be one of ADMIN, USER"],
    ["serial", "serial", "licence", "must be one of sense, licence"],
    ["serial", "serial", "sense", "must be one of sense, licence"],
    ["unknownOmit", "unknownOmit", "deny", "must be one of ignore, deny"],
    ["unknownOmit", "unknownOmit", "ignore", "must be one of ignore, deny"],
  ] as const)("has the option %s, which sets %s to %s", (option, rule, value, else_) => {
    expect(read({ options: { [option]: value } }).rules).toEqual(rulesOf("qlik-sense", { [rule]: value }));
    expect(wrong({ options: { [option]: typeof value === "boolean" ? "x" : "neither" } })).toEqual([
      "ACCESS_CASE",
      `policy case.options.${option} ${else_}`,
    ]);
  });

  it.each(["qlik-sense", "qlikview", "qlikview-server", "strict"] as const)("has the mode %s", (mode) => {
    expect(read({ options: { mode, combine: "tuples" } }).rules).toEqual(rulesOf(mode, { combine: "tuples" }));
  });

  it("has no other options", () => {
    expect(wrong({ options: { stict: true } })).toEqual([
      "ACCESS_CASE",
      "policy case.options.stict is no option of a policy case",
    ]);
  });

  it.each(["noData", "qNoData", "withoutData", "open-without-data"])("is opened without data by %s", (key) => {
    for (const parts of [{ [key]: true }, { user: { [key]: true } }, { options: { [key]: true } }]) {
      expect(read(parts).noData).toBe(true);
      expect(read(parts)).toEqual({ ...read({}), noData: true });
    }
    for (const value of [false, "true", 1, null]) expect(read({ options: { [key]: value } })).toEqual(read({}));
  });
});

describe("section access in JSON", () => {
  const access = (parts: unknown) => readAccessJson(JSON.stringify(parts));

  it("is one table or several, each of which may have its name and say where it was loaded from", () => {
    const rows = [["user", "1e3", "*", null, 7, { num: 2, text: "two" }]];
    const fields = ["access", "n", "Star", "null", "number", "dual"];
    const loaded = (n: unknown) => [
      [{ text: "USER" }, n, "any", null, { text: "7", number: 7 }, { text: "TWO", number: 2 }],
    ];
    const upper = ["ACCESS", "N", "STAR", "NULL", "NUMBER", "DUAL"];
    const asNumber = loaded({ text: "1E3", number: 1000 });
    const asText = loaded({ text: "1E3" });
    expect(access({ fields, rows })).toEqual([{ name: "Section Access", fields: upper, rows: asNumber }]);
    expect(access({ fields, rows, source: "file" })).toEqual([{ name: "Section Access", fields: upper, rows: asText }]);
    expect(
      access({
        source: "resident",
        tables: [
          { fields, rows },
          { name: "Own", source: "inline", fields, rows },
        ],
      }),
    ).toEqual([
      { name: "Section Access 1", fields: upper, rows: asText },
      { name: "Own", fields: upper, rows: asNumber },
    ]);
    expect(access(null)).toBeUndefined();
  });

  it("has each field once, and a cell for each in every row", () => {
    expect(told(() => access({ fields: ["A", "a"], rows: [] }))).toEqual([
      "ACCESS_CASE",
      "section access.fields has a field twice",
    ]);
    expect(told(() => access({ fields: ["A"], rows: [["x"], ["x", "y"]] }))).toEqual([
      "ACCESS_CASE",
      "section access.rows[1] has 2 cells for 1 fields",
    ]);
  });
});

describe("a place in JSON", () => {
  const at = (value: unknown) => new At(value, "it");

  it("is of the kind that was asked for, or the error names it", () => {
    expect([at("x").text(), at(1).number(), at(false).flag(), at(["x"]).texts()]).toEqual(["x", 1, false, ["x"]]);
    expect(told(() => at(1).text())).toEqual(["ACCESS_CASE", "it must be a text"]);
    expect(told(() => at("1").number())).toEqual(["ACCESS_CASE", "it must be a number"]);
    expect(told(() => at(0).flag())).toEqual(["ACCESS_CASE", "it must be true or false"]);
    expect(told(() => at({}).list())).toEqual(["ACCESS_CASE", "it must be a list"]);
    expect(told(() => at(["x", 1]).texts())).toEqual(["ACCESS_CASE", "it[1] must be a text"]);
    for (const value of ["x", null, [], 1]) {
      expect(told(() => at(value).object())).toEqual(["ACCESS_CASE", "it must be an object"]);
      expect(told(() => at(value).get("a"))).toEqual(["ACCESS_CASE", "it must be an object"]);
    }
    expect(told(() => at({ a: 1 }).object().get("a")!.text())).toEqual(["ACCESS_CASE", "it.a must be a text"]);
    expect(
      told(() =>
        at({ a: [[], [true]] })
          .get("a")
          .cells(),
      ),
    ).toEqual(["ACCESS_CASE", "it.a[1][0] must be an object"]);
  });

  it("has own members only", () => {
    expect(at({}).get("toString").value).toBeUndefined();
    expect(at({ a: 0 }).get("a").value).toBe(0);
  });

  it("may be left out, which null does as well", () => {
    expect([undefined, null].map((value) => at(value).optional())).toEqual([undefined, undefined]);
    expect(["", 0, false].map((value) => at(value).optional()?.value)).toEqual(["", 0, false]);
  });

  it("is in a text that is JSON, of no more items than allowed", () => {
    expect(parseAt("[[]]", "it", 2).value).toEqual([[]]);
    expect(told(() => parseAt("[[]]", "it", 1))).toEqual(["ACCESS_CASE", "the it is not JSON"]);
    expect(told(() => parseAt("{", "it"))).toEqual(["ACCESS_CASE", "the it is not JSON"]);
    expect(() => parseAt("{", "it")).toThrow(expect.objectContaining({ cause: expect.any(SyntaxError) }));
  });

  it("is in a text with numbers that a double holds: rounded, they would grant others", () => {
    expect(parseAt("[9007199254740992, 0.1]", "it").value).toEqual([9_007_199_254_740_992, 0.1]);
    for (const number of ["9007199254740993", "1e400"]) {
      expect(told(() => parseAt(`[${number}]`, "it"))).toEqual([
        "ACCESS_CASE",
        "the it has a number that no double holds",
      ]);
      expect(() => parseAt(`[${number}]`, "it")).toThrow(expect.objectContaining({ hint: "write it as a text" }));
    }
  });
});
