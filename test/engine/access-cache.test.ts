import { expect, it } from "vitest";
import { ReducedCache } from "../../src/engine/access-cache.ts";
import { modelBytes } from "../../src/table/model.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";

it("counts a reduction that is made again, as each proved one is, once", () => {
  const model = modelOfCells([{ name: "T", fields: ["A"], rows: [["a"], ["b"]] }]);
  const cache = new ReducedCache(3 * modelBytes(model));
  cache.set("other", model);
  for (let n = 0; n < 5; n++) cache.set("same", model);
  expect([cache.size, cache.bytes]).toEqual([2, 2 * modelBytes(model)]);
  expect(cache.get("other")).toBe(model);
});
