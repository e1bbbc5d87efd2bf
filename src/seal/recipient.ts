import { createPublicKey, type KeyObject } from "node:crypto";
import { needs, QErr } from "../errors.ts";
import type { Curve, KeyInfo } from "../keys/keystore.ts";
import { MAX_RSA_BITS } from "../limits.ts";

/** Key management algorithms of a slot; a fixed list, never negotiated (RFC 7518 sections 4.3 and 4.6). */
export type RecipientAlg = "RSA-OAEP-256" | "RSA-OAEP" | "ECDH-ES+A256KW";

/** Somebody who can open a slot: a public key, and how to find its private half. */
export interface Recipient {
  readonly alg: RecipientAlg;
  /** SubjectPublicKeyInfo, DER. Kept in the file so that a rekey needs no certificates. */
  readonly spki: Uint8Array;
  /** SHA-256 of {@link spki}, hexadecimal, upper case. */
  readonly spkiS256: string;
  readonly x5t?: string | undefined;
  readonly x5tS256?: string | undefined;
  readonly label: string;
}

export interface RecipientOptions {
  /** RSA-OAEP with SHA-1, for tokens that know no other: SoftHSM, old Windows providers, some HSMs. */
  readonly oaepSha1?: boolean | undefined;
  /** Seal to a certificate that has run out. Opening never asks. */
  readonly allowExpired?: boolean | undefined;
  readonly now?: Date | undefined;
}

export const MIN_RSA_BITS = 2048;

/**
 * A recipient from a certificate or a bare public key.
 * @throws `SEAL_CERTIFICATE` for RSA under 2048 bits; `SEAL_CERT_EXPIRED` for one that has run out or is not yet valid
 */
export function recipientOf(info: KeyInfo, options: RecipientOptions = {}): Recipient {
  const { certificate, publicKey } = info;
  if (certificate && !options.allowExpired) {
    const now = options.now ?? new Date();
    const inside = now >= new Date(certificate.validFrom) && now <= new Date(certificate.validTo);
    needs(
      inside,
      "SEAL_CERT_EXPIRED",
      `the certificate of ${info.label} is valid from ${certificate.validFrom} to ${certificate.validTo}`,
      {
        hint: "seal to a current certificate, or use --allow-expired; opening never asks for the date",
      },
    );
  }
  const rsa = info.type === "rsa";
  needs(
    !rsa || (info.bits >= MIN_RSA_BITS && info.bits <= MAX_RSA_BITS),
    "SEAL_CERTIFICATE",
    `${info.label} is an RSA key of ${info.bits} bits`,
    {
      hint: `use a key of ${MIN_RSA_BITS} bits or more, better 3072`,
    },
  );
  return {
    alg: rsa ? (options.oaepSha1 ? "RSA-OAEP" : "RSA-OAEP-256") : "ECDH-ES+A256KW",
    spki: new Uint8Array(publicKey.export({ type: "spki", format: "der" })),
    spkiS256: info.spkiS256,
    x5t: info.x5t,
    x5tS256: info.x5tS256,
    label: info.label.slice(0, 200),
  };
}

/** What should be said before sealing to this key: weak but allowed. */
export function recipientWarnings(info: KeyInfo, recipient: Recipient): readonly string[] {
  const warnings: string[] = [];
  if (info.type === "rsa" && info.bits < 3072)
    warnings.push(`${info.label}: RSA of ${info.bits} bits; 3072 is the measure for data that must last`);
  const needed = info.type === "rsa" ? "keyEncipherment" : "keyAgreement";
  if (info.usages && !info.usages.includes(needed))
    warnings.push(
      `${info.label}: the certificate is not meant for wrapping keys (its keyUsage has no ${needed}); stores may refuse to open with it`,
    );
  if (recipient.alg === "RSA-OAEP") warnings.push(`${info.label}: OAEP with SHA-1, for a token that knows no SHA-256`);
  if (info.certificate === undefined) warnings.push(`${info.label}: a bare key; a certificate would say whose it is`);
  return warnings;
}

/** Of a point's x, of its y, and of the secret that is agreed on (RFC 7518 section 6.2.1.2). */
export const COORDINATE_BYTES: Readonly<Record<Curve, number>> = { "P-256": 32, "P-384": 48, "P-521": 66 };
export const CURVE_NAMES = Object.keys(COORDINATE_BYTES) as readonly Curve[];

/** The type is asked first: Node aborts where it is asked for details of a malformed key of other types, such as DSA. */
function kindOf(key: KeyObject): { readonly curve: Curve | undefined; readonly bits: number } {
  const type = key.asymmetricKeyType;
  const details = type === "ec" || type === "rsa" ? key.asymmetricKeyDetails : undefined;
  return { curve: CURVES[details?.namedCurve ?? ""], bits: details?.modulusLength ?? 0 };
}

const CURVES: Readonly<Record<string, Curve>> = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };

/**
 * The public key in stored `spki` bytes.
 * @throws `SEAL_DAMAGED` if they are no key that fits `alg`, RSA of 2048 to 16,384 bits
 */
export function publicKeyOf(
  spki: Uint8Array,
  alg: RecipientAlg,
): { readonly key: KeyObject; readonly curve: Curve | undefined } {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
    const { curve, bits } = kindOf(key);
    const fits = alg === "ECDH-ES+A256KW" ? curve !== undefined : bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS;
    if (fits) return { key, curve };
  } catch {
    // Falls through to the one error for every malformed key.
  }
  throw new QErr("SEAL_DAMAGED", `a recipient's public key does not fit ${alg}`, { part: "slot keys" });
}
