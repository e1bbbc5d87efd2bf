import { createHash } from "node:crypto";
import { digestTable } from "../../src/engine/digest.ts";
import { openSealedQvd } from "../../src/engine/open-sealed.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { MAX_SEALED_ITEMS, MAX_SLOTS } from "../../src/limits.ts";
import { contextOf, placeOf } from "../../src/seal/check-parts.ts";
import { openMessage, sealMessage } from "../../src/seal/cobblestone.ts";
import { partNumber } from "../../src/seal/draft.ts";
import { encodeManifest } from "../../src/seal/manifest.ts";
import { packMessage, unpackMessage } from "../../src/seal/msgpack.ts";
import { macLeaves } from "../../src/seal/tree.ts";
import { memorySource } from "../../src/source/memory.ts";
import { findTestKey } from "../fuzz/keys.ts";
import { fitted, withHead } from "../fuzz/mutate-sealed.ts";
import { sealedSeeds } from "../fuzz/targets-seal.ts";
import { headerAndBody } from "../helpers/raw-qvd.ts";
import { type Fault, type FaultKind, utf8 } from "./fault.ts";
import { ABORTING_SPKI } from "./key-faults.ts";

type Tree = Record<string, unknown>;

let seeds: Promise<Uint8Array[]> | undefined;
const good = async () => (await (seeds ??= sealedSeeds()))[0]!.slice();

const open = async (bytes: Uint8Array) => openSealedQvd(memorySource(bytes), findTestKey);

/** Bytes changed by somebody without a key; offsets are from the start of the seal region. */
const raw = (
  code: ErrorCode,
  name: string,
  edit: (region: DataView, file: Uint8Array) => Uint8Array | undefined,
): Fault => ({
  code,
  name,
  bytes: async () => {
    const file = await good();
    const { region } = await open(file);
    const view = new DataView(file.buffer, file.byteOffset + region.head.offset);
    return edit(view, file) ?? file;
  },
});

/** The manifest changed by somebody who has the key: all digests and MACs are right. */
const manifest = (code: ErrorCode, name: string, edit: (m: Tree) => unknown): Fault => ({
  code,
  name,
  bytes: async () => {
    const file = await good();
    const { region } = await open(file);
    const value = unpackMessage(region.head.manifestBytes, "manifest") as Tree;
    const edited = edit(value) ?? value;
    return withHead(file, region, packMessage(edited as never), region.head.entryBytes);
  },
});

const member = (list: unknown, at: number) => (list as Tree[])[at]!;
const cell = (
  m: Tree,
  which: "items" | "plain",
  at: number,
  part: number | undefined,
  place: number,
  value: unknown,
) => {
  const holder = which === "plain" ? (m.plain as unknown[][])[at]! : (member(m.items, at).parts as unknown[][])[part!]!;
  holder[place] = value;
};

/** The keys of the slot changed by somebody who has the key. */
const entry = (code: ErrorCode, name: string, edit: (e: Tree) => unknown): Fault => ({
  code,
  name,
  bytes: async () => {
    const file = await good();
    const { region } = await open(file);
    const value = unpackMessage(region.head.entryBytes[0]!, "slot keys") as Tree;
    const edited = edit(value) ?? value;
    return withHead(file, region, region.head.manifestBytes, [packMessage(edited as never)]);
  },
});

/** The plaintext of a sealed part changed, and sealed again. Part 0 is the meta, 1 the symbols, 2 the index. */
const part = (
  code: ErrorCode,
  name: string,
  k: 0 | 1 | 2,
  edit: (plain: Uint8Array) => Uint8Array | undefined,
): Fault => ({
  code,
  name,
  bytes: async () => {
    const file = await good();
    const { region } = await open(file);
    const { head } = region;
    const item = head.manifest.items[0]!;
    const sealedPart = item.parts[k]!;
    const dek = region.dataKey(0)!;
    const place = placeOf(head, item, sealedPart);
    const context = contextOf(head, item, sealedPart);
    const plain = openMessage(dek, context, file.subarray(place.offset, place.offset + place.length));
    const length = plain.byteLength;
    const sealed = sealMessage(dek, context, fitted(edit(plain) ?? plain, length));
    file.set(sealed, place.offset);
    const digest = macLeaves(region.leafKey, partNumber(head.manifest, 0, k));
    digest.push(sealed);
    const macs = digest.end();
    const parts = item.parts.map((p, i) => (i === k ? { ...p, macs } : p));
    const items = head.manifest.items.map((i, n) => (n === 0 ? { ...i, parts } : i));
    return withHead(file, region, encodeManifest({ ...head.manifest, items }), head.entryBytes);
  },
});

