import { isQErr, needs, QErr } from "../errors.ts";
import type { KeyHandle, KeyRef } from "../keys/keystore.ts";
import { unwrapKey } from "./aes-kw.ts";
import { contentKey, openJwe, refOf, unwrapRequestOf } from "./jwe.ts";
import { fileMac, sameMac, slotMac } from "./macs.ts";
import { proofBytes, type RegionHead } from "./region.ts";
import { checkSignature, type SignaturePolicy } from "./signature.ts";
import { fileMacKey, type SlotKeys, slotKeys } from "./suite.ts";
import { leafMacKey } from "./tree.ts";

/** Looks for a private key in whatever stores the caller has; undefined means "not mine". */
export type FindKey = (ref: KeyRef) => Promise<KeyHandle | undefined>;

/** A slot whose key is here. */
export interface OpenedSlot {
  readonly slot: number;
  readonly slotKey: Uint8Array;
  /** The content key of the slot's JWE, with which recipients are added. */
  readonly contentKey: Uint8Array;
  readonly keys: SlotKeys;
}

/** A region whose head is genuine: every byte of it was checked under a key. */
export interface OpenedRegion {
  readonly head: RegionHead;
  readonly slots: readonly OpenedSlot[];
  readonly commonKey: Uint8Array;
  /** Key of the GMACs over sealed bytes. */
  readonly leafKey: Uint8Array;
  readonly signature: "verified" | "present, not checked" | "none";
  /** The data key of an item, or undefined if none of the opened slots has it. The caller overwrites it. */
  dataKey(item: number): Uint8Array | undefined;
  /** Overwrites every key. */
  wipe(): void;
}

export interface AuthenticateOptions {
  /** Try only slots of these names. */
  readonly slots?: readonly string[] | undefined;
  readonly signature?: SignaturePolicy | undefined;
}

/**
 * Opens every slot that a key is found for, one private-key operation each, and authenticates the head.
 * @throws `SEAL_NO_IDENTITY` if no key is found; `SEAL_DAMAGED` if something was changed; the policy's `SEAL_UNSIGNED`
 *   and `SEAL_BAD_SIGNATURE`; what the key stores throw
 */
export async function authenticate(
  head: RegionHead,
  find: FindKey,
  options: AuthenticateOptions = {},
): Promise<OpenedRegion> {
  const { manifest } = head;
  const slots: OpenedSlot[] = [];
  for (const [slot, name] of manifest.slots.entries()) {
    if (options.slots && !options.slots.includes(name)) continue;
    const opened = await openSlot(head, slot, find);
    if (opened) slots.push(opened);
  }
  const first = slots[0];
  if (first === undefined) throw noIdentity(head, options.slots);
  // The MACs first: a common key that was changed is damage, and would else be told as a key that does not fit.
  for (const opened of slots) checkSlotMac(head, opened);
  const commonKey = unwrapKey(first.keys.wrap, head.entries[first.slot]!.common);
  const macKey = fileMacKey(commonKey, manifest.fileId);
  const proofs = proofBytes(head.proofs.macs, head.proofs.signature);
  const mac = fileMac(macKey, head.prefix, head.manifestBytes, head.keyArea, proofs);
  macKey.fill(0);
  needs(sameMac(mac, head.proofs.fileMac), "SEAL_DAMAGED", "the seal region was changed by somebody without a key", {
    part: "seal region",
  });
  const signed = head.proofs.signature !== "";
  needs(
    signed === (manifest.signer !== undefined),
    "SEAL_BAD_SIGNATURE",
    "the file says it is signed, and has no signature",
  );
  if (options.signature) {
    checkSignature(options.signature, manifest.signer, head.proofs.signature, head.prefix, head.manifestBytes);
  }
  const leafKey = leafMacKey(commonKey, manifest.fileId);
  return {
    head,
    slots,
    commonKey,
    leafKey,
    signature: options.signature ? "verified" : signed ? "present, not checked" : "none",
    dataKey(item) {
      for (const opened of slots) {
        const wrapped = head.entries[opened.slot]!.deks.get(item);
        if (wrapped) return unwrapKey(opened.keys.wrap, wrapped);
      }
      return undefined;
    },
    wipe() {
      commonKey.fill(0);
      leafKey.fill(0);
      for (const s of slots) wipeSlot(s);
    },
  };
}

export function wipeSlot(slot: OpenedSlot): void {
  for (const key of [slot.slotKey, slot.contentKey, slot.keys.wrap, slot.keys.mac]) key.fill(0);
}

/** Opens one slot with the first recipient whose key is found, or gives undefined if none is. */
async function openSlot(head: RegionHead, slot: number, find: FindKey): Promise<OpenedSlot | undefined> {
  let failed: QErr | undefined;
  const tried = new Set<string>();
  for (const recipient of head.entries[slot]!.jwe.recipients) {
    const { kid, alg } = recipient.header;
    // The same key again can only be meant to cost time: it is tried once in each way.
    if (tried.has(`${alg} ${kid}`)) continue;
    tried.add(`${alg} ${kid}`);
    const handle = await find(refOf(recipient));
    if (handle === undefined) continue;
    try {
      const cek = contentKey(recipient, await handle.unwrap(unwrapRequestOf(recipient)));
      const slotKey = openJwe(head.entries[slot]!.jwe, cek);
      return { slot, slotKey, contentKey: cek, keys: slotKeys(slotKey, head.manifest.fileId) };
    } catch (error) {
      // Another recipient may still open it. A locked token or a wrong PIN must not be tried again.
      if (!isQErr(error) || (error.code !== "KEY_UNWRAP_FAILED" && error.code !== "SEAL_WRONG_KEY")) throw error;
      failed = new QErr(
        "SEAL_WRONG_KEY",
        `slot "${head.manifest.slots[slot]}" does not open with the key that it names`,
        { cause: error, hint: error.hint },
      );
    } finally {
      await handle.close();
    }
  }
  if (failed) throw failed;
  return undefined;
}

function checkSlotMac(head: RegionHead, opened: OpenedSlot): void {
  const mac = slotMac(opened.keys.mac, head.prefix, head.manifestBytes, head.entryBytes[opened.slot]!);
  const slot = head.manifest.slots[opened.slot]!;
  needs(
    sameMac(mac, head.proofs.macs[opened.slot]!),
    "SEAL_DAMAGED",
    `the manifest or the keys of slot "${slot}" were changed by somebody without its key`,
    {
      part: "seal region",
      offset: head.offset,
      length: head.headLength,
    },
  );
}

function noIdentity(head: RegionHead, only: readonly string[] | undefined): QErr {
  const wanted = head.entries
    .filter((e) => only === undefined || only.includes(head.manifest.slots[e.slot]!))
    .flatMap((e) => e.recipients.map((r) => `${head.manifest.slots[e.slot]}: ${r.x5t ?? r.spkiS256}`));
  const shown = wanted.slice(0, 8).join(", ") + (wanted.length > 8 ? `, and ${wanted.length - 8} more` : "");
  return new QErr("SEAL_NO_IDENTITY", "none of the given keys is one the file was sealed to", {
    hint:
      shown === ""
        ? "the file has no slot of that name"
        : `it opens with the private key of (slot: thumbprint) ${shown}`,
  });
}
