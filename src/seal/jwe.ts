import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { needs, QErr } from "../errors.ts";
import type { KeyRef, UnwrapRequest } from "../keys/keystore.ts";
import { MAX_RECIPIENTS } from "../limits.ts";
import { unwrapKey, wrapKey } from "./aes-kw.ts";
import { fromBase64url, toBase64url } from "./base64url.ts";
import { concatKdf } from "./concat-kdf.ts";
import { JWE_TYPE, type Jwe, type JweRecipient, pointOfJwk, type SlotContext } from "./jwe-form.ts";
import type { WebCryptoProvider } from "./provider.ts";
import { COORDINATE_BYTES, publicKeyOf, type Recipient } from "./recipient.ts";

const hexToB64 = (hex: string): string => Buffer.from(hex, "hex").toString("base64url");
const b64ToHex = (text: string): string => Buffer.from(text, "base64url").toString("hex").toUpperCase();

/** Encrypts `payload` to all recipients, with a content key of its own. `context` goes into the protected header. */
export async function createJwe(
  payload: Uint8Array,
  context: SlotContext,
  recipients: readonly Recipient[],
  provider: WebCryptoProvider,
): Promise<Jwe> {
  needs(
    recipients.length > 0 && recipients.length <= MAX_RECIPIENTS,
    "USAGE",
    `a slot has 1 to ${MAX_RECIPIENTS} recipients`,
  );
  const cek = new Uint8Array(randomBytes(32));
  const header = toBase64url(encodeUtf8(JSON.stringify({ enc: "A256GCM", typ: JWE_TYPE, ...context })));
  const iv = new Uint8Array(randomBytes(12));
  const cipher = createCipheriv("aes-256-gcm", cek, iv, { authTagLength: 16 });
  cipher.setAAD(encodeUtf8(header));
  const ciphertext = new Uint8Array(cipher.update(payload));
  cipher.final();
  const list: JweRecipient[] = [];
  for (const recipient of recipients) list.push(await encryptTo(cek, recipient, provider));
  const jwe = {
    protected: header,
    recipients: list,
    iv: toBase64url(iv),
    ciphertext: toBase64url(ciphertext),
    tag: toBase64url(new Uint8Array(cipher.getAuthTag())),
  };
  cek.fill(0);
  return jwe;
}

/** Encrypts a content key to one recipient. */
export async function encryptTo(
  cek: Uint8Array,
  recipient: Recipient,
  provider: WebCryptoProvider,
): Promise<JweRecipient> {
  const names = {
    kid: hexToB64(recipient.spkiS256),
    ...(recipient.x5t === undefined ? {} : { x5t: hexToB64(recipient.x5t) }),
    ...(recipient.x5tS256 === undefined ? {} : { "x5t#S256": hexToB64(recipient.x5tS256) }),
  };
  const { subtle } = provider;
  const { alg } = recipient;
  const { curve } = publicKeyOf(recipient.spki, alg);
  const spki = new Uint8Array(recipient.spki);
  if (alg !== "ECDH-ES+A256KW") {
    const hash = alg === "RSA-OAEP" ? "SHA-1" : "SHA-256";
    const key = await subtle.importKey("spki", spki, { name: "RSA-OAEP", hash }, false, ["encrypt"]);
    const encrypted = new Uint8Array(await subtle.encrypt({ name: "RSA-OAEP" }, key, new Uint8Array(cek)));
    return { header: { alg, ...names }, encrypted_key: toBase64url(encrypted) };
  }
  const named = { name: "ECDH", namedCurve: curve! };
  const pair = await subtle.generateKey(named, false, ["deriveBits"]);
  const peer = await subtle.importKey("spki", spki, named, false, []);
  const size = COORDINATE_BYTES[curve!];
  const secret = new Uint8Array(await subtle.deriveBits({ name: "ECDH", public: peer }, pair.privateKey, size * 8));
  const { x, y } = await subtle.exportKey("jwk", pair.publicKey);
  const kek = concatKdf(secret, alg);
  const wrapped = wrapKey(kek, cek);
  secret.fill(0);
  kek.fill(0);
  const epk = { kty: "EC", crv: curve!, x: x!, y: y! } as const;
  return { header: { alg, ...names, epk }, encrypted_key: toBase64url(wrapped) };
}

/** How to find the private key of a recipient. */
export function refOf(recipient: JweRecipient): KeyRef {
  const { kid, x5t } = recipient.header;
  const s256 = recipient.header["x5t#S256"];
  return {
    spkiS256: b64ToHex(kid),
    ...(x5t === undefined ? {} : { x5t: b64ToHex(x5t) }),
    ...(s256 === undefined ? {} : { x5tS256: b64ToHex(s256) }),
  };
}

/** What to ask of the private key of `recipient`. */
export function unwrapRequestOf(recipient: JweRecipient): UnwrapRequest {
  const { alg, epk } = recipient.header;
  if (alg !== "ECDH-ES+A256KW") return { alg, encryptedKey: fromBase64url(recipient.encrypted_key)! };
  return { alg: "ECDH-ES", ephemeral: pointOfJwk(epk)! };
}

/** The content key, from what the private key gave for {@link unwrapRequestOf}; that is overwritten. */
export function contentKey(recipient: JweRecipient, unwrapped: Uint8Array): Uint8Array {
  if (recipient.header.alg !== "ECDH-ES+A256KW") {
    needs(unwrapped.byteLength === 32, "SEAL_WRONG_KEY", "a slot's content key does not have 32 bytes");
    return unwrapped;
  }
  const kek = concatKdf(unwrapped, recipient.header.alg);
  unwrapped.fill(0);
  try {
    return unwrapKey(kek, fromBase64url(recipient.encrypted_key)!);
  } finally {
    kek.fill(0);
  }
}

/** Decrypts the payload. Throws `SEAL_DAMAGED` if anything in it, or in the protected header, was changed. */
export function openJwe(jwe: Jwe, cek: Uint8Array): Uint8Array {
  const decipher = createDecipheriv("aes-256-gcm", cek, fromBase64url(jwe.iv)!, { authTagLength: 16 });
  decipher.setAAD(encodeUtf8(jwe.protected));
  decipher.setAuthTag(fromBase64url(jwe.tag)!);
  const plain = decipher.update(fromBase64url(jwe.ciphertext)!);
  try {
    decipher.final();
    return new Uint8Array(plain);
  } catch {
    throw new QErr("SEAL_DAMAGED", "a slot's key envelope is damaged, or was made for another file or slot", {
      part: "slot keys",
    });
  } finally {
    plain.fill(0);
  }
}
