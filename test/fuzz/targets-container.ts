import { equalBytes } from "../../src/bytes/concat.ts";
import { parseHeader } from "../../src/container/qvd/header.ts";
import { parseXml } from "../../src/container/qvd/xml.ts";
import { openQvf } from "../../src/container/qvf/reader.ts";
import { digestApp } from "../../src/engine/app-digest.ts";
import { associationGraph } from "../../src/engine/app-graph.ts";
import { salvageApp } from "../../src/engine/app-salvage.ts";
import { appParts, writeApp } from "../../src/engine/app-write.ts";
import { digestTable } from "../../src/engine/digest.ts";
import { inflateNode } from "../../src/engine/inflate.ts";
import { inspect } from "../../src/engine/inspect.ts";
import { inspectApp } from "../../src/engine/inspect-app.ts";
import { openQvfApp, scriptOrCopy } from "../../src/engine/qvf-app.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { verifyQvd } from "../../src/table/qvd-verify.ts";
import { rewriteQvd, writeSelected } from "../../src/table/qvd-write.ts";
import { verifyQvf } from "../../src/table/qvf-verify.ts";
import { FAULTS, goodQvd } from "../container/qvd-malformed.ts";
import { QVF_FAULTS } from "../container/qvf-malformed.ts";
import { goodImage } from "../helpers/qvf-image.ts";
import { growQvd, mutateQvd, mutateQvf } from "./mutate-container.ts";
import { mutateXml } from "./mutate-text.ts";
import { must, refusal, type Target } from "./target.ts";

/** Faults that are small: the large ones are tests of limits, and slow everything down. */
async function faults(list: readonly { readonly bytes: () => Uint8Array | Promise<Uint8Array> }[], most: number) {
  const made: Uint8Array[] = [];
  for (const fault of list) {
    const bytes = await fault.bytes();
    if (bytes.byteLength <= most) made.push(bytes);
  }
  return made;
}

const headerOf = (qvd: Uint8Array) => qvd.subarray(0, qvd.indexOf(0) + 1 || qvd.byteLength);

/** True if it was refused; anything but a refusal is thrown on. */
async function refused(work: () => unknown): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (error) {
    if (refusal(error) === undefined) throw error;
    return true;
  }
}

const qvdHeader: Target = {
  name: "qvd-header",
  files: ["container/qvd/xml.ts", "container/qvd/header.ts"],
  maxBytes: 16 * 1024,
  mutators: [mutateXml],
  words: [
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?xml",
    "?>",
    "<!DOCTYPE",
    "&amp;",
    "&#65;",
    "&#x41;",
    "/>",
    "</",
    "\u0000",
    "\ufeff",
    "<Fields>",
  ],
  seeds: async () => [goodQvd(), ...(await faults(FAULTS, 16 * 1024))].map(headerOf),
  run(data) {
    const text = data.at(-1) === 0 ? data.subarray(0, -1) : data;
    parseXml(text);
    parseHeader(data);
  },
};

const qvdFile: Target = {
  name: "qvd-file",
  files: [
    "container/qvd/layout.ts",
    "container/qvd/open.ts",
    "table/qvd-table.ts",
    "table/qvd-verify.ts",
    "table/symbol-parse.ts",
    "table/record-unpack.ts",
    "table/qvd-write.ts",
    "container/qvd/writer.ts",
    "container/qvd/header-build.ts",
    "container/qvd/header-tree.ts",
  ],
  maxBytes: 32 * 1024,
  mutators: [mutateQvd, mutateQvd, growQvd],
  words: ["<Bias>-2</Bias>", "<BitWidth>0</BitWidth>", "\u0004", "\u0005"],
  seeds: async () => [goodQvd(), ...(await faults(FAULTS, 16 * 1024))],
  async run(data) {
    const source = memorySource(data, "f.qvd");
    const { findings } = await verifyQvd(source);
    const damaged = findings.some((finding) => finding.level === "damage");
    const bad = await refused(async () => {
      const table = await openQvdTable(source);
      const digest = await digestTable(table);
      await inspect(source);
      const same = memorySink();
      await rewriteQvd(same, table);
      await same.commit();
      must(findings.length > 0 || equalBytes(same.result(), data), "rewriting a file without fault gives other bytes");
      // A table without fields can be read; nothing is made of it.
      if (table.fields.length === 0) return;
      const sink = memorySink();
      await writeSelected(sink, table);
      await sink.commit();
      const again = await digestTable(await openQvdTable(memorySource(sink.result())));
      must(JSON.stringify(again.columns) === JSON.stringify(digest.columns), "read(write(read(x))) is not read(x)");
    });
    must(bad === damaged, bad ? "what verify calls sound is refused" : "what verify calls damaged is read");
    if (bad) await openQvdTable(source);
  },
};

