import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { filesBelow, ROOT, textOf } from "./tree.ts";

interface MutationResult {
  readonly file: string;
  readonly mutants: number;
  readonly killed: number;
  readonly survivors: readonly { readonly from: string; readonly to: string; readonly line: number }[];
}

interface Equivalent {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

describe("the table of SECURITY.md", () => {
  it("is what the committed results say", () => {
    const { status, stderr } = spawnSync(process.execPath, ["test/trust/report.mjs", "--check"], {
      cwd: ROOT,
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });

  it("tells of no fault that was let through without saying so", () => {
    const report = textOf("SECURITY.md");
    expect(report).toContain("| what | tried | escaped |");
    expect(report.match(/^\| mutants of /gm)).toHaveLength(3);
  });
});

describe("mutants that survive in checks of tags, MACs, lengths and grants", () => {
  const results = filesBelow("test/mutation/results", ".json").map(
    (path) => JSON.parse(readFileSync(`${ROOT}${path}`, "utf8")) as MutationResult,
  );
  const equivalents = JSON.parse(textOf("test/mutation/equivalents.json")) as readonly Equivalent[];

  it("are each listed as meaning the same, with the reason", () => {
    expect(results.length).toBeGreaterThan(3);
    const known = (file: string, s: MutationResult["survivors"][number]) =>
      equivalents.some((e) => e.file === file && e.from === s.from && e.to === s.to && e.reason.length > 20);
    const open = results.flatMap(({ file, survivors }) =>
      survivors.filter((s) => !known(file, s)).map((s) => `${file}:${s.line}: ${s.from} -> ${s.to}`),
    );
    expect(open).toEqual([]);
  });
});
