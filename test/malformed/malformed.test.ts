import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { failure } from "../helpers/errors.ts";
import { faultCounts, KINDS } from "./kinds.ts";

describe.each(KINDS)("malformed: $kind", ({ faults, good, read, classes }) => {
  it("faults have names of their own, and are made from what is sound", async () => {
    expect(faults.length).toBeGreaterThan(5);
    expect(new Set(faults.map((fault) => fault.name)).size).toBe(faults.length);
    await read(await good());
  });

  for (const fault of faults) {
    it(`${fault.name}: ${fault.code}`, async () => {
      const bytes = await fault.bytes();
      const error = await failure(fault.code, () => read(bytes));
      expect(classes).toContain(error.errorClass);
      expect(error.message.length).toBeLessThan(300);
      expect(error.message).not.toMatch(/[\r\n]|undefined|NaN|\[object/);
      expect(error.hint ?? "").not.toMatch(/[\r\n]|undefined|NaN|\[object/);
    });
  }
});

describe("counts.json", () => {
  it("has the number of faults of every kind", () => {
    const counts: unknown = JSON.parse(readFileSync(new URL("./counts.json", import.meta.url), "utf8"));
    expect(counts).toEqual(faultCounts());
  });
});