/** The meta is MessagePack: one member replaced by one that takes as many bytes or fewer. */
const meta = (code: ErrorCode, name: string, edit: (m: Tree) => void): Fault =>
  part(code, name, 0, (plain) => {
    const value = unpackMessage(plain, "meta") as Tree;
    edit(value);
    const packed = packMessage(value as never);
    if (packed.byteLength > plain.byteLength)
      throw new Error(`${name}: the meta has ${plain.byteLength} bytes, not ${packed.byteLength}`);
    // What is short is filled up inside, in the lineage or the field's own text.
    const field = value.field as string;
    return packMessage({
      ...value,
      field: field.replace("</", `${" ".repeat(plain.byteLength - packed.byteLength)}</`),
    } as never);
  });

const RAW: readonly Fault[] = [
  raw("SEAL_DAMAGED", "the mark is gone", (r) => void r.setUint8(0, 0)),
  raw("SEAL_VERSION", "a version that is not known", (r) => void r.setUint32(8, 2, true)),
  raw("SEAL_VERSION", "a suite that is not known", (r) => void r.setUint32(12, 2, true)),
  raw(
    "SEAL_DAMAGED",
    "the region says it is a byte longer",
    (r) => void r.setBigUint64(16, r.getBigUint64(16, true) + 1n, true),
  ),
  raw("SEAL_DAMAGED", "the region says it has 2^52 bytes", (r) => void r.setBigUint64(16, 1n << 52n, true)),
  raw("LIMIT_EXCEEDED", "a manifest of 4 GiB", (r) => void r.setUint32(24, 2 ** 32 - 1, true)),
  raw("LIMIT_EXCEEDED", "a key area of 4 GiB", (r) => void r.setUint32(28, 2 ** 32 - 1, true)),
  raw("SEAL_DAMAGED", "proofs of 4 GiB", (r) => void r.setUint32(32, 2 ** 32 - 1, true)),
  raw("SEAL_DAMAGED", "a manifest a byte longer", (r) => void r.setUint32(24, r.getUint32(24, true) + 1, true)),
  raw("SEAL_DAMAGED", "something where zero must be", (r) => void r.setUint32(36, 1, true)),
  raw("SEAL_DAMAGED", "a bit of the manifest", (r) => void r.setUint8(60, r.getUint8(60) ^ 1)),
  raw("SEAL_TRUNCATED", "cut in the middle of the region", (r, file) =>
    file.slice(0, r.byteOffset - file.byteOffset + 200),
  ),
  raw("SEAL_TRUNCATED", "cut by the last byte", (_, file) => file.slice(0, -1)),
  raw("SEAL_DAMAGED", "a byte more at the end", (_, file) => Uint8Array.of(...file, 0)),
  raw("SEAL_DAMAGED", "a bit of the rows", (_, file) => void (file[file.byteLength - 1]! ^= 1)),
  raw("SEAL_DAMAGED", "a bit of a sealed part", (r, file) => {
    const at = file.byteLength - 60;
    if (at < r.byteOffset - file.byteOffset) throw new Error("the region is too short");
    file[at]! ^= 1;
  }),
  raw("SEAL_DAMAGED", "a letter of a field's name", (_, file) => {
    const at = Buffer.from(file.buffer, file.byteOffset, file.byteLength).indexOf("Alpha");
    file[at] = 0x61;
  }),
  raw("SEAL_STRIPPED", "stored again by a program that does not know the seal", (r, file) => {
    const region = r.byteOffset - file.byteOffset;
    const { header } = headerAndBody(file);
    const nul = file.indexOf(0);
    const end = region - nul - 1;
    const rows = Number(/<Offset>(\d+)<\/Offset>(?![\s\S]*<Offset>)/.exec(header)![1]);
    const text = header.replace(/<Offset>\d+<\/Offset>(?![\s\S]*<Offset>)/, `<Offset>${end}</Offset>`);
    return Uint8Array.of(...utf8(text), ...file.subarray(nul, region), ...file.subarray(nul + 1 + rows));
  }),
];

