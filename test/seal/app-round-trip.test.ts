import { describe, expect, it } from "vitest";
import { digestApp } from "../../src/engine/app-digest.ts";
import { readSealedAppHead } from "../../src/engine/seal-qvf-head.ts";
import { memorySource } from "../../src/source/memory.ts";
import { openBytes, realBytes, undamaged } from "../helpers/qvf.ts";
import { goodImage } from "../helpers/qvf-image.ts";
import { describeShared } from "../helpers/shared.ts";
import { keysOf, person } from "./people.ts";
import { openAppBytes, sealAppBytes, streamsOf } from "./sealed-app.ts";

const hr = person("hr");

describe("a sealed app", () => {
  it.each(["open", "closed"] as const)("in %s mode opens to the same streams with its one slot", async (mode) => {
    const qvf = await goodImage();
    const sealed = await sealAppBytes(qvf, {
      mode,
      sectionAccess: true,
      slots: [{ name: "hr", recipients: [hr.recipient()], fields: ["Text", "Name"] }],
    });
    const before = await openBytes(qvf);
    const after = await openAppBytes(sealed, keysOf(hr));
    expect(await digestApp(after)).toEqual(await digestApp(before));
    expect(await streamsOf(after)).toEqual(await streamsOf(before));
    expect(after.seal).toMatchObject({ exact: true, stillSealed: [] });
    await readSealedAppHead(memorySource(sealed));
  });
});

describeShared("every real app", () => {
  it("seals and opens to the same content, and some of them are looked at stream by stream", {
    timeout: 240_000,
  }, async () => {
    let done = 0;
    for (const line of undamaged()) {
      const qvf = realBytes(line);
      const before = await openBytes(qvf);
      const model = await before.model();
      const fields = model.header.fields.filter((name) => !name.startsWith("$"));
      const sectionAccess = model.sectionAccess.length > 0;
      const slots = [{ name: "s", recipients: [hr.recipient()], fields }];
      const after = await openAppBytes(await sealAppBytes(qvf, { bookmarks: true, sectionAccess, slots }), keysOf(hr));
      expect(after.seal).toMatchObject({ exact: true });
      // What an independent reader found in the original.
      const { tables, sectionAccess: rules, scriptSha256 } = line;
      expect(await digestApp(after), line.file).toEqual({ tables, sectionAccess: rules, scriptSha256 });
      if (done % 7 === 0 || process.env.QVAULT_LONG) {
        expect(await streamsOf(after), line.file).toEqual(await streamsOf(before));
      }
      await after.close();
      done += 1;
    }
    console.info(`${done} real apps sealed and opened`);
    expect(done).toBeGreaterThan(20);
  });
});
