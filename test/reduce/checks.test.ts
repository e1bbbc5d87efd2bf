import { describe, expect, it } from "vitest";
import { type AccessCell, type AccessTable, IDENTITY_FIELDS } from "../../src/reduce/access-table.ts";
import { entitle, isUsed, listedIn, prepareAccess, valuesOf } from "../../src/reduce/grants.ts";
import { attributesOf, isFor, type User } from "../../src/reduce/identity.ts";
import { MODES, type Rules, rulesOf } from "../../src/reduce/rules.ts";
import { tuplesOf } from "../../src/reduce/tuples.ts";
import { bitPositions } from "../../src/table/model-bits.ts";

const cell = (text: string | null): AccessCell => (text === null ? null : text === "*" ? "any" : { text });
const table = (
  name: string,
  fields: readonly string[],
  ...rows: readonly (readonly (string | null)[])[]
): AccessTable => ({
  name,
  fields,
  rows: rows.map((row) => row.map(cell)),
});
const SENSE = rulesOf("qlik-sense");
const entitled = (tables: readonly AccessTable[], user: User, rules: Rules = SENSE) =>
  entitle(prepareAccess(tables), attributesOf(user, rules), rules);
const rowsOf = (tables: readonly AccessTable[], user: User) =>
  entitled(tables, user).rows.map((rows) => [...bitPositions(rows)]);

describe("the rules of a mode", () => {
  it("are these", () => {
    const sense = {
      strictExclusion: true,
      adminAsUser: false,
      mixedLevel: "ADMIN",
      fieldCase: "compat",
      combine: "pooled",
      loops: "loosen",
      onEmpty: "deny",
      unknownOmit: "ignore",
      serial: "sense",
    };
    expect(rulesOf()).toEqual(sense);
    expect(MODES.map((mode) => rulesOf(mode))).toEqual([
      sense,
      { ...sense, strictExclusion: false, serial: "licence" },
      { ...sense, adminAsUser: true, serial: "licence" },
      { ...sense, mixedLevel: "USER", fieldCase: "strict", loops: "keep", unknownOmit: "deny" },
    ]);
    expect(rulesOf("strict", { loops: "loosen" }).loops).toBe("loosen");
  });
});

describe("who a row is for", () => {
  const all: User = {
    userid: "d\\ann",
    email: "ann@x",
    name: "Ann",
    groups: ["g1", "", "g2"],
    ntname: "d\\ann-nt",
    ntsid: "s-1",
    ntdomainsid: "s-2",
    password: "pw",
    serial: "123",
  };

  it("is told by attributes in upper case; those that are missing or blank are nobody's", () => {
    expect(attributesOf(all, SENSE)).toEqual({
      USERID: ["D\\ANN"],
      "USER.EMAIL": ["ANN@X"],
      "USER.NAME": ["ANN"],
      GROUP: ["G1", "G2"],
      NTNAME: ["D\\ANN-NT", "G1", "G2"],
      NTSID: ["S-1"],
      NTDOMAINSID: ["S-2"],
      PASSWORD: ["PW"],
      SERIAL: ["QLIKSENSE"],
    });
    expect(attributesOf(all, rulesOf("qlikview")).SERIAL).toEqual(["123"]);
    const nobody = attributesOf({ userid: "" }, rulesOf("qlikview"));
    for (const field of IDENTITY_FIELDS) expect(nobody[field]).toEqual([]);
  });

  it("is nobody's who has a long s where another has an S", () => {
    const ids = ["\u017fam", "sa\u017f\u017f", "S\u0131r"].map((userid) => attributesOf({ userid }, SENSE).USERID);
    expect(ids).toEqual([["\u017fAM"], ["SA\u017f\u017f"], ["SIR"]]);
  });

  it("is everybody for the star, nobody for blank and NULL, else whoever is named whole", () => {
    const attributes = attributesOf(all, SENSE);
    const nobody = attributesOf({}, SENSE);
    expect([isFor("any", "USERID", attributes), isFor("any", "USERID", nobody)]).toEqual([true, true]);
    expect([isFor(null, "USERID", attributes), isFor({ text: "" }, "USERID", attributes)]).toEqual([false, false]);
    // A blank cell is nobody's even if an attribute were blank.
    expect(isFor({ text: "" }, "USERID", { ...attributes, USERID: [""] })).toBe(false);
    expect(isFor({ text: "D\\ANN" }, "USERID", attributes)).toBe(true);
    for (const other of ["D\\AN", "D\\ANNA", "ANN", "G1"])
      expect(isFor({ text: other }, "USERID", attributes)).toBe(false);
    expect(isFor({ text: "G2" }, "GROUP", attributes)).toBe(true);
  });
});