const MANIFEST: readonly Fault[] = [
  ...["id", "container", "mode", "at", "by", "slots", "items", "plain"].map((key) =>
    manifest("SEAL_DAMAGED", `manifest without "${key}"`, (m) => void delete m[key]),
  ),
  ...["id", "container", "mode", "at", "by", "slots", "items", "plain", "signer"].map((key) =>
    manifest("SEAL_DAMAGED", `manifest whose "${key}" is a number`, (m) => void (m[key] = 7)),
  ),
  manifest("SEAL_DAMAGED", "manifest that is a list", (m) => [m]),
  manifest("SEAL_DAMAGED", "manifest that is null", () => [null]),
  manifest("SEAL_DAMAGED", "file id of 15 bytes", (m) => void (m.id = new Uint8Array(15))),
  manifest("SEAL_DAMAGED", "another file's id", (m) => void (m.id = new Uint8Array(16))),
  manifest("SEAL_DAMAGED", "a container of another kind", (m) => void (m.container = "qvf")),
  manifest("SEAL_DAMAGED", "a mode that is none", (m) => void (m.mode = "ajar")),
  manifest("SEAL_DAMAGED", "no slot", (m) => void (m.slots = [])),
  manifest("SEAL_DAMAGED", "two slots of one name", (m) => void (m.slots = ["a", "a"])),
  manifest("SEAL_DAMAGED", "one slot more than keys", (m) => void (m.slots = ["all", "more"])),
  manifest(
    "LIMIT_EXCEEDED",
    "over 64 slots",
    (m) => void (m.slots = Array.from({ length: MAX_SLOTS + 1 }, (_, i) => `s${i}`)),
  ),
  manifest(
    "LIMIT_EXCEEDED",
    "over 4096 items",
    (m) => void (m.items = Array.from({ length: MAX_SEALED_ITEMS + 1 }, () => 0)),
  ),
  manifest("LIMIT_EXCEEDED", "nested over 8 deep", (m) => void (m.by = [[[[[[[[[1]]]]]]]]])),
  manifest("SEAL_DAMAGED", "a signer, and no signature", (m) => void (m.signer = new Uint8Array(32))),
  manifest("SEAL_DAMAGED", "an item of a slot that is none", (m) => void (member(m.items, 0).slot = 1)),
  manifest("SEAL_DAMAGED", "an item of a field that is none", (m) => void (member(m.items, 0).n = 77)),
  manifest("SEAL_DAMAGED", "an item with a negative number", (m) => void (member(m.items, 0).n = -1)),
  manifest("SEAL_DAMAGED", "a mask that is none", (m) => void (member(m.items, 0).mask = "nose")),
  manifest("SEAL_DAMAGED", "an item without parts", (m) => void (member(m.items, 0).parts = [])),
  manifest("SEAL_DAMAGED", "an item under another name", (m) => void (member(m.items, 0).name = "Bets")),
  manifest("SEAL_DAMAGED", "a part of a kind that is none", (m) => cell(m, "items", 0, 0, 0, 9)),
  manifest("SEAL_DAMAGED", "a part that begins a byte later", (m) => cell(m, "items", 0, 0, 1, 1)),
  manifest("SEAL_TRUNCATED", "a part too short for a tag", (m) => cell(m, "items", 0, 0, 2, 60)),
  manifest("SEAL_DAMAGED", "a part of 2^53 bytes", (m) => cell(m, "items", 0, 0, 2, 2 ** 53 - 1)),
  manifest("SEAL_DAMAGED", "a part with half a MAC", (m) => cell(m, "items", 0, 0, 3, new Uint8Array(8))),
  manifest("SEAL_DAMAGED", "two parts in each other's place", (m) => {
    const parts = member(m.items, 0).parts as unknown[];
    parts.reverse();
  }),
  manifest("SEAL_DAMAGED", "a plain part of a role that is none", (m) => cell(m, "plain", 0, undefined, 1, "king")),
  manifest("SEAL_DAMAGED", "a plain part a byte longer", (m) =>
    cell(m, "plain", 0, undefined, 3, ((m.plain as unknown[][])[0]![3] as number) + 1),
  ),
  manifest("SEAL_DAMAGED", "a plain part whose root is another", (m) =>
    cell(m, "plain", 0, undefined, 4, new Uint8Array(32)),
  ),
  manifest("SEAL_DAMAGED", "a plain part with a digest too few", (m) =>
    cell(m, "plain", 0, undefined, 5, new Uint8Array(0)),
  ),
  manifest("SEAL_DAMAGED", "a plain part left out", (m) => void (m.plain as unknown[]).pop()),
];

