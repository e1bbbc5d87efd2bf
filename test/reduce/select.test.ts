import { describe, expect, it } from "vitest";
import type { AccessCell } from "../../src/reduce/access-table.ts";
import { entitle, prepareAccess } from "../../src/reduce/grants.ts";
import { attributesOf } from "../../src/reduce/identity.ts";
import { rulesOf } from "../../src/reduce/rules.ts";
import { omittedFields, plainSelection, pool, sameButForCase, selectIn } from "../../src/reduce/select.ts";
import type { Selection } from "../../src/reduce/sweep.ts";
import { bitPositions } from "../../src/table/model-bits.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";
import { buildForest } from "../../src/table/model-forest.ts";

const MODEL = modelOfCells([
  {
    name: "facts",
    fields: ["ZONE", "sum"],
    rows: [
      ["EAST", 1],
      ["WEST", 2],
      [null, 3],
    ],
  },
  {
    name: "zones",
    fields: ["ZONE", "Zone", "head"],
    rows: [
      ["NORTH", "n", "x"],
      ["EAST", "e", "y"],
    ],
  },
]);
const SENSE = rulesOf();
const forestOf = (...selectable: readonly string[]) => buildForest(MODEL, { selectable });
const granted = (values: Readonly<Record<string, readonly (string | number)[]>>) =>
  new Map(
    Object.entries(values).map(([field, list]) => [
      field,
      list.map((v) => (typeof v === "number" ? { text: String(v), number: v } : { text: v })),
    ]),
  );

/** The selected values by field, as a user would name them. */
function selected(values: Parameters<typeof granted>[0], level: "ADMIN" | "USER" = "USER", rules = SENSE) {
  const forest = forestOf("ZONE", "sum", "head");
  const made = selectIn(forest, granted(values), level, rules);
  if ("denied" in made) return made.reasons;
  const plain = plainSelection(forest, made);
  return Object.fromEntries([...plain].map(([field, set]) => [MODEL.fields[field]!.name, [...set].sort()]));
}

