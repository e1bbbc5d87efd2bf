import { createHash, createPublicKey, type KeyObject, type X509Certificate } from "node:crypto";
import { needs, QErr } from "../errors.ts";
import { MAX_RSA_BITS } from "../limits.ts";
import type { Curve, KeyInfo, KeyRef } from "./keystore.ts";
import { usesOf } from "./usage.ts";

const CURVES: Readonly<Record<string, { readonly name: Curve; readonly bits: number }>> = {
  prime256v1: { name: "P-256", bits: 256 },
  secp384r1: { name: "P-384", bits: 384 },
  secp521r1: { name: "P-521", bits: 521 },
};

/** What a thumbprint brings along when it is copied out of a dialog: blanks, separators, marks of the reading direction. */
export const PASTED = /[\s:\u200e\u200f\u202a-\u202e\ufeff-]/g;

/**
 * A thumbprint as people paste it, made plain: spaces, colons and the invisible U+200E that Windows' dialog puts in
 * front are dropped. 40 digits are SHA-1, 64 are SHA-256 of the certificate.
 * @throws `KEY_REFERENCE` if it is neither
 */
export function parseThumbprint(text: string): KeyRef {
  const hex = text.replace(PASTED, "").toUpperCase();
  needs(/^([0-9A-F]{40}|[0-9A-F]{64})$/.test(hex), "KEY_REFERENCE", "a thumbprint has 40 or 64 hexadecimal digits", {
    hint: "copy it from the certificate's details, or from `qvault keys list`",
  });
  return hex.length === 40 ? { x5t: hex } : { x5tS256: hex };
}

/** True for a text that can be nothing but a thumbprint. */
export function isThumbprint(text: string): boolean {
  return /^([0-9A-F]{40}|[0-9A-F]{64})$/i.test(text.replace(PASTED, ""));
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").toUpperCase();
}

/** True if everything that `ref` names is what `info` has; a SHA-256 thumbprint may also be that of the public key. */
export function matches(info: Pick<KeyInfo, "x5t" | "x5tS256" | "spkiS256">, ref: KeyRef): boolean {
  if (ref.x5t !== undefined && ref.x5t !== info.x5t) return false;
  if (ref.spkiS256 !== undefined && ref.spkiS256 !== info.spkiS256) return false;
  return ref.x5tS256 === undefined || ref.x5tS256 === info.x5tS256 || ref.x5tS256 === info.spkiS256;
}

/** The one key of `infos` that `ref` names; of several entries for the same key, one with its private half. */
export function pick(infos: readonly KeyInfo[], ref: KeyRef, where: string): KeyInfo | undefined {
  const found = infos.filter((info) => matches(info, ref));
  const keys = new Set(found.map((info) => info.spkiS256));
  needs(keys.size <= 1, "KEY_AMBIGUOUS", () => `${keys.size} different keys in ${where} match`, {
    hint: "name one by its SHA-256 thumbprint",
  });
  return found.find((info) => info.hasPrivateKey) ?? found[0];
}

/**
 * What a public key or certificate is.
 * @throws `KEY_ALG_UNSUPPORTED` if it is neither RSA of up to 16,384 bits nor ECDSA/ECDH on P-256, P-384 or P-521
 */
export function describeKey(
  source: { readonly certificate: X509Certificate } | { readonly publicKey: KeyObject },
  where: string,
  hasPrivateKey: boolean,
  label?: string,
): KeyInfo {
  const certificate = "certificate" in source ? source.certificate : undefined;
  const publicKey = "certificate" in source ? keyOf(source.certificate) : source.publicKey;
  const common = {
    spkiS256: sha256Hex(publicKey.export({ type: "spki", format: "der" })),
    x5t: certificate?.fingerprint.replaceAll(":", ""),
    x5tS256: certificate?.fingerprint256.replaceAll(":", ""),
    certificate,
    publicKey,
    label: label ?? (certificate ? subjectOf(certificate) : "key without certificate"),
    usages: certificate && usesOf(certificate).usages,
    hasPrivateKey,
    where,
  };
  if (publicKey.asymmetricKeyType === "rsa") {
    const bits = keyDetails(publicKey).modulusLength ?? 0;
    needs(bits <= MAX_RSA_BITS, "KEY_ALG_UNSUPPORTED", () => `${common.label} has ${bits} bits, over ${MAX_RSA_BITS}`);
    return { ...common, type: "rsa", bits };
  }
  const curve = CURVES[keyDetails(publicKey).namedCurve ?? ""];
  if (curve === undefined) {
    throw new QErr("KEY_ALG_UNSUPPORTED", `${common.label} is neither an RSA key nor on P-256, P-384 or P-521`);
  }
  return { ...common, type: "ec", bits: curve.bits, curve: curve.name };
}

/** A certificate may hold a key of a kind, or so broken, that OpenSSL cannot say what it is. */
function keyOf(certificate: X509Certificate): KeyObject {
  try {
    return certificate.publicKey;
  } catch {
    throw new QErr("KEY_ALG_UNSUPPORTED", `the key in the certificate of ${subjectOf(certificate)} cannot be read`);
  }
}

/** Details of an RSA or EC key; none of others: of a malformed DSA key, for one, Node aborts where it is asked for them. */
export function keyDetails(key: KeyObject): NonNullable<KeyObject["asymmetricKeyDetails"]> {
  const type = key.asymmetricKeyType;
  return (type === "ec" || type === "rsa" ? key.asymmetricKeyDetails : undefined) ?? {};
}

/** The common name, or the whole subject on one line. */
export function subjectOf(certificate: X509Certificate): string {
  const subject = certificate.subject ?? "";
  return (/(?:^|\n)CN=([^\n]*)/.exec(subject)?.[1] ?? subject.replaceAll("\n", ", ")).slice(0, 200);
}

/** The public half of a private key object. */
export function publicHalf(key: KeyObject): KeyObject {
  return key.type === "private" ? createPublicKey(key) : key;
}
