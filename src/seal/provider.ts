import type { Crypto } from "@peculiar/webcrypto";

/**
 * The WebCrypto that wraps keys to recipients: RSA-OAEP encryption and ephemeral ECDH keys. Callers may bring their
 * own, e.g. one that is backed by a validated module. Bulk data never goes through it: node:crypto is two to three
 * times as fast there.
 */
export type WebCryptoProvider = Pick<Crypto, "subtle">;

/** Loaded when it is asked for: what seals nothing would else take half as long again to start. */
export async function defaultProvider(): Promise<WebCryptoProvider> {
  const { Crypto } = await import("@peculiar/webcrypto");
  return new Crypto();
}
