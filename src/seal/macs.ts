import { createHmac, timingSafeEqual } from "node:crypto";
import { encodeUtf8 } from "../bytes/utf8.ts";

const SLOT_NAME = encodeUtf8("qvault seal/v1 slot\0");
const FILE_NAME = encodeUtf8("qvault seal/v1 file\0");

/**
 * HMAC-SHA-256 of a slot over what it must be able to trust whoever else can write to the file: the prefix, the
 * manifest and its own entry. Lengths of the first two are inside the prefix, so nothing can move between them.
 */
export function slotMac(key: Uint8Array, prefix: Uint8Array, manifest: Uint8Array, entry: Uint8Array): Uint8Array {
  return new Uint8Array(
    createHmac("sha256", key).update(SLOT_NAME).update(prefix).update(manifest).update(entry).digest(),
  );
}

/**
 * HMAC-SHA-256 under the key that all slots share, over every byte of the head before it, the other slots' entries and
 * MACs included: so that the holder of one slot can tell that all of the file is as it was left.
 */
export function fileMac(
  key: Uint8Array,
  prefix: Uint8Array,
  manifest: Uint8Array,
  keyArea: Uint8Array,
  proofs: Uint8Array,
): Uint8Array {
  const mac = createHmac("sha256", key)
    .update(FILE_NAME)
    .update(prefix)
    .update(manifest)
    .update(keyArea)
    .update(proofs);
  return new Uint8Array(mac.digest());
}

export function sameMac(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}
