import { createDecipheriv, hash as hashOnce, pbkdf2Sync } from "node:crypto";
import { concat } from "../bytes/concat.ts";
import { needs, QErr } from "../errors.ts";
import { MAX_KDF_ITERATIONS, MAX_KEY_FILE_ITERATIONS } from "../limits.ts";
import { notApproved } from "./approved.ts";
import { children, DER, type DerValue, octets, oid, readDer, smallInteger } from "./der.ts";
import { rc2CbcDecrypt } from "./rc2.ts";

/** A password as PKCS#12 takes it: UTF-16, big-endian, with a closing zero; or nothing at all. */
export function bmpPassword(password: string | undefined): Uint8Array {
  // eslint-disable-next-line security/detect-possible-timing-attacks -- whether there is a password is no secret
  if (password === undefined) return new Uint8Array(0);
  const bytes = new Uint8Array(password.length * 2 + 2);
  for (let i = 0; i < password.length; i++) {
    bytes[2 * i] = password.charCodeAt(i) >>> 8;
    bytes[2 * i + 1] = password.charCodeAt(i) & 255;
  }
  return bytes;
}

export const KEY_ID = 1;
export const IV_ID = 2;
export const MAC_ID = 3;

/** A password, and how many iterations may still be spent on it: a file names its own. */
export interface KdfSecret {
  readonly password: string | undefined;
  readonly work: { left: number };
}

/** What one key file may ask for in all. */
export function kdfWork(): KdfSecret["work"] {
  return { left: MAX_KEY_FILE_ITERATIONS };
}

/**
 * Takes rounds off what a key file may cause.
 * @throws `KEY_STORE_FORMAT` beyond the limits
 */
export function spend(work: KdfSecret["work"], iterations: number): void {
  needs(
    iterations >= 1 && iterations <= MAX_KDF_ITERATIONS,
    "KEY_STORE_FORMAT",
    `${iterations} iterations of a password derivation are over ${MAX_KDF_ITERATIONS}`,
  );
  work.left -= iterations;
  needs(
    work.left >= 0,
    "KEY_STORE_FORMAT",
    `the key file asks for over ${MAX_KEY_FILE_ITERATIONS} iterations of password derivations`,
    { hint: "write it again with fewer: openssl pkcs12 -export -iter 100000" },
  );
}

/** The key derivation of PKCS#12 (RFC 7292 appendix B.2). */
export function pkcs12Kdf(
  hash: string,
  id: number,
  secret: KdfSecret,
  salt: Uint8Array,
  iterations: number,
  length: number,
): Uint8Array {
  const block = hash === "sha384" || hash === "sha512" ? 128 : 64;
  const fill = (bytes: Uint8Array) => {
    const size = Math.ceil(bytes.byteLength / block) * block;
    return Uint8Array.from({ length: size }, (_, i) => bytes[i % bytes.byteLength]!);
  };
  const input = concat([fill(salt), fill(bmpPassword(secret.password))]);
  const out = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    spend(secret.work, iterations);
    let a = hashOnce(hash, concat([new Uint8Array(block).fill(id), input]), "buffer");
    for (let i = 1; i < iterations; i++) a = hashOnce(hash, a, "buffer");
    out.set(a.subarray(0, length - at), at);
    at += a.byteLength;
    // Each block of the input gets the value added, as one big-endian number, plus one.
    for (let from = 0; from < input.byteLength; from += block) {
      let carry = 1;
      for (let i = block - 1; i >= 0; i--) {
        carry += input[from + i]! + a[i % a.byteLength]!;
        input[from + i] = carry & 255;
        carry >>>= 8;
      }
    }
  }
  return out;
}

const PBES2 = "1.2.840.113549.1.5.13";
const PBKDF2 = "1.2.840.113549.1.5.12";
const SCRYPT = "1.3.6.1.4.1.11591.4.11";
const PRFS: Readonly<Record<string, string>> = {
  "1.2.840.113549.2.7": "sha1",
  "1.2.840.113549.2.9": "sha256",
  "1.2.840.113549.2.10": "sha384",
  "1.2.840.113549.2.11": "sha512",
};
const CIPHERS: Readonly<Record<string, readonly [name: string, keyBytes: number]>> = {
  "2.16.840.1.101.3.4.1.2": ["aes-128-cbc", 16],
  "2.16.840.1.101.3.4.1.22": ["aes-192-cbc", 24],
  "2.16.840.1.101.3.4.1.42": ["aes-256-cbc", 32],
  "1.2.840.113549.3.7": ["des-ede3-cbc", 24],
};
/** PBE of RFC 7292 appendix C, all with SHA-1. */
const OLD: Readonly<Record<string, readonly [name: string, keyBytes: number]>> = {
  "1.2.840.113549.1.12.1.3": ["des-ede3-cbc", 24],
  "1.2.840.113549.1.12.1.4": ["des-ede3-cbc", 16],
  "1.2.840.113549.1.12.1.5": ["rc2", 16],
  "1.2.840.113549.1.12.1.6": ["rc2", 5],
};

/**
 * Decrypts what a password encrypts in a PKCS#12 or PKCS#8 file, in both one DER sequence.
 * @throws `KEY_ALG_UNSUPPORTED` for a scheme that is not listed, `KEY_PIN_INCORRECT` if padding or content does not fit
 */
