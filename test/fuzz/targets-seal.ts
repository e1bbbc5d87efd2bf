import { equalBytes } from "../../src/bytes/concat.ts";
import { decodeUtf8 } from "../../src/bytes/utf8.ts";
import { digestTable } from "../../src/engine/digest.ts";
import { readSealedHead } from "../../src/engine/open-seal-head.ts";
import { openSealedQvd } from "../../src/engine/open-sealed.ts";
import type { SealOptions } from "../../src/engine/seal-plan.ts";
import { sealQvd } from "../../src/engine/seal-qvd.ts";
import { inspectSealed } from "../../src/engine/seal-report.ts";
import { verifySealed } from "../../src/engine/seal-verify.ts";
import { authenticate } from "../../src/seal/authenticate.ts";
import { contentKey, createJwe, openJwe, refOf, unwrapRequestOf } from "../../src/seal/jwe.ts";
import { parseJwe } from "../../src/seal/jwe-form.ts";
import { decodeManifest, encodeManifest } from "../../src/seal/manifest.ts";
import { packMessage, unpackMessage } from "../../src/seal/msgpack.ts";
import { defaultProvider } from "../../src/seal/provider.ts";
import { decodeSlotEntry, encodeSlotEntry } from "../../src/seal/slot-entry.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { rewriteQvd } from "../../src/table/qvd-write.ts";
import { goodQvd } from "../container/qvd-malformed.ts";
import { findTestKey, testRecipient } from "./keys.ts";
import { mutateProtected, mutateSealed } from "./mutate-sealed.ts";
import { mutateJson, mutateMessage } from "./mutate-text.ts";
import { must, refusal, type Target } from "./target.ts";

async function sealed(options: Partial<SealOptions>): Promise<Uint8Array> {
  const sink = memorySink();
  const slots = [{ name: "all", recipients: [testRecipient()], fields: ["Beta"] }];
  await sealQvd(await openQvdTable(memorySource(goodQvd())), sink, { slots, ...options });
  await sink.commit();
  return sink.result();
}

const two: SealOptions["slots"] = [
  { name: "hr", recipients: [testRecipient(), testRecipient()], fields: ["Alpha", "Beta"] },
  { name: "audit", recipients: [testRecipient()], fields: ["Beta", "Gamma"] },
];

/** Sealed files of both modes and all masks. */
export async function sealedSeeds(): Promise<Uint8Array[]> {
  return [
    await sealed({}),
    await sealed({ mode: "closed" }),
    await sealed({ mask: "token", slots: two }),
    await sealed({ mask: "const", keepComment: true }),
  ];
}

const sealedFile: Target = {
  name: "sealed-file",
  files: [
    "engine/open-seal-head.ts",
    "engine/open-sealed.ts",
    "engine/seal-verify.ts",
    "engine/seal-meta.ts",
    "engine/restore-header.ts",
    "seal/region.ts",
    "seal/authenticate.ts",
    "seal/check-parts.ts",
    "seal/checked-source.ts",
    "seal/manifest.ts",
    "seal/slot-entry.ts",
    "seal/macs.ts",
    "seal/tree.ts",
  ],
  maxBytes: 64 * 1024,
  mutators: [mutateSealed, mutateSealed, mutateSealed],
  seeds: sealedSeeds,
  async run(data) {
    const source = memorySource(data, "f.qvd");
    const { findings } = await verifySealed(source, findTestKey);
    const table = await openSealedQvd(source, findTestKey);
    const digest = await digestTable(table);
    await inspectSealed(source);
    // What stands in the place of a field that opens, and the MACs beside its chunks, are for those without its key. Places
    // count, not names: whoever has the keys may call the parts what he likes.
    const opened = table.region.head.manifest.items.filter(({ name }) => !table.stillSealed.includes(name));
    const { header, symbols, records } = table.layout;
    const plain = symbols.filter(({ ordinal }) => !opened.some((item) => item.ordinal === ordinal));
    const ranges = [header, records, ...plain];
    const read = findings.filter(
      ({ offset }) => offset === undefined || ranges.some((r) => offset >= r.offset && offset < r.offset + r.length),
    );
    must(read.length === 0, "what verify calls damaged is read");
    const sink = memorySink();
    await rewriteQvd(sink, table);
    await sink.commit();
    const again = await digestTable(await openQvdTable(memorySource(sink.result())));
    must(JSON.stringify(again.columns) === JSON.stringify(digest.columns), "a decrypted file holds something else");
    await table.close();
  },
};

