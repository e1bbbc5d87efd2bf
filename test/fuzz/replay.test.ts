import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readCrashes, readPack } from "./corpus.ts";
import { readResults } from "./results.ts";
import { outcomeOf } from "./target.ts";
import { TARGETS } from "./targets.ts";

const here = fileURLToPath(new URL("./", import.meta.url));
const corpus = join(here, "corpus");
const crashes = join(here, "crashes");

/** Of the corpus that many, spread evenly, in the ordinary run; everything with QVAULT_LONG. */
const SOME = 24;

function spread<T>(all: readonly T[]): readonly T[] {
  if (process.env.QVAULT_LONG || all.length <= SOME) return all;
  return Array.from({ length: SOME }, (_, i) => all[Math.floor((i * all.length) / SOME)]!);
}

describe.each(TARGETS.map((target) => ({ name: target.name, target })))("$name", ({ name, target }) => {
  it("reads some seed, and refuses none with anything but its own errors", async () => {
    const outcomes = [];
    for (const seed of spread(await target.seeds()))
      outcomes.push(await outcomeOf(target, seed.subarray(0, target.maxBytes)));
    expect(outcomes).toContain("read");
  });

  it("holds what fuzzing found to be new", async () => {
    const inputs = spread(readPack(corpus, name));
    for (const [i, input] of inputs.entries()) {
      expect(await outcomeOf(target, input), `input ${i}`).toMatch(/^(read|[A-Z0-9_]+: .*)$/s);
    }
  });

  for (const crash of readCrashes(crashes, name)) {
    it(`holds what once did not: ${crash.name}`, async () => {
      const before = process.cpuUsage();
      expect(await outcomeOf(target, crash.bytes)).toMatch(/^(read|[A-Z0-9_]+: .*)$/s);
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1000).toBeLessThan(2000);
    });
  }
});

describe("what is kept", () => {
  it("belongs to targets that there are", () => {
    const names = TARGETS.map((target) => target.name);
    expect(new Set(names).size).toBe(names.length);
    const folders = existsSync(crashes) ? readdirSync(crashes) : [];
    const packs = existsSync(corpus) ? readdirSync(corpus).map((file) => file.replace(/\.pack$/, "")) : [];
    expect(
      [...folders, ...packs, ...readResults(join(here, "results")).map((r) => r.target)].filter(
        (n) => !names.includes(n),
      ),
    ).toEqual([]);
  });

  it("names source files that there are", () => {
    const files = TARGETS.flatMap((target) => target.files).map((file) => join(here, "..", "..", "src", file));
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
  });
});
