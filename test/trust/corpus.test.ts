import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FAULTS } from "../container/qvd-malformed.ts";
import { QVF_FAULTS } from "../container/qvf-malformed.ts";
import { record } from "../helpers/record.ts";

describe("the malformed corpora", () => {
  it("have as many faults as the table in SECURITY.md says", () => {
    const faults = { qvd: FAULTS.length, qvf: QVF_FAULTS.length };
    record("corpus", "npx vitest run test/container", { faults });
    const path = new URL("results/corpus.json", import.meta.url);
    expect(existsSync(path)).toBe(true);
    expect((JSON.parse(readFileSync(path, "utf8")) as { readonly faults: unknown }).faults).toEqual(faults);
    expect(Math.min(...Object.values(faults))).toBeGreaterThan(50);
  });
});
