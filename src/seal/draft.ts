import { randomBytes } from "node:crypto";
import { needs } from "../errors.ts";
import type { KeyHandle } from "../keys/keystore.ts";
import { MAX_SEALED_ITEMS, MAX_SLOTS } from "../limits.ts";
import { wrapKey } from "./aes-kw.ts";
import { messageLength } from "./cobblestone.ts";
import { createJwe } from "./jwe.ts";
import { fileMac, slotMac } from "./macs.ts";
import { encodeManifest, type Manifest, type Mask, type PlainPart } from "./manifest.ts";
import { type MessageSealer, messageSealer } from "./message-stream.ts";
import { packMessage } from "./msgpack.ts";
import { defaultProvider, type WebCryptoProvider } from "./provider.ts";
import type { Recipient } from "./recipient.ts";
import { assembleHead, encodePrefix, fillKeyArea, headLength, proofBytes, proofLength } from "./region.ts";
import { signatureLength, signerOf, signManifest } from "./signature.ts";
import { encodeSlotEntry, fileIdText } from "./slot-entry.ts";
import { contextBytes, FILE_ID_BYTES, fileMacKey, type PartKind, slotKeys } from "./suite.ts";
import {
  DIGEST_BYTES,
  hashLeaves,
  LEAF_MAC_BYTES,
  type LeafDigest,
  leafCount,
  leafMacKey,
  macLeaves,
  treeRoot,
} from "./tree.ts";

export interface SealSpec {
  readonly container: Manifest["container"];
  readonly mode: Manifest["mode"];
  readonly writer: string;
  readonly slots: readonly { readonly name: string; readonly recipients: readonly Recipient[] }[];
  readonly items: readonly {
    readonly ordinal: number;
    readonly name: string;
    readonly mask: Mask;
    /** Numbers of the slots that get its key; the first is the one it is sealed for. */
    readonly slots: readonly number[];
    readonly parts: readonly { readonly kind: PartKind; readonly length: number }[];
  }[];
  readonly signer?: KeyHandle | undefined;
  readonly now?: Date | undefined;
  readonly provider?: WebCryptoProvider | undefined;
}

/** A plain part of the file to be; what stands at its place is pushed into its digest while it is written. */
export type PlainSpec = Omit<PlainPart, "leaves" | "root">;

/** A seal region in the making. Lengths are known before a byte of data is sealed. */
export interface SealDraft {
  /** Bytes of the whole region, for these plain parts; their names and lengths count, their offsets hardly. */
  regionLength(plain: readonly PlainSpec[]): number;
  /** Bytes of the region before the first sealed part, after {@link regionLength}. */
  headLength(): number;
  /** Where sealed part `part` of item `item` begins, from the end of the head. */
  partOffset(item: number, part: number): number;
  /** Seals a part; `write` gets its bytes in order. All parts may be under way at once. */
  seal(item: number, part: number, write: (sealed: Uint8Array) => Promise<void>): MessageSealer;
  /** Takes the digests of the plain parts and gives the finished head. Then every key is overwritten. */
  finish(plain: readonly PlainSpec[], leaves: readonly Uint8Array[]): Promise<Uint8Array>;
  /** Overwrites every key; for the way out after an error. */
  wipe(): void;
}

/** Room for as many recipients again, so that a rotation can add before it removes. */
const SPARE_KEYS = 4096;
const HEAD_STEP = 8192;

