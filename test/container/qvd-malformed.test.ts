import { describe, expect, it } from "vitest";
import { digestTable } from "../../src/engine/digest.ts";
import { requireQvd } from "../../src/engine/open.ts";
import { memorySource } from "../../src/source/memory.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { verifyQvd } from "../../src/table/qvd-verify.ts";
import { failure } from "../helpers/errors.ts";
import { CELL_MARK, FAULTS, goodQvd } from "./qvd-malformed.ts";

async function readAll(bytes: Uint8Array): Promise<void> {
  const source = memorySource(bytes, "f.qvd");
  await requireQvd(source);
  await digestTable(await openQvdTable(source));
}

describe("malformed QVDs", () => {
  it("are many, each with a name of its own", () => {
    expect(FAULTS.length).toBeGreaterThan(150);
    expect(new Set(FAULTS.map((fault) => fault.name)).size).toBe(FAULTS.length);
  });

  it("are made from a file that is sound", async () => {
    await readAll(goodQvd());
    expect((await verifyQvd(memorySource(goodQvd()))).findings).toEqual([]);
  });

  for (const fault of FAULTS) {
    it(`${fault.name}: ${fault.code}`, async () => {
      const bytes = fault.bytes();
      const error = await failure(fault.code, () => readAll(bytes));
      expect(["damaged", "unsupported"]).toContain(error.errorClass);
      expect(`${error.message} ${error.hint}`).not.toContain(CELL_MARK);
      expect(error.message.length).toBeLessThan(300);
      expect(error.message).not.toMatch(/[\r\n]|undefined|NaN|\[object|row -/);
      if (error.offset !== undefined) {
        expect(error.offset).toBeGreaterThanOrEqual(0);
        // A range that was claimed may begin behind the end; every other place is in the file.
        if (fault.code !== "QVD_RANGE") expect(error.offset).toBeLessThanOrEqual(bytes.byteLength);
      }
    });

    if (fault.code === "CONTAINER_UNKNOWN") continue;
    it(`${fault.name}: verify finds it and does not throw`, async () => {
      const bytes = fault.bytes();
      const { findings } = await verifyQvd(memorySource(bytes));
      const found = findings.filter((finding) => finding.level === "damage").map((finding) => finding.code);
      expect(found).toContain(fault.code);
      for (const finding of findings) {
        expect(finding.message).not.toContain(CELL_MARK);
        expect(finding.message).not.toMatch(/[\r\n]|undefined|NaN|row -/);
      }
    });
  }
});
