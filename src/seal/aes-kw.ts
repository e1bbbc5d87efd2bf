import { createCipheriv, createDecipheriv } from "node:crypto";
import { needs, QErr } from "../errors.ts";

/** The initial value of RFC 3394 section 2.2.3.1; a fixed value is what makes the wrap an integrity check. */
const IV = new Uint8Array(8).fill(0xa6);

/** Keys are 32 bytes here and nothing else, so a wrapped key is 40 bytes and nothing else. */
export const WRAPPED_KEY_BYTES = 40;

/** Wraps a 32-byte key with AES-256-KW (RFC 3394, NIST SP 800-38F). */
export function wrapKey(kek: Uint8Array, key: Uint8Array): Uint8Array {
  needs(kek.byteLength === 32 && key.byteLength === 32, "USAGE", "AES-256-KW wraps a 32-byte key under a 32-byte key");
  const cipher = createCipheriv("id-aes256-wrap", kek, IV);
  const wrapped = cipher.update(key);
  cipher.final();
  return new Uint8Array(wrapped);
}

/**
 * Unwraps a 32-byte key. The length is checked here because OpenSSL also takes wrappings of other sizes.
 * @throws `SEAL_WRONG_KEY` if `wrapped` was not made with `kek`, or was changed
 */
export function unwrapKey(kek: Uint8Array, wrapped: Uint8Array): Uint8Array {
  needs(kek.byteLength === 32, "USAGE", "AES-256-KW needs a 32-byte key");
  needs(wrapped.byteLength === WRAPPED_KEY_BYTES, "SEAL_DAMAGED", `a wrapped key has ${WRAPPED_KEY_BYTES} bytes`);
  try {
    const decipher = createDecipheriv("id-aes256-wrap", kek, IV);
    const key = decipher.update(wrapped);
    decipher.final();
    return new Uint8Array(key);
  } catch {
    throw new QErr("SEAL_WRONG_KEY", "a wrapped key does not open with this key");
  }
}
