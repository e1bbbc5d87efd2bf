import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { record } from "../helpers/record.ts";
import { MUTANTS } from "./mutants.ts";

/**
 * Mutation by source text: the evaluator is transpiled once; every mutant is a copy with one rule changed, and a child
 * process runs our own policy cases over all of them. Production code knows nothing of it.
 */
const CASES = resolve("fixtures/section-access");
const ROOT = mkdtempSync(join(tmpdir(), "qvault-mutants-"));
const RUNNER = `
import { readdirSync, readFileSync } from "node:fs";
const [cases, ...copies] = process.argv.slice(2);
const files = readdirSync(cases).filter((f) => f.endsWith(".json"));
const out = [];
for (const copy of copies) {
  const { readCase } = await import(copy + "/src/reduce/case-format.js");
  const { runCase } = await import(copy + "/src/reduce/case-run.js");
  out.push(files.filter((f) => {
    try {
      return !runCase(readCase(readFileSync(cases + "/" + f, "utf8"))).ok;
    } catch {
      return true;
    }
  }));
}
console.log(JSON.stringify(out));
`;

/** The evaluator: two files and all that they import, over and over. */
function evaluator(): string[] {
  const found = ["src/reduce/case-format.ts", "src/reduce/case-run.ts"];
  for (const file of found) {
    for (const [, specifier] of readFileSync(file, "utf8").matchAll(/^(?:import|export) .*?"(\.[^"]+)";/gms)) {
      const path = relative(".", join(dirname(file), specifier!));
      if (!found.includes(path)) found.push(path);
    }
  }
  return found;
}

function transpile(text: string): string {
  const { ESNext } = ts.ModuleKind;
  const options = {
    module: ESNext,
    target: ts.ScriptTarget.ES2023,
    rewriteRelativeImportExtensions: true,
    verbatimModuleSyntax: true,
  };
  return ts.transpileModule(text, { compilerOptions: options }).outputText;
}

const FILES = evaluator();

function copyWith(name: string, changed: ReadonlyMap<string, string>, plain: ReadonlyMap<string, string>): string {
  const folder = join(ROOT, name);
  for (const file of FILES) {
    const to = join(folder, relative(".", file).replace(/\.ts$/, ".js"));
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, changed.get(file) ?? plain.get(file)!);
  }
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  return folder;
}

let caught: string[][] = [];

describe("mutants of the evaluator", () => {
  beforeAll(() => {
    const plain = new Map(FILES.map((f) => [f, transpile(readFileSync(f, "utf8"))]));
    const copies = MUTANTS.map((m, i) => {
      const mutated = transpile(readFileSync(m.file, "utf8").replace(m.find, () => m.replace));
      return copyWith(`m${i}`, new Map([[join(m.file), mutated]]), plain);
    });
    const runner = join(ROOT, "runner.mjs");
    writeFileSync(runner, RUNNER);
    const all = [copyWith("plain", new Map(), plain), ...copies];
    caught = JSON.parse(execFileSync(process.execPath, [runner, CASES, ...all], { encoding: "utf8" }));
  });
  afterAll(() => rmSync(ROOT, { recursive: true, force: true }));

  it("passes every case unchanged", () => expect(caught[0]).toEqual([]));
  it("has at least 25", () => expect(MUTANTS.length).toBeGreaterThanOrEqual(25));
  it("are all caught", () => {
    const found = caught.slice(1).filter((cases) => cases.length > 0).length;
    expect(found).toBe(MUTANTS.length);
    record("access-mutants", "npx vitest run test/reduce/mutation.test.ts", { mutants: MUTANTS.length, found });
  });
  it.each(MUTANTS.map((m, i) => [m.rule, m, i] as const))("catches: %s", (_, m, i) => {
    expect(readFileSync(m.file, "utf8").split(m.find).length, "the text to change must be there once").toBe(2);
    expect(caught[i + 1]!.length, "no case caught it").toBeGreaterThan(0);
  });
});
