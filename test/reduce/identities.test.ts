import { describe, expect, it } from "vitest";
import type { AccessTable } from "../../src/reduce/access-table.ts";
import { prepareAccess } from "../../src/reduce/grants.ts";
import { isKnown, listedIdentities } from "../../src/reduce/identities.ts";
import { inline } from "../helpers/access.ts";

const listed = (...tables: readonly AccessTable[]) => listedIdentities(prepareAccess(tables));
const labels = (...tables: readonly AccessTable[]) => listed(...tables).map((i) => i.label);

describe("the identities that section access lists", () => {
  it("are its users, each once, in the order in which they come", () => {
    const users = inline("ACCESS,USERID,LAND", "USER,EVA,PERU", "USER,BOB,PERU", "ADMIN,EVA,CHAD");
    expect(labels(users, inline("USERID,ROLE", "CARL,R", "BOB,R"))).toEqual([
      "USERID=EVA",
      "USERID=BOB",
      "USERID=CARL",
    ]);
  });

  it("have what each column is about", () => {
    const all = "USERID,USER.EMAIL,USER.NAME,GROUP,NTNAME,NTSID,NTDOMAINSID,PASSWORD,SERIAL";
    expect(listed(inline(`ACCESS,${all}`, "USER,A,B,C,D,E,F,G,H,I"))).toEqual([
      {
        label: "USERID=A USER.EMAIL=B USER.NAME=C GROUP=D NTNAME=E NTSID=F NTDOMAINSID=G SERIAL=I",
        user: {
          userid: "A",
          email: "B",
          name: "C",
          groups: ["D"],
          ntname: "E",
          ntsid: "F",
          ntdomainsid: "G",
          password: "H",
          serial: "I",
        },
      },
    ]);
  });

  it("differ by a password, which no label shows", () => {
    const both = listed(inline("ACCESS,USERID,PASSWORD", "USER,EVA,ONE", "USER,EVA,TWO"));
    expect(both.map((i) => [i.label, i.user.password])).toEqual([
      ["USERID=EVA", "ONE"],
      ["USERID=EVA", "TWO"],
    ]);
    expect(labels(inline("ACCESS,PASSWORD", "USER,ONE"))).toEqual(["*"]);
  });

  it("ask for nothing by a star, and are not there where a cell is blank or NULL", () => {
    const table = inline(
      "ACCESS,USERID,GROUP",
      "USER,*,*",
      "USER,EVA,*",
      "USER,,*",
      "USER,*,",
      "USER,NULL,G",
      "USER,*,G",
    );
    expect(listed(table).map((i) => [i.label, i.user.userid, i.user.groups])).toEqual([
      ["*", undefined, []],
      ["USERID=EVA", "EVA", []],
      ["GROUP=G", undefined, ["G"]],
    ]);
  });

  it("are everybody where no column says who", () => {
    expect(listed(inline("ACCESS,LAND", "USER,PERU"))).toMatchObject([{ label: "*", user: { groups: [] } }]);
    expect(labels(inline("ACCESS,USERID", "USER,EVA"), inline("ACCESS,LAND", "USER,PERU"))).toEqual(["USERID=EVA"]);
  });
});

describe("an identity", () => {
  const known = new Set(["EVA", "EVA@X", "D\\EVA", "STAFF"]);
  const one = (fields: string, row: string) => isKnown(listed(inline(`ACCESS,${fields}`, `USER,${row}`))[0]!, known);

  it.each([
    ["USERID", "eva", "ann"],
    ["USER.EMAIL", "eva@x", "ann@x"],
    ["NTNAME", "d\\eva", "d\\ann"],
    ["GROUP", "staff", "guests"],
  ])("is known to a directory if all of its names are, here %s", (field, there, missing) => {
    expect(one(field, there)).toBe(true);
    expect(one(field, missing)).toBe(false);
    const other = field === "USERID" ? "GROUP,staff" : "USERID,eva";
    const [name, value] = other.split(",") as [string, string];
    expect(one(`${name},${field}`, `${value},${there}`)).toBe(true);
    expect(one(`${name},${field}`, `${value},${missing}`)).toBe(false);
  });

  it("is not looked up by what no directory lists", () => {
    expect(one("USER.NAME,SERIAL,PASSWORD,NTSID", "x,x,x,x")).toBe(true);
    expect(isKnown({ label: "", user: { userid: "Eva" } }, known)).toBe(true);
  });
});
