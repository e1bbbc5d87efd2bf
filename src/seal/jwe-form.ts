import { parseJsonText } from "../bytes/json.ts";
import { needs } from "../errors.ts";
import type { EcPoint } from "../keys/keystore.ts";
import { MAX_JWE_BYTES, MAX_RECIPIENTS, MAX_RSA_BITS } from "../limits.ts";
import { WRAPPED_KEY_BYTES } from "./aes-kw.ts";
import { fromBase64url } from "./base64url.ts";
import { COORDINATE_BYTES, CURVE_NAMES, MIN_RSA_BITS, type RecipientAlg } from "./recipient.ts";

/** `typ` of the protected header. */
export const JWE_TYPE = "qvault-slot+jwe";

/** What the protected header says of where the JWE belongs. */
export interface SlotContext {
  /** The file id in lower-case hexadecimal. */
  readonly fileId: string;
  /** Number of the slot. */
  readonly slot: number;
}

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

/**
 * Reads a JWE strictly: these members and no others, only the algorithms of the list, lengths that fit.
 * @throws `SEAL_DAMAGED`; `LIMIT_EXCEEDED` beyond 1 MiB or 256 recipients
 */
export function parseJwe(text: string): { readonly jwe: Jwe; readonly context: SlotContext } {
  needs(text.length <= MAX_JWE_BYTES, "LIMIT_EXCEEDED", `a slot's key envelope has over ${MAX_JWE_BYTES} bytes`);
  const jwe = json(text) as Jwe;
  const header = fromBase64url(jwe?.protected);
  const context = json(header ? Buffer.from(header).toString("utf8") : "") as SlotContext & {
    readonly enc: unknown;
    readonly typ: unknown;
  };
  const sound =
    exactly(jwe, ["protected", "recipients", "iv", "ciphertext", "tag"]) &&
    exactly(context, ["enc", "typ", "fileId", "slot"]) &&
    context.enc === "A256GCM" &&
    context.typ === JWE_TYPE &&
    fromBase64url(jwe.iv)?.byteLength === 12 &&
    fromBase64url(jwe.tag)?.byteLength === 16 &&
    fromBase64url(jwe.ciphertext)?.byteLength === 32 &&
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
  if (!exactly(recipient, ["header", "encrypted_key"])) return false;
  const { header } = recipient;
  const key = fromBase64url(recipient.encrypted_key);
  const ec = header?.alg === "ECDH-ES+A256KW";
  if (!ec && header?.alg !== "RSA-OAEP-256" && header?.alg !== "RSA-OAEP") return false;
  return (
    exactly(header, ["alg", "kid", ...(ec ? ["epk"] : [])], ["x5t", "x5t#S256"]) &&
    fromBase64url(header.kid)?.byteLength === 32 &&
    (header.x5t === undefined || fromBase64url(header.x5t)?.byteLength === 20) &&
    (header["x5t#S256"] === undefined || fromBase64url(header["x5t#S256"])?.byteLength === 32) &&
    key !== undefined &&
    (ec
      ? key.byteLength === WRAPPED_KEY_BYTES && pointOfJwk(header.epk) !== undefined
      : key.byteLength >= MIN_RSA_BITS / 8 && key.byteLength <= MAX_RSA_BITS / 8)
  );
}

function exactly(value: unknown, names: readonly string[], optional?: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  const own = Object.keys(value);
  return names.every((n) => own.includes(n)) && own.every((n) => names.includes(n) || optional?.includes(n));
}

function json(text: string): unknown {
  try {
    return parseJsonText(text);
  } catch {
    return undefined;
  }
}
/**
 * The ephemeral key of a JWE header (RFC 7518 section 4.6.1.1), or undefined if it is malformed. Whether the point is on
 * its curve, the key store says.
 */
export function pointOfJwk(epk: unknown): EcPoint | undefined {
  if (!exactly(epk, ["kty", "crv", "x", "y"])) return undefined;
  const { kty, crv, x, y } = epk as Record<string, unknown>;
  const curve = CURVE_NAMES.find((name) => name === crv);
  if (kty !== "EC" || curve === undefined) return undefined;
  const size = COORDINATE_BYTES[curve];
  const xs = fromBase64url(x);
  const ys = fromBase64url(y);
  if (xs?.byteLength !== size || ys?.byteLength !== size) return undefined;
  return { curve, point: new Uint8Array([4, ...xs, ...ys]) };
}
