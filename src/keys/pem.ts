import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { QErr } from "../errors.ts";
import { notApproved } from "./approved.ts";
import { children, DER, readDer } from "./der.ts";
import { needsApprovedPbe, wrongPassword } from "./pbe.ts";
import type { KeyFileContent } from "./pkcs12.ts";

export interface PemContent extends KeyFileContent {
  /** Bare public keys (`PUBLIC KEY`): recipients without certificate. */
  readonly publicKeys: readonly KeyObject[];
}

/** True if the text holds a PEM block. */
export function looksLikePem(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes("-----BEGIN ");
}

/** True if a private key in it is encrypted, so that a passphrase will be asked for. */
export function pemNeedsPassword(text: string): boolean {
  return /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text);
}

/**
 * Reads every certificate and key of a PEM file (RFC 7468); blocks of other kinds are passed over.
 * @param approvedOnly refuse protection that FIPS does not approve, with `FIPS_NOT_APPROVED`
 * @throws `KEY_PIN_INCORRECT`, `KEY_STORE_FORMAT`
 */
export function readPem(text: string, password: string | undefined, approvedOnly = false): PemContent {
  const keys: KeyObject[] = [];
  const publicKeys: KeyObject[] = [];
  const certificates: X509Certificate[] = [];
  for (const [block, label] of text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g)) {
    if (label === "CERTIFICATE" || label === "X509 CERTIFICATE" || label === "TRUSTED CERTIFICATE")
      certificates.push(read(() => new X509Certificate(block)));
    else if (label === "PUBLIC KEY") publicKeys.push(read(() => createPublicKey(block)));
    else if (label!.endsWith("PRIVATE KEY")) keys.push(readPrivateKey(block, password, approvedOnly));
  }
  return { keys, certificates, publicKeys };
}

function readPrivateKey(block: string, password: string | undefined, approvedOnly: boolean): KeyObject {
  if (!pemNeedsPassword(block)) return read(() => createPrivateKey(block));
  if (approvedOnly) checkApproved(block);
  try {
    return createPrivateKey({ key: block, passphrase: password ?? "" });
  } catch {
    throw wrongPassword();
  }
}

function checkApproved(block: string): void {
  if (block.includes("Proc-Type:")) throw notApproved("a key derivation with MD5, of OpenSSL's old PEM");
  const der = Buffer.from(block.replace(/-----[^-]+-----|\s/g, ""), "base64");
  needsApprovedPbe(children(readDer(der), DER.sequence)[0]!);
}

function read<T>(parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new QErr("KEY_STORE_FORMAT", "a block of the PEM file cannot be read");
  }
}
