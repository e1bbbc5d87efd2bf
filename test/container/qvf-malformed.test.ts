import { describe, expect, it } from "vitest";
import { openQvf } from "../../src/container/qvf/reader.ts";
import { digestApp } from "../../src/engine/app-digest.ts";
import { inflateNode } from "../../src/engine/inflate.ts";
import { openQvfApp } from "../../src/engine/qvf-app.ts";
import { memorySource } from "../../src/source/memory.ts";
import { verifyQvf } from "../../src/table/qvf-verify.ts";
import { failure } from "../helpers/errors.ts";
import { CELL_MARK, fragmented, goodImage } from "../helpers/qvf-image.ts";
import { QVF_FAULTS } from "./qvf-malformed.ts";

async function readAll(bytes: Uint8Array): Promise<unknown> {
  const app = await openQvfApp(memorySource(bytes, "f.qvf"));
  await app.container.claimAll();
  await app.properties();
  await app.script();
  for (const object of app.objects) await app.content(object.path);
  return digestApp(app);
}

describe("malformed QVFs", () => {
  it("are many, each with a name of its own", () => {
    expect(QVF_FAULTS.length).toBeGreaterThan(120);
    expect(new Set(QVF_FAULTS.map((fault) => fault.name)).size).toBe(QVF_FAULTS.length);
  });

  it("are made from a file that is sound", async () => {
    await readAll(await goodImage());
    const { findings } = await verifyQvf(memorySource(await goodImage()), { inflate: inflateNode });
    expect(findings).toEqual([]);
  });

  for (const fault of QVF_FAULTS) {
    it(`${fault.name}: ${fault.code}`, async () => {
      const bytes = await fault.bytes();
      const error = await failure(fault.code, () => readAll(bytes));
      expect(["damaged", "unsupported"]).toContain(error.errorClass);
      expect(`${error.message} ${error.hint}`).not.toContain(CELL_MARK);
      expect(error.message.length).toBeLessThan(300);
      expect(error.message).not.toMatch(/[\r\n]|undefined|NaN|\[object/);
      const { findings } = await verifyQvf(memorySource(bytes), { inflate: inflateNode });
      const found = findings.filter((finding) => finding.level === "damage").map((finding) => finding.code);
      // What only the script's own reader minds is no damage to the structure.
      if (!/no script in it|a list|a number/.test(fault.name)) expect(found).toContain(fault.code);
      for (const finding of findings) expect(finding.message).not.toContain(CELL_MARK);
    });
  }
});

describe("what looks odd but is sound", () => {
  it.each([0, 1, 2, 3])("a stream in single sectors, backwards, over %i more extent tables", async (depth) => {
    const good = await goodImage();
    const bytes = await fragmented(await fragmented(good, "media/a.png", depth), "data/table_0", depth);
    expect(await readAll(bytes)).toEqual(await readAll(good));
  });

  it("junk in the upper bits of directory flags", async () => {
    const bytes = await goodImage();
    const view = new DataView(bytes.buffer);
    const container = await openQvf(memorySource(bytes));
    const root = Number(view.getBigUint64(0x200, true));
    for (let slot = 0x400; slot < 0x400 + root; slot += 64) {
      view.setUint32(slot, (view.getUint32(slot, true) | 0xabcd_1238) >>> 0, true);
    }
    const again = await openQvf(memorySource(bytes));
    expect(again.entries).toEqual(container.entries);
  });

  it("a slot that is not in use", async () => {
    const bytes = await goodImage();
    const view = new DataView(bytes.buffer);
    const size = Number(view.getBigUint64(0x200, true));
    // The root directory has room behind its last slot.
    expect(size % 512).toBeLessThanOrEqual(448);
    view.setBigUint64(0x200, BigInt(size + 64), true);
    view.setUint32(0x400 + size, 2, true);
    expect(await readAll(bytes)).toEqual(await readAll(await goodImage()));
  });
});
