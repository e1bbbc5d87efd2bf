import { createHash } from "node:crypto";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { byteWriter, writeBytes, written } from "../bytes/writer.ts";

/**
 * The Concat KDF of RFC 7518 section 4.6.2 (NIST SP 800-56A one-step, SHA-256) for a 256-bit key and empty party
 * information: one hash is enough.
 * @param secret the shared secret Z: the x coordinate, as long as the curve's field
 * @param algorithm `alg` of the recipient, e.g. `ECDH-ES+A256KW`
 */
export function concatKdf(secret: Uint8Array, algorithm: string): Uint8Array {
  const w = byteWriter();
  u32be(w, 1);
  writeBytes(w, secret);
  const name = encodeUtf8(algorithm);
  u32be(w, name.byteLength);
  writeBytes(w, name);
  u32be(w, 0);
  u32be(w, 0);
  u32be(w, 256);
  const input = written(w);
  const key = new Uint8Array(createHash("sha256").update(input).digest());
  input.fill(0);
  return key;
}

function u32be(w: ReturnType<typeof byteWriter>, value: number): void {
  writeBytes(w, Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
}
