import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { build } from "../../fixtures/section-access/builder.ts";
import { RECIPES } from "../../fixtures/section-access/make.ts";
import { readCase } from "../../src/reduce/case-format.ts";
import { runCase } from "../../src/reduce/case-run.ts";

const FOLDERS = ["fixtures/section-access", "../shared/cases/section-access"];

for (const folder of FOLDERS) {
  const there = existsSync(folder);
  if (!there) console.log(`skipped: ${folder} is not here, so its policy cases are not run`);
  describe.skipIf(!there && process.env.CI !== "true")(`policy cases of ${folder}`, () => {
    const files = there ? readdirSync(folder).filter((f) => f.endsWith(".json")) : [];
    it("has cases", () => expect(files.length).toBeGreaterThanOrEqual(46));
    it.each(files)("%s", (file) => {
      expect(runCase(readCase(readFileSync(join(folder, file), "utf8"))).differences).toEqual([]);
    });
  });
}

it("finds the case files as their recipes make them", () => {
  const folder = "fixtures/section-access";
  const there = readdirSync(folder).filter((f) => f.endsWith(".json"));
  expect(there.sort()).toEqual(RECIPES.map((r) => `${r.name}.json`).sort());
  for (const r of RECIPES) expect(JSON.parse(readFileSync(join(folder, `${r.name}.json`), "utf8"))).toEqual(build(r));
});
