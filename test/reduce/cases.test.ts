import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { build } from "../../fixtures/section-access/builder.ts";
import { RECIPES } from "../../fixtures/section-access/make.ts";
import { type PolicyCase, readCase } from "../../src/reduce/case-format.ts";
import { runCase } from "../../src/reduce/case-run.ts";
import { bruteForce } from "./brute-force.ts";

const FOLDERS = ["fixtures/section-access", "../shared/cases/section-access"];

/** A case's expectation, a table that lost every field left out. */
function expectedOf({ expect: e }: PolicyCase) {
  if (e.denied) return { denied: true, reason: e.reason ?? true };
  const rows = [...e.tables!].filter(([, t]) => t.fields?.length !== 0).map(([name, t]) => [name, t.rowIds]);
  return { denied: false, rows: Object.fromEntries(rows), omitted: [...e.omitted!].sort() };
}

function found(policy: PolicyCase) {
  const brute = bruteForce(policy);
  if (brute.denied) {
    const { reason } = policy.expect;
    return { denied: true, reason: reason === undefined || brute.reasons.find((r) => r === reason) };
  }
  const omitted = [...brute.omitted].sort();
  const left = policy.tables.filter((t) => !t.fields.every((f) => omitted.includes(f)));
  return { denied: false, rows: Object.fromEntries(left.map((t) => [t.name, brute.rowIds.get(t.name)])), omitted };
}

for (const folder of FOLDERS) {
  const there = existsSync(folder);
  if (!there) console.log(`skipped: ${folder} is not here, so its policy cases are not run`);
  describe.skipIf(!there && process.env.CI !== "true")(`policy cases of ${folder}`, () => {
    const files = there ? readdirSync(folder).filter((f) => f.endsWith(".json")) : [];
    it("has cases", () => expect(files.length).toBeGreaterThanOrEqual(46));
    it.each(files)("%s", (file) => {
      const policy = readCase(readFileSync(join(folder, file), "utf8"));
      expect(runCase(policy).differences).toEqual([]);
      // And what was written by hand is what trying everything finds.
      expect(expectedOf(policy)).toEqual(found(policy));
    });
  });
}

it("finds the case files as their recipes make them", () => {
  const folder = "fixtures/section-access";
  const there = readdirSync(folder).filter((f) => f.endsWith(".json"));
  expect(there.sort()).toEqual(RECIPES.map((r) => `${r.name}.json`).sort());
  for (const r of RECIPES) expect(JSON.parse(readFileSync(join(folder, `${r.name}.json`), "utf8"))).toEqual(build(r));
});
