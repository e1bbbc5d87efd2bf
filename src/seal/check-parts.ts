import { equalBytes } from "../bytes/concat.ts";
import { needs, QErr } from "../errors.ts";
import type { ByteSource } from "../source/source.ts";
import type { OpenedRegion } from "./authenticate.ts";
import { checkedSource, leafDamage } from "./checked-source.ts";
import { partNumber } from "./draft.ts";
import type { SealedItem, SealedPart } from "./manifest.ts";
import { type MessagePlace, type OnDamage, raise, readMessage } from "./message-stream.ts";
import type { RegionHead } from "./region.ts";
import { contextBytes } from "./suite.ts";
import { LEAF_BYTES, LEAF_MAC_BYTES, macLeaves } from "./tree.ts";

/** Where a sealed part lies in the file, and what to call it. */
export function placeOf(head: RegionHead, item: SealedItem, part: SealedPart): MessagePlace {
  const name = `sealed ${part.kind} of "${item.name}"`;
  return { name, offset: head.offset + head.headLength + part.offset, length: part.length };
}

/** The context that a part was sealed with. */
export function contextOf(head: RegionHead, item: SealedItem, part: SealedPart): Uint8Array {
  const { fileId } = head.manifest;
  return contextBytes({ fileId, slot: item.slot, ordinal: item.ordinal, kind: part.kind, name: item.name });
}

/** Leaves of 1 MiB that are kept while sealed parts are read side by side: a few fields' worth. */
const KEPT_LEAVES = 16;

/**
 * The source to read sealed parts from. Where a signature was checked it holds every byte to the digest that was signed:
 * whoever has a data key makes tags that fit, so they do not say that these are the writer's bytes.
 */
export function sealedSource(source: ByteSource, { head, signature }: OpenedRegion): ByteSource {
  if (signature !== "verified") return source;
  const parts = head.manifest.items.flatMap((item) =>
    // A signed file has them (`decodeManifest`).
    item.parts.map((part) => ({ ...placeOf(head, item, part), leaves: part.leaves! })),
  );
  return checkedSource(source, parts, KEPT_LEAVES);
}

/**
 * Checks that plain parts, head and sealed parts fill the file without a hole, an overlap or a byte behind the end, so
 * that no byte is left that nothing stands for.
 * @throws `SEAL_DAMAGED`, `SEAL_TRUNCATED`
 */
export function checkTiling(head: RegionHead, fileSize: number): void {
  const { manifest } = head;
  const ranges = [
    ...manifest.plain,
    { name: "seal region", offset: head.offset, length: head.headLength },
    ...manifest.items.flatMap((item) => item.parts.map((part) => placeOf(head, item, part))),
  ];
  const sorted = ranges.filter((r) => r.length > 0).sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const range of sorted) {
    needs(range.offset === end, "SEAL_DAMAGED", `${range.name} does not begin where the part before it ends`, {
      part: range.name,
      offset: end,
    });
    end += range.length;
  }
  needs(end <= fileSize, "SEAL_TRUNCATED", `the file has ${fileSize} bytes, ${end} were sealed`, {
    offset: fileSize,
    hint: "fetch the file again: its end is missing",
  });
  needs(end === fileSize, "SEAL_DAMAGED", `${fileSize - end} bytes follow the end of the sealed file`, {
    offset: end,
    length: fileSize - end,
  });
}

/** Compares every plain part with its digests. Without a key this finds accidents, not forgeries. */
export async function checkPlainParts(source: ByteSource, head: RegionHead, onDamage: OnDamage = raise): Promise<void> {
  for (const part of head.manifest.plain) await checkHashes(source, part, onDamage);
}

/** Compares sealed bytes with their SHA-256, where there are any (signed files). Gives the number of parts checked. */
export async function checkSealedHashes(
  source: ByteSource,
  head: RegionHead,
  onDamage: OnDamage = raise,
): Promise<number> {
  let checked = 0;
  for (const item of head.manifest.items) {
    for (const part of item.parts) {
      if (part.leaves === undefined) continue;
      await checkHashes(source, { ...placeOf(head, item, part), leaves: part.leaves }, onDamage);
      checked += 1;
    }
  }
  return checked;
}

async function checkHashes(
  source: ByteSource,
  part: MessagePlace & { readonly leaves: Uint8Array },
  onDamage: OnDamage,
): Promise<void> {
  for (let at = 0, leaf = 0; leaf === 0 || at < part.length; at += LEAF_BYTES, leaf++) {
    const damage = leafDamage(part, leaf, await source.read(part.offset + at, Math.min(LEAF_BYTES, part.length - at)));
    if (damage) onDamage(damage);
  }
}

/**
 * Authenticates every sealed part: those whose key is here by opening every chunk, the others by their GMACs.
 * @returns how many items were opened, and how many could only be checked from outside
 */
export async function checkSealedParts(
  source: ByteSource,
  region: OpenedRegion,
  onDamage: OnDamage = raise,
): Promise<{ readonly opened: number; readonly unopened: number }> {
  const count = { opened: 0, unopened: 0 };
  for (const i of region.head.manifest.items.keys()) {
    count[(await checkSealedItem(source, region, i, onDamage)) ? "opened" : "unopened"] += 1;
  }
  return count;
}

/** Authenticates the parts of one item; true if its key is here, so that they were opened. */
export async function checkSealedItem(
  source: ByteSource,
  region: OpenedRegion,
  number: number,
  onDamage: OnDamage = raise,
): Promise<boolean> {
  const { head } = region;
  const item = head.manifest.items[number]!;
  const dek = region.dataKey(number);
  for (const [k, part] of item.parts.entries()) {
    const place = placeOf(head, item, part);
    let isWhole = true;
    const note: OnDamage = (error) => {
      isWhole = false;
      onDamage(error);
    };
    if (dek) await readMessage(source, place, dek, contextOf(head, item, part), () => {}, note);
    // An opened part's own MACs are held to what was sealed too: other slots read by them. Damage is named by chunk.
    if (isWhole)
      await checkMacs(source, place, part, macLeaves(region.leafKey, partNumber(head.manifest, number, k)), note);
  }
  dek?.fill(0);
  return dek !== undefined;
}

async function checkMacs(
  source: ByteSource,
  place: MessagePlace,
  part: SealedPart,
  digest: ReturnType<typeof macLeaves>,
  onDamage: OnDamage,
): Promise<void> {
  for (let at = 0; at < place.length; at += LEAF_BYTES) {
    digest.push(await source.read(place.offset + at, Math.min(LEAF_BYTES, place.length - at)));
  }
  const found = digest.end();
  for (let at = 0; at < found.byteLength; at += LEAF_MAC_BYTES) {
    if (equalBytes(found.subarray(at, at + LEAF_MAC_BYTES), part.macs.subarray(at, at + LEAF_MAC_BYTES))) continue;
    const start = (at / LEAF_MAC_BYTES) * LEAF_BYTES;
    const message = `${place.name} is not what was sealed: a byte within one MiB of it was changed`;
    const [offset, length] = [place.offset + start, Math.min(LEAF_BYTES, place.length - start)];
    onDamage(new QErr("SEAL_DAMAGED", message, { part: place.name, offset, length }));
  }
}
