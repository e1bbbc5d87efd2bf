import { expect, it } from "vitest";
import { compact } from "../../src/reduce/compact.ts";
import { changeHidden, PLANTED } from "../../src/reduce/perturb.ts";
import { canonicalModel } from "../../src/table/model-canonical.ts";
import { cellsOf, modelOfCells } from "../../src/table/model-cells.ts";
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
