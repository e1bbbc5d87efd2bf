import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { needs } from "../errors.ts";
import { DER, der, derOid } from "./der.ts";

/** Kinds of key pair that can be made here. */
export type NewKeyType = "rsa-2048" | "rsa-3072" | "rsa-4096" | "p256" | "p384" | "p521";

const CURVES: Readonly<Record<string, string>> = { p256: "P-256", p384: "P-384", p521: "P-521" };

export function generateKey(type: NewKeyType): KeyObject {
  const curve = CURVES[type];
  if (curve !== undefined) return generateKeyPairSync("ec", { namedCurve: curve }).privateKey;
  return generateKeyPairSync("rsa", { modulusLength: Number(type.slice(4)) }).privateKey;
}

/**
 * A self-signed certificate (RFC 5280) that names a key and says what it is for: wrapping keys, agreeing on keys, and
 * signing. There is no authority behind it; its thumbprint is what one trusts.
 * @param days validity from now; the file formats never ask for it when something is opened
 */
export function selfSigned(privateKey: KeyObject, commonName: string, days: number, now = new Date()): X509Certificate {
  needs(commonName !== "" && commonName.length <= 64, "USAGE", "a certificate's name has 1 to 64 characters");
  const publicKey = createPublicKey(privateKey);
  const rsa = publicKey.asymmetricKeyType === "rsa";
  const algorithm = rsa
    ? der(DER.sequence, derOid("1.2.840.113549.1.1.11"), der(DER.null))
    : der(DER.sequence, derOid("1.2.840.10045.4.3.2"));
  const name = der(
    DER.sequence,
    der(DER.set, der(DER.sequence, derOid("2.5.4.3"), der(DER.utf8, encodeUtf8(commonName)))),
  );
  const serial = new Uint8Array(randomBytes(16));
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  const from = new Date(now.getTime() - 60_000);
  const to = new Date(now.getTime() + days * 86_400_000);
  const body = der(
    DER.sequence,
    der(0xa0, der(DER.integer, Uint8Array.of(2))),
    der(DER.integer, serial),
    algorithm,
    name,
    der(DER.sequence, time(from), time(to)),
    name,
    new Uint8Array(publicKey.export({ type: "spki", format: "der" })),
    der(0xa3, der(DER.sequence, keyUsage(rsa))),
  );
  const signature = new Uint8Array(sign("sha256", body, privateKey));
  const all = der(DER.sequence, body, algorithm, der(DER.bitString, Uint8Array.of(0), signature));
  return new X509Certificate(Buffer.from(all));
}

/** digitalSignature with keyEncipherment or keyAgreement (RFC 5280 section 4.2.1.3). */
function keyUsage(rsa: boolean): Uint8Array {
  const bits = der(DER.bitString, rsa ? Uint8Array.of(5, 0xa0) : Uint8Array.of(3, 0x88));
  return der(DER.sequence, derOid("2.5.29.15"), der(DER.boolean, Uint8Array.of(0xff)), der(DER.octetString, bits));
}

/** UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5). */
function time(date: Date): Uint8Array {
  const text = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`;
  return date.getUTCFullYear() < 2050 ? der(0x17, encodeUtf8(text.slice(2))) : der(0x18, encodeUtf8(text));
}
