import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { QErr } from "../../src/errors.ts";
import { readPack, writePack } from "./corpus.ts";
import { startCoverage } from "./coverage.ts";
import { minimise } from "./minimise.ts";
import { BYTE_MUTATORS } from "./mutate-bytes.ts";
import { randomOf } from "./random.ts";
import { findKey, outcomeOf, type Target, Wrong } from "./target.ts";
import { TARGETS } from "./targets.ts";

const folder = () => mkdtempSync(join(tmpdir(), "qvault-fuzz-test-"));
const target = (run: Target["run"]): Target => ({
  name: "t",
  files: [],
  maxBytes: 100,
  mutators: [],
  seeds: async () => [],
  run,
});
const none = new Uint8Array(0);

describe("what counts as a find", () => {
  const throwing = (error: unknown) =>
    outcomeOf(
      target(() => {
        throw error;
      }),
      none,
    );

  it("is everything but an error of the closed list", async () => {
    expect(
      await outcomeOf(
        target(() => {}),
        none,
      ),
    ).toBe("read");
    expect(await throwing(new QErr("QVD_XML", "no end"))).toBe("QVD_XML: no end");
    for (const error of [
      new TypeError("x"),
      new RangeError("x"),
      new Wrong("x"),
      "text",
      new QErr("NEW" as never, "x"),
    ]) {
      await expect(throwing(error)).rejects.toBe(error);
    }
    await expect(throwing(new QErr("QVD_XML", "undefined is wrong"))).rejects.toThrow(Wrong);
    await expect(throwing(new QErr("QVD_XML", "row NaN"))).rejects.toThrow(Wrong);
  });

  it("is told from others by kind and place, not by numbers", () => {
    expect(findKey(new TypeError("at 12"))).toBe(findKey(new TypeError("at 345")));
    expect(findKey(new TypeError("a"))).not.toBe(findKey(new RangeError("a")));
  });
});

describe("the parts of the driver", () => {
  it("sees code that runs for the first time, and only then", async () => {
    const dir = folder();
    try {
      const path = join(dir, "scripted.mjs");
      writeFileSync(path, "export function f(x) { if (x > 1) { return 'a'; } return 'b'; }\n");
      const coverage = startCoverage(pathToFileURL(dir).href);
      const { f } = (await import(pathToFileURL(path).href)) as { f: (x: number) => string };
      f(0);
      expect(coverage.take(true)).toBe(true);
      f(0);
      expect(coverage.take(true)).toBe(false);
      f(2);
      expect(coverage.take(false)).toBe(true);
      f(2);
      expect(coverage.take(true)).toBe(true);
      const share = coverage.share("scripted.mjs")!;
      expect(share.covered).toBe(share.all);
      coverage.close();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it("changes bytes the same way for the same seed", async () => {
    const data = new TextEncoder().encode("some 123 bytes of text");
    for (const mutator of BYTE_MUTATORS) {
      const made = await Promise.all([1, 1, 2].map(async (seed) => [...(await mutator(data, randomOf(seed), data))]));
      expect(made[0]).toEqual(made[1]);
    }
    const random = randomOf(7);
    const all = new Set<string>();
    for (let i = 0; i < 300; i++) all.add((await random.pick(BYTE_MUTATORS)(data, random, data)).join());
    expect(all.size).toBeGreaterThan(200);
  });

  it("keeps inputs byte for byte", () => {
    const dir = folder();
    try {
      const inputs = [none, Uint8Array.of(0, 1, 255), new Uint8Array(70_000).fill(3)];
      writePack(dir, "t", inputs);
      expect(readPack(dir, "t")).toEqual(inputs);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it("makes a find smaller and keeps it a find", async () => {
    const input = new Uint8Array(500).map((_, i) => i);
    const small = await minimise(input, async (bytes) => bytes.includes(77) && bytes.includes(200), 10);
    expect([...small]).toEqual([77, 200]);
  });
});

/** Runs the driver as a user does. */
function fuzz(args: readonly string[]): Promise<{ readonly code: number | null; readonly out: string }> {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const child = spawn("npm", ["run", "--silent", "fuzz", "--", ...args], { cwd: root });
  let out = "";
  child.stdout.on("data", (piece) => (out += piece));
  child.stderr.on("data", (piece) => (out += piece));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out })));
}

describe("npm run fuzz", () => {
  // Half a minute a target; what it finds is a failure.
  it.skipIf(!process.env.QVAULT_LONG)(
    "finds nothing in half a minute a target",
    async () => {
      const { code, out } = await fuzz(["--all", "--seconds", "30"]);
      for (const { name } of TARGETS) expect(out).toMatch(new RegExp(`^${name}: [1-9]\\d* executions in`, "m"));
      expect({ code, finds: out.match(/FIND.*/g) }).toEqual({ code: 0, finds: null });
    },
    30 * 60_000,
  );
});
