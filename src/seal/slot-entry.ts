import { createHash } from "node:crypto";
import { needs } from "../errors.ts";
import { MAX_SEALED_ITEMS } from "../limits.ts";
import { WRAPPED_KEY_BYTES } from "./aes-kw.ts";
import { refOf } from "./jwe.ts";
import { type Jwe, parseJwe } from "./jwe-form.ts";
import { binary, fields, integer, list, string } from "./manifest.ts";
import { packMessage, unpackMessage } from "./msgpack.ts";
import { publicKeyOf, type Recipient } from "./recipient.ts";

/** What can change about a slot: who opens it, and the keys it wraps. */
export interface SlotEntry {
  readonly slot: number;
  /** Counts the changes of this entry. */
  readonly epoch: number;
  readonly jwe: Jwe;
  /** Recipients in the order of the JWE, with their public keys. */
  readonly recipients: readonly Recipient[];
  /** The file's common key under the slot's wrapping key. */
  readonly common: Uint8Array;
  /** Data keys under the slot's wrapping key, by number of the item in the manifest. */
  readonly deks: ReadonlyMap<number, Uint8Array>;
}

export function encodeSlotEntry(entry: SlotEntry): Uint8Array {
  return packMessage({
    slot: entry.slot,
    epoch: entry.epoch,
    jwe: JSON.stringify(entry.jwe),
    to: entry.recipients.map((r) => [r.label, r.spki]),
    common: entry.common,
    deks: [...entry.deks].map(([item, wrapped]) => [item, wrapped]),
  });
}

/**
 * Reads a slot's entry; its JWE must name this file and this slot.
 * @param items how many the manifest lists; a key of any other is refused
 * @throws `SEAL_DAMAGED`, `LIMIT_EXCEEDED`
 */
export function decodeSlotEntry(bytes: Uint8Array, slot: number, fileId: Uint8Array, items: number): SlotEntry {
  const map = fields(unpackMessage(bytes, "slot keys"));
  const { jwe, context } = parseJwe(string(map.jwe));
  const to = list(map.to).map(list);
  const here = integer(map.slot, 0xffff) === slot && context.slot === slot && context.fileId === fileIdText(fileId);
  needs(here, "SEAL_DAMAGED", "a slot's keys belong to another file or slot", { part: "slot keys" });
  needs(to.length === jwe.recipients.length, "SEAL_DAMAGED", "a slot's recipients are not complete", {
    part: "slot keys",
  });
  const recipients = jwe.recipients.map((r, i): Recipient => {
    const spki = binary(to[i]![1]);
    publicKeyOf(spki, r.header.alg);
    const { x5t, x5tS256 } = refOf(r);
    const spkiS256 = createHash("sha256").update(spki).digest("hex").toUpperCase();
    needs(spkiS256 === refOf(r).spkiS256, "SEAL_DAMAGED", "a recipient's public key is not the one it names", {
      part: "slot keys",
    });
    return { alg: r.header.alg, spki, spkiS256, x5t, x5tS256, label: string(to[i]![0]) };
  });
  const pairs = list(map.deks).map(list);
  needs(pairs.length <= MAX_SEALED_ITEMS, "LIMIT_EXCEEDED", "a slot has too many keys", { part: "slot keys" });
  const deks = new Map(pairs.map((pair) => [integer(pair[0], items - 1), binary(pair[1], WRAPPED_KEY_BYTES)]));
  needs(deks.size === pairs.length, "SEAL_DAMAGED", "a slot has two keys of one item", { part: "slot keys" });
  return {
    slot,
    epoch: integer(map.epoch, 2 ** 32 - 1),
    jwe,
    recipients,
    common: binary(map.common, WRAPPED_KEY_BYTES),
    deks,
  };
}

/** How a file is named in the protected header of its JWEs. */
export function fileIdText(fileId: Uint8Array): string {
  return Buffer.from(fileId).toString("hex");
}
