import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { filesBelow, ROOT, textOf } from "./tree.ts";

const rows = (file: string) =>
  textOf(file)
    .split("\n")
    .filter((line) => line.startsWith("| ") && !/^\| *\|/.test(line) && !line.startsWith("| measure"))
    .map((line) => line.split("|").map((cell) => cell.trim()));

describe("THREATS.md", () => {
  const table = rows("THREATS.md");

  it("names in each row a test that is there, or says that there is none", () => {
    expect(table.length).toBeGreaterThan(50);
    for (const cells of table) {
      const held = cells.at(-2)!;
      const named = [...held.matchAll(/`(test\/[^`]+)`/g)].map((m) => m[1]!);
      expect(named.length > 0 || held === "not covered", cells.join(" | ")).toBe(true);
      for (const path of named) expect(existsSync(join(ROOT, path)), path).toBe(true);
    }
  });

  it("has each kind of threat, and every part", () => {
    const kinds = new Set(table.map((cells) => cells[1]).filter((kind) => /^[STRIDE]$/.test(kind!)));
    expect([...kinds].sort().join("")).toBe("DEIRST");
    const parts = textOf("THREATS.md").match(/^## .+$/gm)!.length;
    expect(parts).toBe(12);
  });
});

describe("install scripts", () => {
  it("of every package that has one are on the list, allowed or not", () => {
    const lock = JSON.parse(textOf("package-lock.json")) as {
      readonly packages: Record<string, { readonly hasInstallScript?: boolean }>;
    };
    const { allowScripts } = JSON.parse(textOf("package.json")) as { readonly allowScripts: Record<string, boolean> };
    const names = Object.entries(lock.packages).filter(([, p]) => p.hasInstallScript);
    expect(names.length).toBeGreaterThan(0);
    const unknown = names
      .map(([path]) => path.replace(/^.*node_modules\//, ""))
      .filter((name) => !(name in allowScripts));
    expect(unknown).toEqual([]);
  });
});

describe("exceptions from the security lint", () => {
  it("each give their reason", () => {
    const lines = [...filesBelow("src", ".ts"), ...filesBelow("bench", ".ts")].flatMap((file) =>
      textOf(file)
        .split("\n")
        .filter((line) => line.includes("eslint-disable"))
        .map((line) => `${file}: ${line}`),
    );
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter((line) => !/eslint-disable-next-line [\w/-]+ -- \w.{10,}$/.test(line))).toEqual([]);
  });
});