describe("what a user is granted", () => {
  const access = table(
    "access",
    ["ACCESS", "USERID", "GROUP", "ZONE", "OMIT"],
    ["USER", "ANN", "*", "WEST", "PHONE"],
    ["USER", "ANN", "G1", "EAST", ""],
    ["ADMIN", "BOB", "*", "*", null],
    ["USER", "*", "G2", null, "SALARY"],
    ["", "EVE", "*", "NORTH", ""],
    ["*", "STAR", "*", "SOUTH", ""],
    ["user", "LOW", "*", "SOUTH", ""],
  );

  it("are the rows of which every identity cell is for him", () => {
    expect(rowsOf([access], { userid: "ann" })).toEqual([[0]]);
    expect(rowsOf([access], { userid: "ann", groups: ["g1"] })).toEqual([[0, 1]]);
    expect(rowsOf([access], { userid: "ann", groups: ["g1", "g2"] })).toEqual([[0, 1, 3]]);
    expect(rowsOf([access], { userid: "bob" })).toEqual([[2]]);
    expect(rowsOf([access], { userid: "zoe" })).toEqual([[]]);
    expect(rowsOf([access], {})).toEqual([[]]);
    const one = entitled([access], { userid: "ann" });
    expect([isUsed(one, 0, 0), isUsed(one, 0, 1)]).toEqual([true, false]);
  });

  it("are all rows of a table that asks for nobody", () => {
    expect(rowsOf([table("t", ["ACCESS", "ZONE"], ["USER", "A"], ["USER", "B"])], {})).toEqual([[0, 1]]);
  });

  it("are the rows of other tables that link with his", () => {
    const users = table(
      "users",
      ["ACCESS", "USERID", "TEAM"],
      ["USER", "ANN", "T1"],
      ["USER", "BOB", "T2"],
      ["USER", "STAR", "*"],
    );
    const teams = table("teams", ["TEAM", "ZONE"], ["T1", "WEST"], ["T2", "EAST"], [null, "NULLS"], ["*", "STARS"]);
    expect(rowsOf([users, teams], { userid: "ann" })).toEqual([[0], [0]]);
    // Neither the star nor NULL links.
    expect(rowsOf([users, teams], { userid: "star" })).toEqual([[2], []]);
  });

  it("are linked by each field that two tables have, and by number where there is one", () => {
    const users = table("users", ["ACCESS", "USERID", "TEAM"], ["USER", "ANN", "T1"], ["USER", "BOB", "T2"]);
    const teams = table("teams", ["TEAM", "REGION"], ["T2", "R2"], ["T1", "R1"]);
    const zones = table("zones", ["REGION", "ZONE"], ["R1", "WEST"], ["R2", "EAST"]);
    expect(rowsOf([users, teams, zones], { userid: "ann" })).toEqual([[0], [1], [0]]);
    expect(rowsOf([users, teams, zones], { userid: "bob" })).toEqual([[1], [0], [1]]);
    const one = (text: string) => ({ number: 1, text });
    const [ann, bob] = [{ text: "ANN" }, { text: "BOB" }];
    const numbered = (name: string, fields: readonly string[], ...rows: readonly (readonly AccessCell[])[]) => ({
      name,
      fields,
      rows,
    });
    const asked = numbered(
      "users",
      ["ACCESS", "USERID", "TEAM"],
      [cell("USER"), ann, one("1")],
      [cell("USER"), bob, cell("1")],
    );
    const linked = numbered(
      "teams",
      ["TEAM", "ZONE"],
      [one("1.0"), cell("W")],
      [cell("1"), cell("E")],
      [{ number: 2, text: "2" }, cell("N")],
    );
    expect(rowsOf([asked, linked], { userid: "ann" })).toEqual([[0], [0]]);
    expect(rowsOf([asked, linked], { userid: "bob" })).toEqual([[1], [1]]);
  });

  it("is a level, or nothing", () => {
    const level = (userid: string, rules?: Rules) => entitled([access], { userid }, rules).level;
    expect(["ann", "bob", "eve", "star", "low", "zoe"].map((u) => level(u))).toEqual([
      "USER",
      "ADMIN",
      undefined,
      "USER",
      undefined,
      undefined,
    ]);
    const both = table("a", ["ACCESS", "USERID"], ["USER", "ANN"], ["ADMIN", "ANN"]);
    const mixed = (rules: Rules) => entitled([both], { userid: "ann" }, rules).level;
    expect([mixed(SENSE), mixed(rulesOf("strict")), mixed(rulesOf("qlikview-server"))]).toEqual([
      "ADMIN",
      "USER",
      "USER",
    ]);
    expect(entitled([table("a", ["ACCESS", "USERID"], [null, "ANN"])], { userid: "ann" }).level).toBeUndefined();
    expect(level("bob", rulesOf("strict"))).toBe("ADMIN");
    expect(level("bob", rulesOf("qlikview-server"))).toBe("USER");
    // Levels stand in the column of that name only.
    expect(entitled([table("a", ["USERID", "LEVEL"], ["ANN", "ADMIN"])], { userid: "ann" }).level).toBeUndefined();
    // Two tables: the one without the column says nothing.
    const split = [table("a", ["ACCESS", "USERID", "T"], ["USER", "ANN", "1"]), table("b", ["T", "ZONE"], ["1", "W"])];
    expect(entitled(split, { userid: "ann" }).level).toBe("USER");
  });

  it("leaves out every field that one of his rows names, once; blank and NULL name none", () => {
    expect(entitled([access], { userid: "ann" }).omit).toEqual(["PHONE"]);
    expect(entitled([access], { userid: "ann", groups: ["g1", "g2"] }).omit).toEqual(["PHONE", "SALARY"]);
    expect(entitled([access], { userid: "bob" }).omit).toEqual([]);
    const twice = table(
      "a",
      ["ACCESS", "USERID", "OMIT"],
      ["USER", "ANN", "X"],
      ["USER", "ANN", "X"],
      ["USER", "BOB", "Y"],
    );
    expect(entitled([twice], { userid: "ann" }).omit).toEqual(["X"]);
    const star = table(
      "a",
      ["ACCESS", "USERID", "OMIT"],
      ["USER", "ANN", "*"],
      ["USER", "BOB", "Y"],
      ["USER", "BOB", "Z"],
    );
    expect(entitled([star], { userid: "ann" }).omit).toEqual(["Y", "Z"]);
    const first = table("a", ["OMIT", "ACCESS", "USERID"], ["X", "USER", "ANN"]);
    expect(entitled([first], { userid: "ann" }).omit).toEqual(["X"]);
  });

  it("are the values of a column in his rows; the star is what the column lists, NULL is none", () => {
    const t = table("t", ["ZONE"], ["A"], ["*"], [null], ["B"]);
    const texts = (rows: number) => valuesOf(t, 0, Uint32Array.of(rows)).map(({ text }) => text);
    expect([texts(0b0001), texts(0b0100), texts(0b1001), texts(0b0010), texts(0)]).toEqual([
      ["A"],
      [],
      ["A", "B"],
      ["A", "B"],
      [],
    ]);
    expect(listedIn(t, 0).map(({ text }) => text)).toEqual(["A", "B"]);
  });
});