const qvfContainer: Target = {
  name: "qvf-container",
  files: [
    "container/qvf/reader.ts",
    "container/qvf/header.ts",
    "container/qvf/inode.ts",
    "container/qvf/directory.ts",
    "container/qvf/claims.ts",
  ],
  maxBytes: 64 * 1024,
  mutators: [],
  seeds: async () => [await goodImage(), ...(await faults(QVF_FAULTS, 64 * 1024))],
  async run(data) {
    const container = await openQvf(memorySource(data, "f.qvf"));
    await container.claimAll();
    for (const { path, isDirectory } of container.entries) if (!isDirectory) await container.read(path);
  },
};

const qvfFile: Target = {
  name: "qvf-file",
  files: [
    "container/qvf/access-stream.ts",
    "container/qvf/blob.ts",
    "container/qvf/deflate.ts",
    "container/qvf/field-stream.ts",
    "container/qvf/field-tail.ts",
    "container/qvf/frame.ts",
    "container/qvf/model-header.ts",
    "container/qvf/parts.ts",
    "container/qvf/table-stream.ts",
    "container/qvf/text.ts",
    "table/qvf-access.ts",
    "table/qvf-field.ts",
    "table/qvf-model.ts",
    "table/qvf-symbols.ts",
    "table/qvf-table.ts",
    "table/qvf-unpack.ts",
    "table/qvf-verify.ts",
    "engine/qvf-app.ts",
    "engine/app-objects.ts",
    "engine/script-copy.ts",
  ],
  maxBytes: 64 * 1024,
  maxMs: 1500,
  mutators: [mutateQvf, mutateQvf, mutateQvf, mutateQvf],
  seeds: async () => [await goodImage(), ...(await faults(QVF_FAULTS, 64 * 1024))],
  async run(data) {
    const source = memorySource(data, "f.qvf");
    const { findings } = await verifyQvf(source, { inflate: inflateNode });
    const damaged = findings.some((finding) => finding.level === "damage");
    const app = await openQvfApp(source);
    await refused(() => inspectApp(source).then(associationGraph));
    await refused(() => scriptOrCopy(app));
    for (const object of app.objects) await refused(() => app.content(object.path));
    const digest = await digestApp(app);
    if (damaged) return;
    const sink = memorySink();
    await writeApp(sink, await appParts(app));
    await sink.commit();
    const again = await digestApp(await openQvfApp(memorySource(sink.result())));
    must(JSON.stringify(again) === JSON.stringify(digest), "read(write(read(x))) is not read(x)");
  },
};

const qvfSalvage: Target = {
  name: "qvf-salvage",
  files: ["container/qvf/salvage.ts", "engine/app-salvage.ts"],
  maxBytes: 64 * 1024,
  mutators: [mutateQvf],
  words: ['{"format":"gzjson"}\u0000', '{"format":"binary"}\u0000', "x\u009c"],
  seeds: async () => [await goodImage(), ...(await faults(QVF_FAULTS, 64 * 1024)).slice(0, 20)],
  async run(data) {
    const app = await salvageApp(memorySource(data, "f.qvf"));
    app.script();
  },
};

export const CONTAINER_TARGETS: readonly Target[] = [qvdHeader, qvdFile, qvfContainer, qvfFile, qvfSalvage];
