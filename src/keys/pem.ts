import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { QErr } from "../errors.ts";
import { notApproved } from "./approved.ts";
import { children, DER, type DerValue, readDer } from "./der.ts";
import { type KdfSecret, kdfWork, needsApprovedPbe, pbeRounds, spend, wrongPassword } from "./pbe.ts";
import type { KeyFileContent } from "./pkcs12.ts";
import { checkPrivateKey } from "./private-key.ts";

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
 * @throws `KEY_PIN_INCORRECT`, `KEY_ALG_UNSUPPORTED`, `KEY_STORE_FORMAT`
 */
export function readPem(text: string, password: string | undefined, approvedOnly = false): PemContent {
  const keys: KeyObject[] = [];
  const publicKeys: KeyObject[] = [];
  const certificates: X509Certificate[] = [];
  const work = kdfWork();
  for (const [block, label] of text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g)) {
    if (label === "CERTIFICATE" || label === "X509 CERTIFICATE" || label === "TRUSTED CERTIFICATE")
      certificates.push(read(() => new X509Certificate(block)));
    else if (label === "PUBLIC KEY") publicKeys.push(read(() => createPublicKey(block)));
    else if (label!.endsWith("PRIVATE KEY")) keys.push(readPrivateKey(block, password, work, approvedOnly));
  }
  return { keys, certificates, publicKeys };
}

function readPrivateKey(
  block: string,
  password: string | undefined,
  work: KdfSecret["work"],
  approvedOnly: boolean,
): KeyObject {
  if (!pemNeedsPassword(block)) return checkPrivateKey(read(() => createPrivateKey(block)));
  if (approvedOnly) checkApproved(block);
  // OpenSSL's old form is one round of MD5.
  if (!block.includes("Proc-Type:")) checkWork(block, work);
  return checkPrivateKey(opened(block, password ?? ""));
}

function opened(block: string, passphrase: string): KeyObject {
  try {
    return createPrivateKey({ key: block, passphrase });
  } catch (error) {
    // Of OpenSSL 3, which has no DES and RC2 without its legacy provider; a decoder's "unsupported" is a wrong passphrase.
    if (error instanceof Error && "code" in error && error.code === "ERR_OSSL_EVP_UNSUPPORTED") throw oldCipher();
    throw wrongPassword();
  }
}

function oldCipher(): QErr {
  return new QErr("KEY_ALG_UNSUPPORTED", "the private key is encrypted with an old algorithm that is not read here", {
    hint: "write it again: openssl pkcs8 -topk8 -v2 aes-256-cbc",
  });
}

function checkApproved(block: string): void {
  if (block.includes("Proc-Type:")) throw notApproved("a key derivation with MD5, of OpenSSL's old PEM");
  needsApprovedPbe(schemeOf(block));
}

/** OpenSSL does as many rounds as it is told to. */
function checkWork(block: string, work: KdfSecret["work"]): void {
  let rounds: number;
  try {
    rounds = pbeRounds(schemeOf(block));
  } catch {
    throw wrongPassword();
  }
  spend(work, rounds);
}

/** How a PKCS#8 block says that it is encrypted. */
function schemeOf(block: string): DerValue | undefined {
  const der = Buffer.from(block.replace(/-----[^-]+-----|\s/g, ""), "base64");
  return children(readDer(der), DER.sequence)[0];
}

function read<T>(parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new QErr("KEY_STORE_FORMAT", "a block of the PEM file cannot be read");
  }
}
