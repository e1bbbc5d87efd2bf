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
const LONG = Boolean(process.env.QVAULT_LONG);

/** Small apps of several makers: the ordinary run takes these, the long one every app. */
const SOME = [
  "qlik-oss-corectl/",
  "qlik-oss-server-side-extension/SSE_Full_Script_Support_pandas",
  "apamo-deserializeapp/",
  "Duva-01-CitasMedicasQlikView/",
  "codinginsaan7-MSIL_Sales_Forecasting_QlikProject/Predicted",
  "fadyheiba-QSLoopAndReduce/",
  "ptarmiganlabs-butler/Butler 8.4",
  "nabeel-oz-qlik-py-tools/Sample-App-Forecasting",
  "PacktPublishing-Machine-Learning-with-Qlik-Sense/Churn",
  "Qlik-Sense-Extensions-Collection-of-visualizations/Custom",
];

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

describeShared(LONG ? "every real app" : "some real apps", () => {
  it("seal and open to the same content, stream by stream", { timeout: 240_000 }, async () => {
    const all = undamaged();
    const lines = LONG ? all : SOME.flatMap((name) => all.find(({ file }) => file.startsWith(`qvf/${name}`)) ?? []);
    for (const line of lines) {
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
      expect(await streamsOf(after), line.file).toEqual(await streamsOf(before));
      await after.close();
    }
    console.info(`${lines.length} real apps sealed and opened`);
    expect(lines).toHaveLength(LONG ? 35 : SOME.length);
  });
});
