import { Crypto } from "@peculiar/webcrypto";

/**
 * The WebCrypto that wraps keys to recipients: RSA-OAEP encryption and ephemeral ECDH keys. Callers may bring their
 * own, e.g. one that is backed by a validated module. Bulk data never goes through it: node:crypto is two to three
 * times as fast there.
 */
export type WebCryptoProvider = Pick<Crypto, "subtle">;

export function defaultProvider(): WebCryptoProvider {
  return new Crypto();
}
