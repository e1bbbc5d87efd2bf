import { concat, equalBytes } from "../../src/bytes/concat.ts";
import { readSealedHead } from "../../src/engine/open-seal-head.ts";
import { readSealedAppHead } from "../../src/engine/seal-qvf-head.ts";
import { authenticate, type OpenedRegion } from "../../src/seal/authenticate.ts";
import { contextOf, placeOf } from "../../src/seal/check-parts.ts";
import { openMessage, sealMessage } from "../../src/seal/cobblestone.ts";
import { partNumber } from "../../src/seal/draft.ts";
import { fileMac, slotMac } from "../../src/seal/macs.ts";
import { decodeManifest, encodeManifest, type Manifest } from "../../src/seal/manifest.ts";
import { packMessage } from "../../src/seal/msgpack.ts";
import { assembleHead, encodePrefix, fillKeyArea, proofBytes, type RegionHead } from "../../src/seal/region.ts";
import { fileMacKey } from "../../src/seal/suite.ts";
import { hashLeaves, macLeaves, treeRoot } from "../../src/seal/tree.ts";
import { memorySource } from "../../src/source/memory.ts";
import { findTestKey } from "./keys.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import { mutateJson, mutateMessage, mutateXml } from "./mutate-text.ts";
import type { Random } from "./random.ts";
import type { Mutator } from "./target.ts";

/** `bytes` cut or filled to a length, so that nothing else in the file has to move. */
export function fitted(bytes: Uint8Array, length: number, fill = 0): Uint8Array {
  const out = new Uint8Array(length).fill(fill);
  out.set(bytes.subarray(0, length));
  return out;
}

/** The plain part or sealed part that is changed, and the digests in the manifest made to fit, as a sealer would. */
async function changeParts(file: Uint8Array, region: OpenedRegion, random: Random): Promise<Manifest> {
  const { head } = region;
  const manifest = decodeManifest(encodeManifest(head.manifest));
  if (random.oneIn(3)) {
    const at = random.below(manifest.plain.length);
    const part = manifest.plain[at]!;
    const old = file.slice(part.offset, part.offset + part.length);
    const changed =
      part.role === "header" && random.oneIn(2)
        ? await mutateXml(old, random, old)
        : await mutateBytes(old, random, old);
    file.set(fitted(changed, part.length, part.role === "header" ? 32 : 0), part.offset);
    const digest = hashLeaves();
    digest.push(file.subarray(part.offset, part.offset + part.length));
    const leaves = digest.end();
    const plain = manifest.plain.map((p, i) => (i === at ? { ...p, leaves, root: treeRoot(leaves) } : p));
    return { ...manifest, plain };
  }
  const number = random.below(manifest.items.length);
  const k = random.below(manifest.items[number]!.parts.length);
  const isMeta = manifest.items[number]!.parts[k]!.kind === "meta";
  return resealed(file, region, number, k, (old) =>
    isMeta ? mutateMessage(old, random, old) : mutateBytes(old, random, old),
  );
}

/**
 * Changes what a part of an item holds, in place, cut or filled up with zeros to its length; gives the manifest whose
 * MACs fit. Nothing happens to an item whose key is not here.
 */
export async function resealed(
  file: Uint8Array,
  region: OpenedRegion,
  number: number,
  k: number,
  change: (old: Uint8Array) => Uint8Array | Promise<Uint8Array>,
): Promise<Manifest> {
  const { head } = region;
  const { manifest } = head;
  const item = manifest.items[number]!;
  const dek = region.dataKey(number);
  if (dek === undefined) return manifest;
  const place = placeOf(head, item, item.parts[k]!);
  const context = contextOf(head, item, item.parts[k]!);
  const old = openMessage(dek, context, file.subarray(place.offset, place.offset + place.length));
  const sealed = sealMessage(dek, context, fitted(await change(old), old.byteLength));
  file.set(sealed, place.offset);
  const digest = macLeaves(region.leafKey, partNumber(manifest, number, k));
  digest.push(sealed);
  const macs = digest.end();
  const parts = item.parts.map((p, i) => (i === k ? { ...p, macs } : p));
  return { ...manifest, items: manifest.items.map((i, n) => (n === number ? { ...i, parts } : i)) };
}