const ENTRY: readonly Fault[] = [
  ...["slot", "epoch", "jwe", "to", "common", "deks"].map((key) =>
    entry("SEAL_DAMAGED", `slot keys without "${key}"`, (e) => void delete e[key]),
  ),
  entry("SEAL_DAMAGED", "keys of another slot", (e) => void (e.slot = 1)),
  entry("SEAL_DAMAGED", "an epoch below zero", (e) => void (e.epoch = -1)),
  entry("SEAL_DAMAGED", "an envelope that is no JSON", (e) => void (e.jwe = "{")),
  entry("SEAL_DAMAGED", "a recipient without a public key", (e) => void (e.to = [])),
  entry(
    "SEAL_DAMAGED",
    "a recipient whose public key is another",
    (e) => void ((e.to as unknown[][])[0]![1] = new Uint8Array(91)),
  ),
  entry("SEAL_DAMAGED", "a recipient whose key Node aborts on", (e) => {
    const jwe = JSON.parse(e.jwe as string) as { recipients: { header: { kid: string } }[] };
    jwe.recipients[0]!.header.kid = createHash("sha256").update(ABORTING_SPKI).digest("base64url");
    e.jwe = JSON.stringify(jwe);
    (e.to as unknown[][])[0]![1] = ABORTING_SPKI;
  }),
  entry("SEAL_DAMAGED", "a common key of 39 bytes", (e) => void (e.common = new Uint8Array(39))),
  entry("SEAL_WRONG_KEY", "a common key that does not open", (e) => void (e.common = new Uint8Array(40))),
  entry("SEAL_WRONG_KEY", "data keys that do not open", (e) => {
    e.deks = (e.deks as unknown[][]).map(([item]) => [item, new Uint8Array(40)]);
  }),
  entry("SEAL_DAMAGED", "a data key left out", (e) => void (e.deks as unknown[]).pop()),
  entry("SEAL_DAMAGED", "a data key twice", (e) => void (e.deks as unknown[]).push((e.deks as unknown[])[0])),
  entry("SEAL_DAMAGED", "a data key of an item that is none", (e) => void (e.deks = [[77, new Uint8Array(40)]])),
  entry("SEAL_DAMAGED", "a data key of an item below zero", (e) => void (e.deks = [[-1, new Uint8Array(40)]])),
  entry(
    "LIMIT_EXCEEDED",
    "over 4096 data keys",
    (e) => void (e.deks = Array.from({ length: MAX_SEALED_ITEMS + 1 }, () => [])),
  ),
];

const PARTS: readonly Fault[] = [
  part("SEAL_DAMAGED", "meta that is no MessagePack", 0, (plain) => plain.fill(0xc1)),
  meta("SEAL_DAMAGED", "meta with another number of rows", (m) => void (m.rows = 3)),
  meta("SEAL_DAMAGED", "meta with another length of symbols", (m) => void (m.bytes = 1)),
  meta("SEAL_DAMAGED", "meta with indexes of 5 bytes", (m) => void (m.width = 5)),
  meta("QVD_XML", "meta whose field is no XML", (m) => void (m.field = (m.field as string).replace("</", "<<"))),
  meta(
    "QVD_HEADER",
    "meta whose field has no bias",
    (m) => void (m.field = (m.field as string).replaceAll("Bias", "Bial")),
  ),
  part("QVD_SYMBOL", "a symbol of a type that is none", 1, (plain) => void (plain[0] = 3)),
  part("QVD_INDEX", "an index beyond the symbols", 2, (plain) => plain.fill(0xff)),
];

export const SEALED_KIND: FaultKind = {
  kind: "sealed",
  faults: [...RAW, ...MANIFEST, ...ENTRY, ...PARTS],
  good,
  async read(bytes) {
    const table = await open(bytes);
    try {
      return await digestTable(table);
    } finally {
      await table.close();
    }
  },
  classes: ["damaged", "seal", "key", "unsupported"],
};