/** Makes the keys of a new sealed file and plans its region. */
export async function draftSeal(spec: SealSpec): Promise<SealDraft> {
  needs(spec.slots.length >= 1 && spec.slots.length <= MAX_SLOTS, "USAGE", `a file has 1 to ${MAX_SLOTS} slots`);
  needs(
    spec.items.length >= 1 && spec.items.length <= MAX_SEALED_ITEMS,
    "USAGE",
    `1 to ${MAX_SEALED_ITEMS} fields can be sealed`,
  );
  const fileId = new Uint8Array(randomBytes(FILE_ID_BYTES));
  const commonKey = new Uint8Array(randomBytes(32));
  const deks = spec.items.map(() => new Uint8Array(randomBytes(32)));
  const slotSecrets = spec.slots.map(() => new Uint8Array(randomBytes(32)));
  const derived = slotSecrets.map((key) => slotKeys(key, fileId));
  const leafKey = leafMacKey(commonKey, fileId);
  const provider = spec.provider ?? (await defaultProvider());
  const entries: Uint8Array[] = [];
  for (const [slot, { recipients }] of spec.slots.entries()) {
    const jwe = await createJwe(slotSecrets[slot]!, { fileId: fileIdText(fileId), slot }, recipients, provider);
    const mine = spec.items.flatMap((item, i) => (item.slots.includes(slot) ? [i] : []));
    const wrap = derived[slot]!.wrap;
    const wrapped = new Map(mine.map((i) => [i, wrapKey(wrap, deks[i]!)]));
    entries.push(encodeSlotEntry({ slot, epoch: 0, jwe, recipients, common: wrapKey(wrap, commonKey), deks: wrapped }));
  }
  const packedEntries = packMessage(entries);
  const signer = spec.signer ? signerOf(spec.signer) : undefined;
  const proofSize = proofLength(spec.slots.length, spec.signer ? signatureLength(spec.signer) : 0);
  const createdAt = (spec.now ?? new Date()).toISOString();

  const lengths = spec.items.map((item) => item.parts.map((p) => messageLength(p.length)));
  const offsets: number[][] = [];
  let partsLength = 0;
  for (const parts of lengths) {
    offsets.push(parts.map((length) => (partsLength += length) - length));
  }
  const macs: Uint8Array[][] = lengths.map((parts) =>
    parts.map((length) => new Uint8Array(leafCount(length) * LEAF_MAC_BYTES)),
  );
  const hashes: Uint8Array[][] = lengths.map((parts) =>
    parts.map((length) => new Uint8Array(leafCount(length) * DIGEST_BYTES)),
  );
  let sizes = { manifestLength: 0, keyAreaLength: 0, proofLength: proofSize };

  function manifestOf(plain: readonly PlainSpec[], leaves?: readonly Uint8Array[]): Uint8Array {
    return encodeManifest({
      fileId,
      container: spec.container,
      mode: spec.mode,
      createdAt,
      writer: spec.writer,
      slots: spec.slots.map((s) => s.name),
      signer,
      items: spec.items.map((item, i) => ({
        ordinal: item.ordinal,
        name: item.name,
        slot: item.slots[0]!,
        mask: item.mask,
        parts: item.parts.map((p, k) => ({
          kind: p.kind,
          offset: offsets[i]![k]!,
          length: lengths[i]![k]!,
          macs: macs[i]![k]!,
          leaves: signer ? hashes[i]![k]! : undefined,
        })),
      })),
      plain: plain.map((p, i) => {
        const own = leaves?.[i] ?? new Uint8Array(leafCount(p.length) * DIGEST_BYTES);
        return { ...p, leaves: own, root: leaves ? treeRoot(own) : new Uint8Array(DIGEST_BYTES) };
      }),
    });
  }

  function plan(plain: readonly PlainSpec[]): void {
    const manifestLength = manifestOf(plain).byteLength;
    const keys = 4 + 2 * packedEntries.byteLength + SPARE_KEYS;
    const head = headLength({ manifestLength, keyAreaLength: keys, proofLength: proofSize });
    // The head fills whole steps, so that an offset with one digit more does not move anything behind it.
    sizes = { manifestLength, keyAreaLength: keys + (HEAD_STEP - (head % HEAD_STEP)), proofLength: proofSize };
  }

  function wipe(): void {
    for (const key of [commonKey, leafKey, ...deks, ...slotSecrets]) key.fill(0);
    for (const keys of derived) {
      keys.wrap.fill(0);
      keys.mac.fill(0);
    }
  }

  return {
    regionLength(plain) {
      plan(plain);
      return headLength(sizes) + partsLength;
    },
    headLength: () => headLength(sizes),
    partOffset: (item, part) => offsets[item]![part]!,
    seal(item, part, write) {
      const { ordinal, name, slots, parts } = spec.items[item]!;
      const context = contextBytes({ fileId, slot: slots[0]!, ordinal, kind: parts[part]!.kind, name });
      const mac = macLeaves(leafKey, partNumber(spec, item, part));
      const hash = signer ? hashLeaves() : undefined;
      return watched(deks[item]!, context, lengths[item]![part]!, [mac, hash], write, (values) => {
        macs[item]![part] = values[0]!;
        if (values[1]) hashes[item]![part] = values[1];
      });
    },
    async finish(plain, leaves) {
      const regionLength = headLength(sizes) + partsLength;
      const manifest = manifestOf(plain, leaves);
      // The layout was planned with shorter or longer offsets: the key area takes up the difference.
      const keyAreaLength = sizes.keyAreaLength + sizes.manifestLength - manifest.byteLength;
      const prefix = encodePrefix({
        regionLength,
        manifestLength: manifest.byteLength,
        keyAreaLength,
        proofLength: proofSize,
      });
      const keyArea = fillKeyArea(packedEntries, keyAreaLength);
      const slotMacs = derived.map((keys, slot) => slotMac(keys.mac, prefix, manifest, entries[slot]!));
      const signature = spec.signer ? await signManifest(spec.signer, prefix, manifest) : "";
      const proofs = proofBytes(slotMacs, signature);
      const macKey = fileMacKey(commonKey, fileId);
      const mac = fileMac(macKey, prefix, manifest, keyArea, proofs);
      macKey.fill(0);
      wipe();
      const all = new Uint8Array([...proofs, ...mac]);
      needs(
        all.byteLength === proofSize,
        "USAGE",
        "the signing key gave a signature of another length than its kind has",
      );
      return assembleHead(prefix, manifest, keyArea, all);
    },
    wipe,
  };
}

/** Number of a sealed part in the file, counting through all items: the nonce of its GMACs begins with it. */
export function partNumber(
  items: Pick<SealSpec, "items"> | { readonly items: Manifest["items"] },
  item: number,
  part: number,
): number {
  let number = part;
  for (let i = 0; i < item; i++) number += items.items[i]!.parts.length;
  return number;
}

/** A message sealer whose output also runs through `digests`; `done` gets their values at the end. */
function watched(
  dek: Uint8Array,
  context: Uint8Array,
  length: number,
  digests: readonly (LeafDigest | undefined)[],
  write: (sealed: Uint8Array) => Promise<void>,
  done: (values: readonly (Uint8Array | undefined)[]) => void,
): MessageSealer {
  let left = length;
  const sealer = messageSealer(dek, context, async (sealed) => {
    left -= sealed.byteLength;
    needs(left >= 0, "USAGE", "a part got more bytes than were announced");
    for (const digest of digests) digest?.push(sealed);
    await write(sealed);
  });
  return {
    ...sealer,
    async end() {
      await sealer.end();
      needs(left === 0, "USAGE", "a part got fewer bytes than were announced");
      done(digests.map((digest) => digest?.end()));
    },
  };
}