/** The file with another manifest and other entries, every MAC and digest of the head made anew. */
export function withHead(
  file: Uint8Array,
  region: OpenedRegion,
  manifest: Uint8Array,
  entries: readonly Uint8Array[],
): Uint8Array {
  const { head } = region;
  // What the manifest gains the key area loses, so that the parts behind them stay where they are.
  const keyAreaLength = head.keyArea.byteLength + head.manifestBytes.byteLength - manifest.byteLength;
  const signature = head.proofs.signature;
  const proofLength = head.headLength - 40 - head.manifestBytes.byteLength - head.keyArea.byteLength - 32;
  const { regionLength } = head;
  const prefix = encodePrefix({ regionLength, manifestLength: manifest.byteLength, keyAreaLength, proofLength });
  const area = fillKeyArea(packMessage(entries), keyAreaLength);
  const macs = head.proofs.macs.map((mac, slot) => {
    const opened = region.slots.find((s) => s.slot === slot);
    return opened && entries[slot] ? slotMac(opened.keys.mac, prefix, manifest, entries[slot]) : mac;
  });
  const proofs = proofBytes(macs, signature);
  const mac = fileMac(fileMacKey(region.commonKey, head.manifest.fileId), prefix, manifest, area, proofs);
  const bytes = assembleHead(prefix, manifest, area, concat([proofs, mac]));
  return concat([file.subarray(0, head.offset), bytes, file.subarray(head.offset + bytes.byteLength)]);
}

/** A sealed file changed by somebody who has its keys: everything is authentic, and wrong somewhere. */
async function changed(data: Uint8Array, region: OpenedRegion, random: Random, other: Uint8Array): Promise<Uint8Array> {
  const { head } = region;
  try {
    const file = data.slice();
    switch (random.below(4)) {
      case 0:
        return withHead(file, region, await mutateMessage(head.manifestBytes, random, other), head.entryBytes);
      case 1: {
        const at = random.below(head.entryBytes.length);
        const entries = await Promise.all(
          head.entryBytes.map((e, i) => (i === at ? mutateMessage(e, random, other) : e)),
        );
        return withHead(file, region, head.manifestBytes, entries);
      }
      default:
        return withHead(file, region, encodeManifest(await changeParts(file, region, random)), head.entryBytes);
    }
  } catch {
    return mutateBytes(data, random, other);
  } finally {
    region.wipe();
  }
}

/** {@link changed}, where the keys of `data` are those of the tests. */
const sealedMutator =
  (headOf: (data: Uint8Array) => Promise<RegionHead>): Mutator =>
  async (data, random, other) => {
    let region: OpenedRegion;
    try {
      region = await authenticate(await headOf(data), findTestKey);
    } catch {
      return mutateBytes(data, random, other);
    }
    return changed(data, region, random, other);
  };

export const mutateSealed = sealedMutator(async (data) => (await readSealedHead(memorySource(data))).region);
export const mutateSealedApp = sealedMutator((data) => readSealedAppHead(memorySource(data)));

/** The JSON inside the base64 of a JWE's protected header. */
export const mutateProtected: Mutator = async (data, random, other) => {
  try {
    const jwe = JSON.parse(new TextDecoder().decode(data)) as { protected: string };
    const inner = new Uint8Array(Buffer.from(jwe.protected, "base64url"));
    const changed = await mutateJson(inner, random, other);
    if (equalBytes(changed, inner)) return data;
    return new TextEncoder().encode(JSON.stringify({ ...jwe, protected: Buffer.from(changed).toString("base64url") }));
  } catch {
    return mutateJson(data, random, other);
  }
};
