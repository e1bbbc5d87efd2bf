import type { X509Certificate } from "node:crypto";
import { isQErr } from "../errors.ts";
import { children, DER, type DerValue, oid, readDer } from "./der.ts";

/** Bits of the keyUsage extension, in their order (RFC 5280 section 4.2.1.3). */
const USAGES = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
] as const;

export type KeyUsage = (typeof USAGES)[number];

/** What a certificate says its key is for. `undefined` means that it says nothing, and so forbids nothing. */
export interface CertificateUses {
  readonly usages: readonly KeyUsage[] | undefined;
  /** Object identifiers of the extended key usages, dotted. */
  readonly extended: readonly string[] | undefined;
}

const KEY_USAGE = "2.5.29.15";
const EXTENDED_KEY_USAGE = "2.5.29.37";
const EXTENSIONS = 0xa3;

/** Reads keyUsage and extendedKeyUsage, of which Node shows only the second. */
export function usesOf(certificate: X509Certificate): CertificateUses {
  try {
    const [body] = children(readDer(certificate.raw), DER.sequence);
    const wrapper = children(body!).find((value) => value.tag === EXTENSIONS);
    const extensions = wrapper ? children(readDer(wrapper.content), DER.sequence) : [];
    const usage = extensionValue(extensions, KEY_USAGE);
    const extended = extensionValue(extensions, EXTENDED_KEY_USAGE);
    return {
      usages: usage && bitsOf(usage),
      extended: extended && children(extended, DER.sequence).map((value) => oid(value)),
    };
  } catch (error) {
    // OpenSSL took the certificate; an extension that is malformed to us says nothing.
    if (isQErr(error)) return { usages: undefined, extended: undefined };
    throw error;
  }
}

function extensionValue(extensions: readonly DerValue[], id: string): DerValue | undefined {
  for (const extension of extensions) {
    const parts = children(extension, DER.sequence);
    const value = parts.at(-1);
    if (oid(parts[0]) === id && value?.tag === DER.octetString) return readDer(value.content);
  }
  return undefined;
}

/** Names of the bits that are set; the first byte of a bit string counts its unused bits. */
function bitsOf(value: DerValue): readonly KeyUsage[] {
  const bits = value.content.subarray(1);
  return USAGES.filter((_, i) => ((bits[i >> 3] ?? 0) & (0x80 >> (i & 7))) !== 0);
}

/** The usage that wrapping a key to a certificate needs. */
export function wrappingUsage(type: "rsa" | "ec"): KeyUsage {
  return type === "rsa" ? "keyEncipherment" : "keyAgreement";
}
