import { createHmac, createPrivateKey, type KeyObject, timingSafeEqual, X509Certificate } from "node:crypto";
import { isQErr, needs, QErr } from "../errors.ts";
import { notApproved } from "./approved.ts";
import { children, DER, type DerValue, inside, octets, oid, readDer, smallInteger } from "./der.ts";
import { type KdfSecret, kdfWork, MAC_ID, needsApprovedPbe, pbeDecrypt, pkcs12Kdf, wrongPassword } from "./pbe.ts";
import { checkPrivateKey } from "./private-key.ts";

const DATA = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA = "1.2.840.113549.1.7.6";
const KEY_BAG = "1.2.840.113549.1.12.10.1.1";
const SHROUDED_KEY_BAG = "1.2.840.113549.1.12.10.1.2";
const CERT_BAG = "1.2.840.113549.1.12.10.1.3";
const X509_CERTIFICATE = "1.2.840.113549.1.9.22.1";
const HASHES: Readonly<Record<string, string>> = {
  "1.3.14.3.2.26": "sha1",
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
};

/** Keys and certificates of a key file, in its order; which belongs to which, their public keys tell. */
export interface KeyFileContent {
  readonly keys: readonly KeyObject[];
  readonly certificates: readonly X509Certificate[];
}

/** True if these bytes can be a PKCS#12 (a sequence that begins with the integer 3). */
export function looksLikePkcs12(bytes: Uint8Array): boolean {
  try {
    const [version] = children(readDer(bytes), DER.sequence);
    return smallInteger(version) === 3;
  } catch {
    return false;
  }
}

/**
 * Reads a PKCS#12 file (RFC 7292): the forms of OpenSSL 3 and 1, Windows, NSS and Java.
 * @param password undefined and "" are tried for each other, since writers differ in what no password means
 * @param approvedOnly refuse protection that FIPS does not approve, with `FIPS_NOT_APPROVED`
 * @throws `KEY_PIN_INCORRECT` for another password, `KEY_STORE_FORMAT`, `KEY_ALG_UNSUPPORTED`
 */
export function readPkcs12(bytes: Uint8Array, password: string | undefined, approvedOnly = false): KeyFileContent {
  if (approvedOnly) checkApproved(bytes);
  const work = kdfWork();
  if (password !== undefined && password !== "") return readWith(bytes, { password, work });
  try {
    return readWith(bytes, { password: "", work });
  } catch (error) {
    if (!(error instanceof QErr) || error.code !== "KEY_PIN_INCORRECT") throw error;
    return readWith(bytes, { password: undefined, work });
  }
}

function readWith(bytes: Uint8Array, secret: KdfSecret): KeyFileContent {
  const [version, authSafe, macData] = children(readDer(bytes), DER.sequence);
  needs(smallInteger(version) === 3, "KEY_STORE_FORMAT", "the key file is no PKCS#12 of version 3");
  const [type, content] = children(authSafe, DER.sequence);
  needs(oid(type) === DATA, "KEY_STORE_FORMAT", "the PKCS#12 is protected by a public key, not by a password");
  const safe = octets(inside(content));
  if (macData) checkMac(macData, secret, safe);
  const keys: KeyObject[] = [];
  const certificates: X509Certificate[] = [];
  for (const info of children(readDer(safe), DER.sequence)) {
    for (const bag of children(readDer(safeContents(info, secret)), DER.sequence))
      readBag(bag, secret, keys, certificates);
  }
  return { keys, certificates };
}

/** Looks at how the file is protected before any password is used on it. Key bags inside encrypted data share its kind. */
function checkApproved(bytes: Uint8Array): void {
  const [, authSafe, macData] = children(readDer(bytes), DER.sequence);
  // The MAC's key comes from PKCS#12's own derivation, which no approved module has.
  if (macData) throw notApproved("a MAC with the key derivation of PKCS#12");
  const [, content] = children(authSafe, DER.sequence);
  const safe = octets(inside(content));
  for (const info of children(readDer(safe), DER.sequence)) {
    const [type, wrapper] = children(info, DER.sequence);
    const inner = inside(wrapper);
    if (oid(type) === ENCRYPTED_DATA) {
      const [, encrypted] = children(inner, DER.sequence);
      needsApprovedPbe(children(encrypted, DER.sequence)[1]);
    } else {
      for (const bag of children(readDer(octets(inner)), DER.sequence)) {
        const [kind, value] = children(bag, DER.sequence);
        if (oid(kind) === SHROUDED_KEY_BAG) needsApprovedPbe(children(inside(value), DER.sequence)[0]);
      }
    }
  }
}

function checkMac(macData: DerValue, secret: KdfSecret, safe: Uint8Array): void {
  const [digestInfo, salt, rounds] = children(macData, DER.sequence);
  const [algorithm, expected] = children(digestInfo, DER.sequence);
  const [id, parameters] = children(algorithm, DER.sequence);
  needs(parameters === undefined || parameters.tag === DER.null, "KEY_STORE_FORMAT", "the MAC's hash has parameters");
  const hash = HASHES[oid(id)];
  // eslint-disable-next-line security/detect-possible-timing-attacks -- the name of an algorithm is no secret
  if (hash === undefined) throw new QErr("KEY_ALG_UNSUPPORTED", "the PKCS#12 has a MAC of an unknown kind");
  const length = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 }[hash]!;
  const key = pkcs12Kdf(hash, MAC_ID, secret, octets(salt), rounds ? smallInteger(rounds) : 1, length);
  const mac = createHmac(hash, key).update(safe).digest();
  const given = octets(expected);
  if (given.byteLength !== mac.byteLength || !timingSafeEqual(mac, given)) throw wrongPassword();
}

function safeContents(info: DerValue, secret: KdfSecret): Uint8Array {
  const [type, content] = children(info, DER.sequence);
  const inner = inside(content);
  if (oid(type) === DATA) return octets(inner);
  needs(oid(type) === ENCRYPTED_DATA, "KEY_STORE_FORMAT", "the PKCS#12 holds a content of an unknown kind");
  const [, encrypted] = children(inner, DER.sequence);
  const [, algorithm, data] = children(encrypted, DER.sequence);
  return pbeDecrypt(algorithm, secret, octets(data));
}

function readBag(bag: DerValue, secret: KdfSecret, keys: KeyObject[], certificates: X509Certificate[]): void {
  const [type, content] = children(bag, DER.sequence);
  const kind = oid(type);
  const inner = inside(content);
  // A copy, since it is overwritten, and the file may have to be read again with another password.
  if (kind === KEY_BAG) keys.push(privateKey(inner.all.slice()));
  if (kind === SHROUDED_KEY_BAG) {
    const [algorithm, data] = children(inner, DER.sequence);
    keys.push(privateKey(pbeDecrypt(algorithm, secret, octets(data))));
  }
  if (kind === CERT_BAG) {
    const [id, value] = children(inner, DER.sequence);
    if (oid(id) === X509_CERTIFICATE) certificates.push(certificate(octets(inside(value))));
  }
}

function certificate(bytes: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(Buffer.from(bytes));
  } catch {
    throw new QErr("KEY_STORE_FORMAT", "a certificate of the key file cannot be read");
  }
}

function privateKey(pkcs8: Uint8Array): KeyObject {
  try {
    // A view: a copy would stay behind.
    const key = Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.byteLength);
    return checkPrivateKey(createPrivateKey({ key, format: "der", type: "pkcs8" }));
  } catch (error) {
    if (isQErr(error)) throw error;
    throw new QErr("KEY_STORE_FORMAT", "a private key of the key file cannot be read");
  } finally {
    pkcs8.fill(0);
  }
}