/** What only a key makes trustworthy: with the right one at hand nothing may open that was not sealed so. */
const sealedHead: Target = {
  name: "sealed-head",
  files: ["seal/region.ts", "seal/manifest.ts", "seal/slot-entry.ts", "seal/recipient.ts"],
  maxBytes: 64 * 1024,
  mutators: [mutateSealed],
  words: ["QSEAL1\r\n"],
  seeds: sealedSeeds,
  async run(data) {
    const { region } = await readSealedHead(memorySource(data));
    const opened = await authenticate(region, findTestKey);
    for (const entry of region.entries) {
      const again = decodeSlotEntry(
        encodeSlotEntry(entry),
        entry.slot,
        region.manifest.fileId,
        region.manifest.items.length,
      );
      must(
        again.recipients.length === entry.recipients.length && again.epoch === entry.epoch,
        "an entry changes in writing",
      );
    }
    opened.wipe();
  },
};

async function heads() {
  const found = [];
  for (const seed of await sealedSeeds()) found.push((await readSealedHead(memorySource(seed))).region);
  return found;
}

const manifest: Target = {
  name: "manifest",
  files: ["seal/manifest.ts", "seal/msgpack.ts", "seal/tree.ts"],
  maxBytes: 16 * 1024,
  mutators: [mutateMessage],
  seeds: async () => (await heads()).map((head) => head.manifestBytes),
  run(data) {
    const value = decodeManifest(data);
    const written = encodeManifest(value);
    must(equalBytes(written, encodeManifest(decodeManifest(written))), "read(write(read(x))) is not read(x)");
  },
};

const msgpack: Target = {
  name: "msgpack",
  files: ["seal/msgpack.ts"],
  maxBytes: 16 * 1024,
  mutators: [mutateMessage],
  words: ["\u00dc", "\u0080", "__proto__"],
  seeds: async () => {
    const all = [
      null,
      true,
      1,
      -1,
      255,
      65_536,
      2 ** 40,
      -(2 ** 31),
      "x".repeat(300),
      new Uint8Array(70_000),
      Array(20).fill([]),
      { a: { b: [1] } },
    ];
    return [
      ...(await heads()).flatMap((head) => [head.manifestBytes, ...head.entryBytes]),
      ...all.map((value) => packMessage(value as never)),
    ];
  },
  run(data) {
    const value = unpackMessage(data, "message");
    const again = packMessage(value);
    must(equalBytes(again, packMessage(unpackMessage(again, "message"))), "read(write(read(x))) is not read(x)");
  },
};

const jwe: Target = {
  name: "jwe",
  files: ["seal/jwe.ts", "seal/recipient.ts", "seal/concat-kdf.ts", "keys/software.ts"],
  maxBytes: 16 * 1024,
  mutators: [mutateJson, mutateProtected],
  words: ["A256GCM", "RSA-OAEP-256", "ECDH-ES+A256KW", "RSA1_5", "dir", "none", "__proto__"],
  seeds: async () => {
    const payload = new Uint8Array(32).fill(7);
    const provider = await defaultProvider();
    const made = [1, 2, 5].map((n) =>
      createJwe(payload, { fileId: "00", slot: 0 }, Array(n).fill(testRecipient()), provider),
    );
    return (await Promise.all(made)).map((each) => new TextEncoder().encode(JSON.stringify(each)));
  },
  async run(data) {
    const parsed = parseJwe(decodeUtf8(data, "jwe"));
    must(
      JSON.stringify(parseJwe(JSON.stringify(parsed.jwe)).jwe) === JSON.stringify(parsed.jwe),
      "a JWE changes in writing",
    );
    for (const recipient of parsed.jwe.recipients) {
      const handle = await findTestKey(refOf(recipient));
      if (handle === undefined) continue;
      try {
        const plain = openJwe(parsed.jwe, contentKey(recipient, await handle.unwrap(unwrapRequestOf(recipient))));
        must(equalBytes(plain, new Uint8Array(32).fill(7)), "a JWE opens to what was never sealed");
      } catch (error) {
        if (refusal(error) === undefined) throw error;
      }
    }
  },
};

export const SEAL_TARGETS: readonly Target[] = [sealedFile, sealedHead, manifest, msgpack, jwe];