describe("the rows of a user one by one", () => {
  const grants = (tables: readonly AccessTable[], user: User, most?: number) => {
    const world = prepareAccess(tables);
    const found = tuplesOf(world, entitle(world, attributesOf(user, SENSE), SENSE), most);
    return found.map((granted) =>
      Object.fromEntries([...granted].map(([f, values]) => [f, values.map((v) => v.text)])),
    );
  };

  it("stay pairs, come once each, with the star as what is listed and NULL as nothing", () => {
    const t = table(
      "t",
      ["ACCESS", "USERID", "LAND", "KIND"],
      ["USER", "ANN", "DE", "FOOD"],
      ["USER", "ANN", "FR", "CARS"],
      ["USER", "ANN", "DE", "FOOD"],
      ["USER", "BOB", "*", null],
    );
    expect(grants([t], { userid: "ann" })).toEqual([
      { LAND: ["DE"], KIND: ["FOOD"] },
      { LAND: ["FR"], KIND: ["CARS"] },
    ]);
    expect(grants([t], { userid: "bob" })).toEqual([{ LAND: ["DE", "FR", "DE"], KIND: [] }]);
    expect(() => grants([t], { userid: "ann" }, 1)).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
    expect(grants([t], { userid: "ann" }, 2)).toHaveLength(2);
  });

  it("of several tables are joined by their links", () => {
    const a = table("a", ["ACCESS", "USERID", "TEAM", "KIND"], ["USER", "ANN", "1", "X"], ["USER", "ANN", "2", "Y"]);
    const b = table("b", ["TEAM", "ZONE"], ["1", "W"], ["2", "E"], ["1", "N"], ["3", "S"]);
    expect(grants([a, b], { userid: "ann" })).toEqual([
      { TEAM: ["1"], KIND: ["X"], ZONE: ["W"] },
      { TEAM: ["1"], KIND: ["X"], ZONE: ["N"] },
      { TEAM: ["2"], KIND: ["Y"], ZONE: ["E"] },
    ]);
  });

  it("of several tables are not joined by NULL or the star, whichever table comes first", () => {
    const users = table(
      "users",
      ["ACCESS", "USERID", "TEAM", "KIND"],
      ["USER", "ANN", "1", "X"],
      ["USER", "ANN", null, "N"],
      ["USER", "ANN", "*", "S"],
      ["USER", "STAR", "*", "S"],
    );
    const teams = table("teams", ["TEAM", "ZONE"], ["1", "W"], ["2", "E"]);
    for (const tables of [
      [users, teams],
      [teams, users],
    ]) {
      expect(grants(tables, { userid: "ann" })).toEqual([{ TEAM: ["1"], KIND: ["X"], ZONE: ["W"] }]);
      // A table without a row for the user adds no value.
      expect(grants(tables, { userid: "star" })).toEqual([{ TEAM: ["1"], KIND: ["S"], ZONE: [] }]);
    }
  });
});
