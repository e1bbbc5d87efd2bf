import { describe, expect, it } from "vitest";
import { carryOut, decide, prepareApp } from "../../src/reduce/admit.ts";
import { diffAccess, type Side } from "../../src/reduce/diff.ts";
import { rulesOf } from "../../src/reduce/rules.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";
import { inline } from "../helpers/access.ts";

const names = ["aa", "bb", "cc", "dd", "ee", "ff", "gg"];
const SHOP = modelOfCells([
  {
    name: "Orders",
    fields: ["ZONE", "Item"],
    rows: [
      ["WEST", 1],
      ["EAST", { number: 2, text: "02" }],
      ["WEST", null],
      ["EAST", 1],
      ...names.map((name) => ["NORTH", name]),
    ],
  },
  { name: "Zones", fields: ["ZONE"], rows: [["WEST"], ["EAST"], ["SOUTH"], ["NORTH"]] },
]);
/** As an app of Qlik's has it that stores the table of its synthetic key. */
const STORED = { ...SHOP, tables: [...SHOP.tables, { ...SHOP.tables[1]!, name: "$Syn 1 Table", synthetic: true }] };
const ACCESS = [
  inline(
    "ACCESS,USERID,ZONE,OMIT",
    "USER,EVA,WEST,",
    "USER,BOB,EAST,",
    "USER,NIL,EAST,ITEM",
    "USER,NORA,NORTH,",
    "ADMIN,ROOT,,",
  ),
];

function side(userid: string): Side {
  const [app, rules] = [prepareApp(STORED, ACCESS), rulesOf()];
  const decision = decide(app, { userid }, rules);
  if (decision.denied) throw new Error("denied");
  const outcome = carryOut(app, decision, rules);
  if (outcome.denied) throw new Error("denied");
  return { outcome, omitted: decision.omitted };
}
const diff = (a: string | undefined, b: string | undefined) =>
  diffAccess(STORED, a === undefined ? undefined : side(a), b === undefined ? undefined : side(b));

describe("comparing what two users see", () => {
  it("counts the rows and values that only one of them sees", () => {
    expect(diff("eva", "bob")).toEqual({
      tables: [
        { table: "Orders", onlyA: 2, onlyB: 2, both: 0 },
        { table: "Zones", onlyA: 1, onlyB: 1, both: 0 },
      ],
      fields: [
        { field: "ZONE", onlyA: 1, onlyB: 1, examplesA: ["WEST"], examplesB: ["EAST"] },
        { field: "Item", onlyA: 0, onlyB: 1, examplesA: [], examplesB: [{ number: 2, text: "02" }] },
      ],
    });
  });

  it("has all rows for somebody who is not reduced, and none for somebody who is denied", () => {
    expect(diff("root", "eva").tables).toEqual([
      { table: "Orders", onlyA: 9, onlyB: 0, both: 2 },
      { table: "Zones", onlyA: 3, onlyB: 0, both: 1 },
    ]);
    expect(diff(undefined, "eva")).toEqual({
      tables: [
        { table: "Orders", onlyA: 0, onlyB: 2, both: 0 },
        { table: "Zones", onlyA: 0, onlyB: 1, both: 0 },
      ],
      fields: [
        { field: "ZONE", onlyA: 0, onlyB: 1, examplesA: [], examplesB: ["WEST"] },
        { field: "Item", onlyA: 0, onlyB: 1, examplesA: [], examplesB: [1] },
      ],
    });
    expect(diff("eva", "eva").fields).toEqual([]);
  });

  it("has no value of a field that is omitted, and its rows all the same", () => {
    expect(diff("bob", "nil")).toEqual({
      tables: [
        { table: "Orders", onlyA: 0, onlyB: 0, both: 2 },
        { table: "Zones", onlyA: 0, onlyB: 0, both: 1 },
      ],
      fields: [
        { field: "Item", onlyA: 2, onlyB: 0, examplesA: [{ number: 2, text: "02" }, 1].reverse(), examplesB: [] },
      ],
    });
  });

  it("gives five examples, and the number of all", () => {
    const item = diff("nora", "bob").fields.find((f) => f.field === "Item")!;
    expect(item).toMatchObject({ onlyA: 7, onlyB: 2, examplesA: names.slice(0, 5) });
  });
});