export function pbeDecrypt(algorithm: DerValue | undefined, secret: KdfSecret, data: Uint8Array): Uint8Array {
  const [id, parameters] = children(algorithm, DER.sequence);
  const scheme = oid(id);
  if (parameters === undefined) throw unsupported(scheme);
  const plain = scheme === PBES2 ? pbes2(parameters, secret, data) : oldScheme(scheme, parameters, secret, data);
  if (!isOneSequence(plain)) throw wrongPassword();
  return plain;
}

/** Another password's key leaves a padding that fits once in 256 times: then what it decrypts to tells. */
function isOneSequence(plain: Uint8Array): boolean {
  try {
    const { tag, rest } = readDer(plain);
    return tag === DER.sequence && rest.byteLength === 0;
  } catch {
    return false;
  }
}

function oldScheme(scheme: string, parameters: DerValue, secret: KdfSecret, data: Uint8Array): Uint8Array {
  const old = OLD[scheme];
  if (old === undefined) throw unsupported(scheme);
  const [saltValue, rounds] = children(parameters, DER.sequence);
  const salt = octets(saltValue);
  const [name, size] = old;
  const key = pkcs12Kdf("sha1", KEY_ID, secret, salt, smallInteger(rounds), size);
  const iv = pkcs12Kdf("sha1", IV_ID, secret, salt, smallInteger(rounds), 8);
  if (name === "rc2") return unpad(rc2CbcDecrypt(key, iv, data));
  return decipher(name, size === 16 ? new Uint8Array([...key, ...key.subarray(0, 8)]) : key, iv, data);
}

/**
 * Refuses password-based encryption that FIPS does not approve: all but PBKDF2 with AES (SP 800-132).
 * @throws `FIPS_NOT_APPROVED`; `KEY_STORE_FORMAT`
 */
export function needsApprovedPbe(algorithm: DerValue | undefined): void {
  const [id, parameters] = children(algorithm, DER.sequence);
  const scheme = oid(id);
  if (scheme !== PBES2 || parameters === undefined)
    throw notApproved(`a scheme of its own (${OLD[scheme]?.[0] ?? scheme})`);
  const [kdf, encryption] = children(parameters, DER.sequence);
  const [kdfId] = children(kdf, DER.sequence);
  const [cipherId] = children(encryption, DER.sequence);
  const cipher = CIPHERS[oid(cipherId)]?.[0];
  if (oid(kdfId) !== PBKDF2) throw notApproved(`the key derivation ${oid(kdfId)}`);
  if (!cipher?.startsWith("aes-")) throw notApproved(`the cipher ${cipher ?? oid(cipherId)}`);
}

/**
 * The rounds that a scheme asks for; of scrypt each of its N * r * p mixings is one.
 * @throws `KEY_STORE_FORMAT` if that cannot be read
 */
export function pbeRounds(algorithm: DerValue | undefined): number {
  const [id, parameters] = children(algorithm, DER.sequence);
  const [first, rounds] = children(parameters, DER.sequence);
  if (oid(id) !== PBES2) return smallInteger(rounds);
  const [kdf, kdfParameters] = children(first, DER.sequence);
  const [, ...numbers] = children(kdfParameters, DER.sequence);
  const counts = oid(kdf) === SCRYPT ? numbers.slice(0, 3) : numbers.slice(0, 1);
  return counts.reduce((product, number) => product * smallInteger(number), 1);
}

function pbes2(parameters: DerValue, secret: KdfSecret, data: Uint8Array): Uint8Array {
  const [kdf, encryption] = children(parameters, DER.sequence);
  const [kdfId, kdfParameters] = children(kdf, DER.sequence);
  if (oid(kdfId) !== PBKDF2) throw unsupported(oid(kdfId));
  const [salt, rounds, ...more] = children(kdfParameters, DER.sequence);
  const prfValue = more.find((v) => v.tag === DER.sequence);
  const prf = prfValue ? PRFS[oid(children(prfValue)[0])] : "sha1";
  const [cipherId, iv] = children(encryption, DER.sequence);
  const cipher = CIPHERS[oid(cipherId)];
  if (prf === undefined || cipher === undefined) throw unsupported(oid(cipherId));
  const iterations = smallInteger(rounds);
  spend(secret.work, iterations);
  const key = pbkdf2Sync(secret.password ?? "", octets(salt), iterations, cipher[1], prf);
  return decipher(cipher[0], key, octets(iv), data);
}

function decipher(name: string, key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  try {
    const d = createDecipheriv(name, key, iv);
    return new Uint8Array(Buffer.concat([d.update(data), d.final()]));
  } catch {
    throw wrongPassword();
  }
}

function unpad(data: Uint8Array): Uint8Array {
  const pad = data.at(-1) ?? 0;
  const fits = pad >= 1 && pad <= 8 && data.subarray(data.byteLength - pad).every((b) => b === pad);
  if (!fits) throw wrongPassword();
  return data.subarray(0, data.byteLength - pad);
}

export function wrongPassword(): QErr {
  return new QErr("KEY_PIN_INCORRECT", "the passphrase does not open the key file");
}

function unsupported(id: string): QErr {
  return new QErr("KEY_ALG_UNSUPPORTED", `the key file is encrypted with ${id}, which is not read here`, {
    hint: "write it again with a current openssl: openssl pkcs12 -export",
  });
}
