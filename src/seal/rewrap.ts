import { randomBytes } from "node:crypto";
import { needs } from "../errors.ts";
import { unwrapKey, wrapKey } from "./aes-kw.ts";
import type { OpenedRegion, OpenedSlot } from "./authenticate.ts";
import { createJwe, encryptTo } from "./jwe.ts";
import type { Jwe } from "./jwe-form.ts";
import { fileMac, slotMac } from "./macs.ts";
import { packMessage } from "./msgpack.ts";
import { defaultProvider, type WebCryptoProvider } from "./provider.ts";
import type { Recipient } from "./recipient.ts";
import { assembleHead, fillKeyArea, proofBytes } from "./region.ts";
import { encodeSlotEntry, fileIdText, type SlotEntry } from "./slot-entry.ts";
import { fileMacKey, slotKeys } from "./suite.ts";

export interface RewrapOptions {
  /** Gets the opened slots too; one that it had already stays as it is. */
  readonly add?: readonly Recipient[] | undefined;
  /** SHA-256 of the public keys that lose access, hexadecimal, upper case. */
  readonly remove?: readonly string[] | undefined;
  /** Make a new slot key and wrap the data keys anew: a copy of the old one opens nothing here any more. */
  readonly rekey?: boolean | undefined;
  readonly provider?: WebCryptoProvider | undefined;
}

/** What a rewrap does to a slot, before it is done. */
export interface RewrapPlan {
  readonly slot: number;
  readonly recipients: readonly Recipient[];
  readonly added: readonly Recipient[];
  readonly removed: readonly Recipient[];
}

/**
 * Who would open a slot afterwards.
 * @throws `USAGE` if nobody would
 */
export function planSlot(entry: SlotEntry, options: RewrapOptions): RewrapPlan {
  const remove = new Set(options.remove ?? []);
  const removed = entry.recipients.filter((r) => remove.has(r.spkiS256));
  const kept = entry.recipients.filter((r) => !remove.has(r.spkiS256));
  const have = new Set(kept.map((r) => r.spkiS256));
  const added: Recipient[] = [];
  for (const recipient of options.add ?? []) {
    if (have.has(recipient.spkiS256)) continue;
    have.add(recipient.spkiS256);
    added.push(recipient);
  }
  const recipients = [...kept, ...added];
  needs(recipients.length > 0, "USAGE", "a slot would be left that nobody can open", {
    hint: "give the new certificate with --to",
  });
  return { slot: entry.slot, recipients, added, removed };
}

/**
 * A new head for the file, of the same length as the old one: only the keys change, no data is touched. Every slot that
 * is open is changed; the others keep entry and MAC to the bit.
 * @throws `SEAL_KEYS_FULL` if the new recipients do not fit the room that was left when the file was sealed
 */
export async function rewrapHead(region: OpenedRegion, options: RewrapOptions): Promise<Uint8Array> {
  const { head } = region;
  const { fileId } = head.manifest;
  const entryBytes = [...head.entryBytes];
  const macs = [...head.proofs.macs];
  for (const opened of region.slots) {
    const plan = planSlot(head.entries[opened.slot]!, options);
    const { entry, macKey } = await newEntry(region, opened, plan, options);
    entryBytes[opened.slot] = encodeSlotEntry(entry);
    macs[opened.slot] = slotMac(macKey, head.prefix, head.manifestBytes, entryBytes[opened.slot]!);
    macKey.fill(0);
  }
  const keyArea = fillKeyArea(packMessage(entryBytes), head.keyArea.byteLength);
  const proofs = proofBytes(macs, head.proofs.signature);
  const key = fileMacKey(region.commonKey, fileId);
  const mac = fileMac(key, head.prefix, head.manifestBytes, keyArea, proofs);
  key.fill(0);
  return assembleHead(head.prefix, head.manifestBytes, keyArea, new Uint8Array([...proofs, ...mac]));
}

async function newEntry(
  region: OpenedRegion,
  opened: OpenedSlot,
  plan: RewrapPlan,
  options: RewrapOptions,
): Promise<{ readonly entry: SlotEntry; readonly macKey: Uint8Array }> {
  const old = region.head.entries[opened.slot]!;
  const provider = options.provider ?? (await defaultProvider());
  const next = { slot: old.slot, epoch: old.epoch + 1, recipients: plan.recipients };
  if (!options.rekey) {
    const jwe = await changeRecipients(old, plan, opened.contentKey, provider);
    return { entry: { ...next, jwe, common: old.common, deks: old.deks }, macKey: opened.keys.mac.slice() };
  }
  const { fileId } = region.head.manifest;
  const slotKey = new Uint8Array(randomBytes(32));
  const keys = slotKeys(slotKey, fileId);
  const jwe = await createJwe(slotKey, { fileId: fileIdText(fileId), slot: old.slot }, plan.recipients, provider);
  const deks = new Map<number, Uint8Array>();
  for (const [item, wrapped] of old.deks) {
    const dek = unwrapKey(opened.keys.wrap, wrapped);
    deks.set(item, wrapKey(keys.wrap, dek));
    dek.fill(0);
  }
  const common = wrapKey(keys.wrap, region.commonKey);
  slotKey.fill(0);
  keys.wrap.fill(0);
  return { entry: { ...next, jwe, common, deks }, macKey: keys.mac };
}

/** The same content key for other recipients: those that stay keep their wrapping, so their certificates are not needed. */
async function changeRecipients(
  old: SlotEntry,
  plan: RewrapPlan,
  cek: Uint8Array,
  provider: WebCryptoProvider,
): Promise<Jwe> {
  const kept = old.jwe.recipients.filter((_, i) => plan.recipients.includes(old.recipients[i]!));
  const added = [];
  for (const recipient of plan.added) added.push(await encryptTo(cek, recipient, provider));
  return { ...old.jwe, recipients: [...kept, ...added] };
}
