import { createHmac } from "node:crypto";
import { needs } from "../errors.ts";

const HASH_BYTES = 64;

/**
 * HKDF-Expand with HMAC-SHA-512 (RFC 5869 section 2.3). There is no Extract step: every input key here is 32 uniformly
 * random bytes, which also makes this the feedback KDF of NIST SP 800-108.
 * @param length bytes wanted, 1 to 16,320
 */
export function hkdfExpand(key: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  needs(length >= 1 && length <= 255 * HASH_BYTES, "USAGE", "HKDF-Expand gives 1 to 16320 bytes");
  const out = new Uint8Array(length);
  let previous: Uint8Array = new Uint8Array(0);
  for (let block = 1, at = 0; at < length; block++, at += HASH_BYTES) {
    const mac = createHmac("sha512", key).update(previous).update(info).update(Uint8Array.of(block)).digest();
    previous.fill(0);
    previous = mac;
    out.set(mac.subarray(0, Math.min(HASH_BYTES, length - at)), at);
  }
  previous.fill(0);
  return out;
}