describe("what is granted, as a selection", () => {
  it("is the values that some row has, in fields of that very name", () => {
    expect(selected({ ZONE: ["EAST", "NORTH"] })).toEqual({ ZONE: ["EAST", "NORTH"] });
    expect(selected({ ZONE: ["WEST", "SOUTH"], sum: [3] })).toEqual({ ZONE: ["WEST"], sum: [3] });
    expect(selected({ ZONE: ["EAST"], Other: ["x"], SUM: ["1"] })).toEqual({ ZONE: ["EAST"] });
  });

  it("denies a user for each field without a value, an administrator for none, nobody where the rules are lax", () => {
    expect(selected({ ZONE: ["SOUTH"], sum: [9], head: ["x"] })).toEqual([
      "NO_REDUCTION_MATCH:ZONE",
      "NO_REDUCTION_MATCH:sum",
    ]);
    expect(selected({ ZONE: [] })).toEqual(["NO_REDUCTION_MATCH:ZONE"]);
    expect(selected({ ZONE: ["SOUTH"], head: ["x"] }, "ADMIN")).toEqual({ head: ["x"] });
    expect(selected({ ZONE: ["SOUTH"] }, "USER", { ...SENSE, strictExclusion: false })).toEqual({});
  });

  it("denies for a field that differs in case only where the rules ask for it", () => {
    const strict = { ...SENSE, fieldCase: "strict" as const };
    expect(selected({ HEAD: ["x"], Other: ["x"] }, "USER", strict)).toEqual(["FIELD_CASE:HEAD"]);
    expect(selected({ HEAD: ["x"] })).toEqual({});
    expect([sameButForCase(MODEL, "HEAD"), sameButForCase(MODEL, "head")]).toEqual([true, false]);
    expect([sameButForCase(MODEL, "zone"), sameButForCase(MODEL, "Zone"), sameButForCase(MODEL, "none")]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it("has no value that is in a symbol table and in no row", () => {
    const [facts, zones] = MODEL.tables;
    const index = zones!.columns[0]!.index.slice().fill(1);
    const columns = zones!.columns.map((c, k) => (k === 0 ? { ...c, index } : c));
    const model = { ...MODEL, tables: [facts!, { ...zones!, columns }] };
    const forest = buildForest(model, { selectable: ["ZONE", "sum", "head"] });
    const select = (zone: string) => selectIn(forest, granted({ ZONE: [zone] }), "USER", SENSE);
    expect(select("NORTH")).toEqual({ denied: true, reasons: ["NO_REDUCTION_MATCH:ZONE"] });
    const east = select("EAST") as Selection;
    expect([...east.values.values()].map((bits) => bitPositions(bits).length)).toEqual([1]);
  });
});

describe("what a user is granted", () => {
  const cell = (text: string | null): AccessCell => (text === null ? null : text === "*" ? "any" : { text });
  const table = (name: string, fields: readonly string[], ...rows: readonly (readonly (string | null)[])[]) => ({
    name,
    fields,
    rows: rows.map((row) => row.map(cell)),
  });

  it("is every value of all rows that are his, by field, from all tables that have it", () => {
    const world = prepareAccess([
      table(
        "a",
        ["ACCESS", "USERID", "ZONE", "KIND"],
        ["USER", "ANN", "EAST", null],
        ["USER", "BOB", "SOUTH", "q"],
        ["USER", "ANN", "WEST", "p"],
      ),
      table("b", ["USERID", "ZONE"], ["ANN", "EAST"], ["BOB", "SOUTH"], ["ANN", "WEST"]),
    ]);
    const mine = pool(world, entitle(world, attributesOf({ userid: "ann" }, SENSE), SENSE));
    expect([...mine.keys()].sort()).toEqual(["KIND", "ZONE"]);
    expect(new Set(mine.get("ZONE")!.map(({ text }) => text))).toEqual(new Set(["EAST", "WEST"]));
    expect(mine.get("KIND")!.map(({ text }) => text)).toEqual(["p"]);
  });
});

describe("the fields that are omitted", () => {
  const DENY = { ...SENSE, unknownOmit: "deny" as const };
  const omitted = (names: readonly string[], rules = SENSE) => {
    const found = omittedFields(MODEL, names, rules);
    return found instanceof Set ? [...found].map((f) => MODEL.fields[f]!.name) : found;
  };

  it("are all of that name, whatever its case", () => {
    expect(omitted([])).toEqual([]);
    expect(omitted(["zone"])).toEqual(["ZONE", "Zone"]);
    expect(omitted(["HEAD", "Sum", "none"])).toEqual(["sum", "head"]);
  });

  it("deny where there is none of a name and the rules ask for it", () => {
    expect(omitted(["head", "none", "nor this"], DENY)).toEqual({
      denied: true,
      reasons: ["UNKNOWN_OMIT:NONE", "UNKNOWN_OMIT:NOR THIS"],
    });
    expect(omitted(["head"], DENY)).toEqual(["head"]);
  });
});

describe("a selection in plain values", () => {
  it("tells a number from a text, and meets a field in all its tables", () => {
    const model = modelOfCells([
      {
        name: "a",
        fields: ["K", "v"],
        rows: [
          ["1", "x"],
          [1, "y"],
          ["2", "z"],
        ],
      },
      {
        name: "b",
        fields: ["K", "w"],
        rows: [
          [2, "p"],
          [1, "q"],
        ],
      },
    ]);
    const forest = buildForest(model, { selectable: ["K", "v"] });
    const plain = (list: readonly (string | number)[]) => {
      const made = selectIn(forest, granted({ K: list, v: ["y"] }), "USER", SENSE) as Selection;
      return [...plainSelection(forest, made)].map(([f, set]) => [model.fields[f]!.name, [...set]]);
    };
    expect(plain([1, "2"])).toEqual([
      ["K", [1, "2"]],
      ["v", ["y"]],
    ]);
    expect(plain([2])).toEqual([
      ["K", [2]],
      ["v", ["y"]],
    ]);
  });
});
