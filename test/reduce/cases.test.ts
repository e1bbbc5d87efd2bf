import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readCase } from "../../src/reduce/case-format.ts";
import { runCase } from "../../src/reduce/case-run.ts";

const FOLDERS = ["fixtures/section-access", "../shared/cases/section-access"];

for (const folder of FOLDERS) {
  const there = existsSync(folder);
  if (!there) console.log(`skipped: ${folder} is not here, so its policy cases are not run`);
  describe.skipIf(!there && process.env["CI"] !== "true")(`policy cases of ${folder}`, () => {
    const files = there ? readdirSync(folder).filter((f) => f.endsWith(".json")) : [];
    it("has cases", () => expect(files.length).toBeGreaterThanOrEqual(46));
    it.each(files)("%s", (file) => {
      expect(runCase(readCase(readFileSync(join(folder, file), "utf8"))).differences).toEqual([]);
    });
  });
}
