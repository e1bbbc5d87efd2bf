import { digestApp } from "../../src/engine/app-digest.ts";
import { appParts, writeApp } from "../../src/engine/app-write.ts";
import { openSealedApp } from "../../src/engine/open-sealed-app.ts";
import { openQvfApp } from "../../src/engine/qvf-app.ts";
import type { SealOptions } from "../../src/engine/seal-plan.ts";
import { inspectSealed } from "../../src/engine/seal-report.ts";
import { verifySealed } from "../../src/engine/seal-verify.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import { goodImage } from "../helpers/qvf-image.ts";
import { sealAppBytes } from "../seal/sealed-app.ts";
import { findTestKey, testRecipient } from "./keys.ts";
import { mutateSealedApp } from "./mutate-sealed.ts";
import { must, type Target } from "./target.ts";

/** Sealed apps of both modes and all masks, with and without sealed section access. */
async function seeds(): Promise<Uint8Array[]> {
  const app = await goodImage();
  const slot = (name: string, fields: readonly string[]) => ({ name, recipients: [testRecipient()], fields });
  const all = [slot("all", ["Text", "Key"])];
  const two = [slot("hr", ["Text"]), slot("fin", ["Amount", "Same"])];
  const options: SealOptions[] = [
    { slots: all },
    { slots: all, mode: "closed", sectionAccess: true },
    { slots: [...two, slot("keys", ["Name"])], mask: "token", sectionAccess: true },
    { slots: two, mask: "const", keepLineage: true },
  ];
  return Promise.all(options.map((each) => sealAppBytes(app, each)));
}

const sealedApp: Target = {
  name: "sealed-app",
  files: [
    "engine/open-sealed-app.ts",
    "engine/open-sealed-items.ts",
    "engine/open-sealed-tables.ts",
    "engine/seal-qvf-head.ts",
    "engine/seal-qvf-meta.ts",
    "engine/seal-qvf-statistics.ts",
    "engine/sealed-part.ts",
    "container/qvf/overlay.ts",
    "container/qvf/seal-member.ts",
    "container/qvf/stored-table.ts",
    "table/qvf-mixed-table.ts",
  ],
  maxBytes: 256 * 1024,
  maxMs: 1500,
  mutators: [mutateSealedApp, mutateSealedApp, mutateSealedApp],
  seeds,
  async run(data) {
    const source = memorySource(data, "f.qvf");
    const { findings } = await verifySealed(source, findTestKey);
    await inspectSealed(source).catch(() => {});
    const app = await openSealedApp(source, findTestKey);
    const digest = await digestApp(app);
    if (findings.length > 0) return;
    const sink = memorySink();
    await writeApp(sink, await appParts(app));
    await sink.commit();
    const again = await digestApp(await openQvfApp(memorySource(sink.result())));
    must(JSON.stringify(again) === JSON.stringify(digest), "a decrypted app holds something else");
    await app.close();
  },
};

export const SEALED_APP_TARGETS: readonly Target[] = [sealedApp];
