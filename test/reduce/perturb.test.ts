import { describe, expect, it } from "vitest";
import { compact } from "../../src/reduce/compact.ts";
import { type AccessWorld, entitle, prepareAccess } from "../../src/reduce/grants.ts";
import { attributesOf } from "../../src/reduce/identity.ts";
import { changeHidden, PLANTED, withoutOthers } from "../../src/reduce/perturb.ts";
import { rulesOf } from "../../src/reduce/rules.ts";
import { canonicalModel } from "../../src/table/model-canonical.ts";
import { cellsOf, modelOfCells } from "../../src/table/model-cells.ts";
import { symbolCell } from "../../src/table/symbols.ts";
import { inline } from "../helpers/access.ts";
import { Dice } from "./random-case.ts";

const ROWS = Array.from({ length: 64 }, (_, r) => [r % 2 === 0 ? "mine" : "theirs", `text ${r % 16}`, r]);
const MODEL = modelOfCells([{ name: "T", fields: ["WHO", "Text", "Secret"], rows: ROWS }]);
const KEPT = [Uint32Array.of(0x55555555, 0x55555555)];
const OMITTED = new Set([2]);

function changed(seed: number) {
  const dice = new Dice(seed);
  return changeHidden(MODEL, KEPT, OMITTED, new Set([0]), () => dice.next());
}

it("really changes what is hidden", () => {
  const other = changed(1);
  expect(other.tables[0]!.rows).toBeLessThan(64);
  expect(Buffer.from(canonicalModel(other)).includes(PLANTED)).toBe(true);
});

it("would catch a compaction that keeps symbols, their order, or omitted columns", () => {
  const other = changed(2);
  const visible = Uint32Array.from({ length: 2 });
  let at = 0;
  // The visible rows of the changed app are those that say "mine".
  cellsOf(other, 0).forEach(([who], r) => {
    if (who !== "mine") return;
    visible[r >> 5]! |= 1 << (r & 31);
    at++;
  });
  expect(at).toBe(32);
  const right = [compact(MODEL, KEPT, OMITTED), compact(other, [visible], OMITTED)];
  expect(Buffer.from(canonicalModel(right[0]!)).equals(canonicalModel(right[1]!))).toBe(true);
  const wrong = [
    [MODEL, right[0]!],
    [other, right[1]!],
  ].map(([from, to]) => canonicalModel({ ...to!, domains: from!.domains.slice(0, 2) }));
  expect(Buffer.from(wrong[0]!).equals(wrong[1]!)).toBe(false);
  const shown = [compact(MODEL, KEPT, new Set()), compact(other, [visible], new Set())].map(canonicalModel);
  expect(Buffer.from(shown[0]!).equals(shown[1]!)).toBe(false);
});

describe("what is hidden", () => {
  const SMALL = modelOfCells([
    {
      name: "T",
      fields: ["WHO", "Text"],
      rows: [
        ["mine", "a"],
        ["theirs", "b"],
        ["theirs", null],
        [null, "c"],
      ],
    },
    { name: "Whole", fields: ["More"], rows: [["x"], [null]] },
  ]);
  const cells = (chance: () => number, omitted: ReadonlySet<number> = new Set()) => {
    const model = changeHidden(SMALL, [Uint32Array.of(1), undefined], omitted, new Set([0]), chance);
    return model.tables.map((_, t) => cellsOf(model, t));
  };
  /** Those numbers one after the other, after as many as the symbol tables are shuffled by, then the last for ever. */
  const scripted = (...numbers: readonly number[]) => {
    let calls = 0;
    return () => (calls++ < 3 ? 0.999 : numbers[Math.min(calls - 4, numbers.length - 1)]!);
  };
  const WHOLE = [["x"], [null]];

  it("vanishes, or stays and gets other values, while what is seen stays as it was", () => {
    // Three hidden rows: the first stays, the others vanish; then its text is changed to one that no row has.
    expect(cells(scripted(0.49, 0.5, 0.9, 0.69, 0.49))).toEqual([
      [
        ["mine", "a"],
        ["theirs", PLANTED],
      ],
      WHOLE,
    ]);
    // All stay; the first is left as it is, the second gets the first text and the third the last.
    expect(cells(scripted(0, 0, 0, 0.7, 0.1, 0.5, 0, 0.1, 0.5, 0.99))).toEqual([
      [
        ["mine", "a"],
        ["theirs", "b"],
        ["theirs", "a"],
        [null, "c"],
      ],
      WHOLE,
    ]);
  });

  it("is in an omitted column every cell of it", () => {
    const [rows, whole] = cells(scripted(0.9, 0.9, 0.9, 0.1, 0.1), new Set([1, 2]));
    expect(rows).toEqual([["mine", PLANTED]]);
    expect(whole).toEqual([[PLANTED], [PLANTED]]);
  });

  it("has its symbols in another order, and one that no row uses", () => {
    const { domains, tables } = changeHidden(SMALL, [Uint32Array.of(15)], new Set(), new Set([0, 1]), () => 0);
    const symbols = domains.map((d) => Array.from({ length: d.count }, (_, s) => symbolCell(d, s)));
    expect(symbols).toEqual([
      ["theirs", "mine", PLANTED],
      ["b", "c", "a", PLANTED],
      ["x", PLANTED],
    ]);
    expect(tables).toHaveLength(2);
    for (const d of domains) expect(d.starts[d.count]).toBe(d.bytes.length);
  });
});

describe("section access of others", () => {
  const world = (...rows: readonly string[]) =>
    prepareAccess([inline("ACCESS,USERID,ZONE", ...rows), { ...inline("ZONE,TEAM", "W,T", "E,*"), name: "L" }]);
  const without = (access: AccessWorld, userid: string) =>
    withoutOthers(access, entitle(access, attributesOf({ userid }, rulesOf()), rulesOf()));

  it("is gone", () => {
    const access = world("USER,EVA,W", "USER,BOB,E", "USER,EVA,X");
    expect(without(access, "eva")).toEqual([
      inline("ACCESS,USERID,ZONE", "USER,EVA,W", "USER,EVA,X"),
      { ...inline("ZONE,TEAM", "W,T"), name: "L" },
    ]);
  });

  it("stays where a star of the user's stands for it", () => {
    const access = world("USER,EVA,W", "USER,BOB,E");
    expect(without(access, "bob")).toBe(access.tables);
    const star = world("USER,EVA,*", "USER,BOB,W");
    expect(without(star, "bob")).toEqual([
      inline("ACCESS,USERID,ZONE", "USER,BOB,W"),
      { ...inline("ZONE,TEAM", "W,T"), name: "L" },
    ]);
  });
});
