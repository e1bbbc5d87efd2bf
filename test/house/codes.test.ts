import { describe, expect, it } from "vitest";
import { ERROR_CLASS } from "../../src/errors.ts";
import * as limits from "../../src/limits.ts";
import { filesBelow, textOf } from "./tree.ts";

/** Code without comments, so that a code that is only spoken of does not count. */
const codeOf = (path: string) =>
  textOf(path)
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "");

const src = filesBelow("src", ".ts").filter((path) => path !== "src/errors.ts" && path !== "src/limits.ts");
const raised = src.map(codeOf).join("\n");
const tests = [...filesBelow("test", ".ts"), ...filesBelow("fixtures", ".ts")].filter(
  (path) => path !== "test/house/codes.test.ts",
);
const tested = tests.map(codeOf).join("\n");

const codes = Object.keys(ERROR_CLASS);
const names = Object.keys(limits);
const spoken = (text: string, code: string) => text.includes(`"${code}"`) || text.includes(`'${code}'`);
const named = (text: string, name: string) => new RegExp(`\\b${name}\\b`).test(text);

describe("error codes", () => {
  it("are there, and files to look in", () => {
    expect(codes.length).toBeGreaterThan(20);
    expect(src.length).toBeGreaterThan(40);
    expect(tests.length).toBeGreaterThan(20);
  });

  it("are each raised somewhere in src", () => {
    expect(codes.filter((code) => !spoken(raised, code))).toEqual([]);
  });

  it("are each expected by some test", () => {
    expect(codes.filter((code) => !spoken(tested, code))).toEqual([]);
  });
});

describe("limits", () => {
  it("are each used in src", () => {
    expect(names.length).toBeGreaterThan(10);
    const elsewhere = `${raised}\n${codeOf("src/limits.ts").replace(/export const (\w+)/g, "")}`;
    expect(names.filter((name) => !named(elsewhere, name))).toEqual([]);
  });

  it("are each named in a test", () => {
    expect(names.filter((name) => !named(tested, name))).toEqual([]);
  });

  it("each give their reason", () => {
    const text = textOf("src/limits.ts");
    const bare = names.filter((name) => !new RegExp(`\\*/\\nexport const ${name} =`).test(text));
    expect(bare).toEqual([]);
  });
});
