import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { needs, QErr } from "../errors.ts";
import type { KeyRef, UnwrapRequest } from "../keys/keystore.ts";
import { MAX_JWE_BYTES, MAX_RECIPIENTS } from "../limits.ts";
import { unwrapKey, wrapKey } from "./aes-kw.ts";
import { concatKdf } from "./concat-kdf.ts";
import type { WebCryptoProvider } from "./provider.ts";
import { pointOfJwk, publicKeyOf, type Recipient, type RecipientAlg } from "./recipient.ts";

/** Header of one recipient; not protected by the JWE itself (RFC 7516 7.2.1) but by the slot's MAC. */
export interface JweRecipientHeader {
  readonly alg: RecipientAlg;
  /** SHA-256 of the public key. */
  readonly kid: string;
  readonly x5t?: string;
  readonly "x5t#S256"?: string;
  readonly epk?: { readonly kty: "EC"; readonly crv: string; readonly x: string; readonly y: string };
}

export interface JweRecipient {
  readonly header: JweRecipientHeader;
  readonly encrypted_key: string;
}

/** A JWE in General JSON form (RFC 7516 section 7.2.1), `enc` always A256GCM: what stock tools open. */
export interface Jwe {
  readonly protected: string;
  readonly recipients: readonly JweRecipient[];
  readonly iv: string;
  readonly ciphertext: string;
  readonly tag: string;
}

const b64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");
const hexToB64 = (hex: string): string => Buffer.from(hex, "hex").toString("base64url");
const b64ToHex = (text: string): string => Buffer.from(text, "base64url").toString("hex").toUpperCase();

/** Bytes of canonical base64url, or undefined. */
function unb64(text: unknown): Uint8Array | undefined {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? new Uint8Array(bytes) : undefined;
}

/** Encrypts `payload` to all recipients, with a content key of its own. `context` goes into the protected header. */
export async function createJwe(
  payload: Uint8Array,
  context: Readonly<Record<string, string | number>>,
  recipients: readonly Recipient[],
  provider: WebCryptoProvider,
): Promise<Jwe> {
  needs(
    recipients.length > 0 && recipients.length <= MAX_RECIPIENTS,
    "USAGE",
    `a slot has 1 to ${MAX_RECIPIENTS} recipients`,
  );
  const cek = new Uint8Array(randomBytes(32));
  const header = b64(encodeUtf8(JSON.stringify({ enc: "A256GCM", typ: "qvault-slot+jwe", ...context })));
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
    iv: b64(iv),
    ciphertext: b64(ciphertext),
    tag: b64(new Uint8Array(cipher.getAuthTag())),
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
    return { header: { alg, ...names }, encrypted_key: b64(encrypted) };
  }
  const named = { name: "ECDH", namedCurve: curve! };
  const pair = await subtle.generateKey(named, false, ["deriveBits"]);
  const peer = await subtle.importKey("spki", spki, named, false, []);
  const size = curve === "P-256" ? 32 : curve === "P-384" ? 48 : 66;
  const secret = new Uint8Array(await subtle.deriveBits({ name: "ECDH", public: peer }, pair.privateKey, size * 8));
  const { x, y } = await subtle.exportKey("jwk", pair.publicKey);
  const kek = concatKdf(secret, alg);
  const wrapped = wrapKey(kek, cek);
  secret.fill(0);
  kek.fill(0);
  const epk = { kty: "EC", crv: curve!, x: x!, y: y! } as const;
  return { header: { alg, ...names, epk }, encrypted_key: b64(wrapped) };
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
  if (alg !== "ECDH-ES+A256KW") return { alg, encryptedKey: unb64(recipient.encrypted_key)! };
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
    return unwrapKey(kek, unb64(recipient.encrypted_key)!);
  } finally {
    kek.fill(0);
  }
}

/** Decrypts the payload. Throws `SEAL_DAMAGED` if anything in it, or in the protected header, was changed. */
export function openJwe(jwe: Jwe, cek: Uint8Array): Uint8Array {
  const decipher = createDecipheriv("aes-256-gcm", cek, unb64(jwe.iv)!, { authTagLength: 16 });
  decipher.setAAD(encodeUtf8(jwe.protected));
  decipher.setAuthTag(unb64(jwe.tag)!);
  const plain = decipher.update(unb64(jwe.ciphertext)!);
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

/**
 * Reads a JWE strictly: these members and no others, only the algorithms of the list, lengths that fit.
 * @throws `SEAL_DAMAGED`; `LIMIT_EXCEEDED` beyond 1 MiB or 256 recipients
 */
export function parseJwe(text: string): { readonly jwe: Jwe; readonly context: Readonly<Record<string, unknown>> } {
  needs(text.length <= MAX_JWE_BYTES, "LIMIT_EXCEEDED", `a slot's key envelope has over ${MAX_JWE_BYTES} bytes`);
  const jwe = json(text) as Jwe;
  const header = unb64(jwe?.protected);
  const context = json(header ? Buffer.from(header).toString("utf8") : "") as Record<string, unknown>;
  const sound =
    exactly(jwe, ["protected", "recipients", "iv", "ciphertext", "tag"]) &&
    context?.enc === "A256GCM" &&
    context.typ === "qvault-slot+jwe" &&
    unb64(jwe.iv)?.byteLength === 12 &&
    unb64(jwe.tag)?.byteLength === 16 &&
    unb64(jwe.ciphertext)?.byteLength === 32 &&
    Array.isArray(jwe.recipients) &&
    jwe.recipients.length > 0;
  needs(sound, "SEAL_DAMAGED", "a slot's key envelope is malformed", { part: "slot keys" });
  needs(jwe.recipients.length <= MAX_RECIPIENTS, "LIMIT_EXCEEDED", `a slot has over ${MAX_RECIPIENTS} recipients`);
  for (const recipient of jwe.recipients) {
    needs(soundRecipient(recipient), "SEAL_DAMAGED", "a recipient of a slot is malformed", { part: "slot keys" });
  }
  return { jwe, context };
}

function soundRecipient(recipient: JweRecipient): boolean {
  const header = recipient?.header;
  if (!exactly(recipient, ["header", "encrypted_key"]) || typeof header !== "object" || header === null) return false;
  const key = unb64(recipient.encrypted_key);
  const ec = header.alg === "ECDH-ES+A256KW";
  if (!ec && header.alg !== "RSA-OAEP-256" && header.alg !== "RSA-OAEP") return false;
  return (
    exactly(header, ["alg", "kid", ...(ec ? ["epk"] : [])], ["x5t", "x5t#S256"]) &&
    unb64(header.kid)?.byteLength === 32 &&
    (header.x5t === undefined || unb64(header.x5t)?.byteLength === 20) &&
    (header["x5t#S256"] === undefined || unb64(header["x5t#S256"])?.byteLength === 32) &&
    key !== undefined &&
    (ec
      ? key.byteLength === 40 && pointOfJwk(header.epk) !== undefined
      : key.byteLength >= 256 && key.byteLength <= 2048)
  );
}

function exactly(value: unknown, names: readonly string[], optional: readonly string[] = []): boolean {
  if (typeof value !== "object" || value === null) return false;
  const own = Object.keys(value);
  return names.every((n) => own.includes(n)) && own.every((n) => names.includes(n) || optional.includes(n));
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
