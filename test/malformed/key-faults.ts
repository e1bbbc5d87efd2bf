import type { ErrorCode } from "../../src/errors.ts";
import { openReference } from "../../src/keys/keyring.ts";
import { readPem } from "../../src/keys/pem.ts";
import { parsePkcs11Uri } from "../../src/keys/pkcs11-uri.ts";
import { readPkcs12 } from "../../src/keys/pkcs12.ts";
import { MAX_JWE_BYTES, MAX_KDF_ITERATIONS, MAX_RECIPIENTS } from "../../src/limits.ts";
import { createJwe } from "../../src/seal/jwe.ts";
import { type Jwe, parseJwe } from "../../src/seal/jwe-form.ts";
import { defaultProvider } from "../../src/seal/provider.ts";
import { pemSeeds, pemWithRounds, pemWithScrypt, pkcs12Seeds, pkcs12WithRounds } from "../fuzz/key-files.ts";
import { testKey, testRecipient } from "../fuzz/keys.ts";
import { type Fault, type FaultKind, textFault, utf8 } from "./fault.ts";

const p12 = (which: number) => pkcs12Seeds()[which]!;
const bytesFault = (code: ErrorCode, name: string, bytes: () => Uint8Array): Fault => ({ code, name, bytes });

/** The first place of `from` overwritten. */
function patched(file: Uint8Array, from: readonly number[], to: readonly number[]): Uint8Array {
  const at = Buffer.from(file.buffer, file.byteOffset, file.byteLength).indexOf(Uint8Array.from(from));
  if (at < 0) throw new Error("the place is not there");
  const out = file.slice();
  out.set(to, at);
  return out;
}

const PKCS12: readonly Fault[] = [
  bytesFault("KEY_STORE_FORMAT", "nothing at all", () => new Uint8Array(0)),
  bytesFault("KEY_STORE_FORMAT", "one byte", () => Uint8Array.of(0x30)),
  bytesFault("KEY_STORE_FORMAT", "cut in the middle", () => p12(0).slice(0, 200)),
  bytesFault("KEY_STORE_FORMAT", "cut by the last byte", () => p12(0).slice(0, -1)),
  bytesFault("KEY_STORE_FORMAT", "of version 2", () => patched(p12(0), [2, 1, 3], [2, 1, 2])),
  bytesFault("KEY_STORE_FORMAT", "a length of 4 GiB", () =>
    patched(p12(0), [0x30, 0x82], [0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
  ),
  bytesFault("KEY_STORE_FORMAT", "a length of 5 bytes", () =>
    patched(p12(0), [0x30, 0x82], [0x30, 0x85, 1, 1, 1, 1, 1]),
  ),
  bytesFault("KEY_STORE_FORMAT", "nothing behind the version", () => Uint8Array.of(0x30, 3, 2, 1, 3)),
  bytesFault("KEY_STORE_FORMAT", "an empty content", () => Uint8Array.of(0x30, 5, 2, 1, 3, 0x30, 0)),
  bytesFault("KEY_STORE_FORMAT", "protected by a public key", () =>
    patched(p12(0), [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1], [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2]),
  ),
  bytesFault("KEY_STORE_FORMAT", "a key that is none", () =>
    patched(p12(0), [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 9]),
  ),
  bytesFault("KEY_STORE_FORMAT", "a certificate that is none", () =>
    patched(p12(0), [0xa0, 3, 2, 1, 2], [0xff, 3, 2, 1, 2]),
  ),
  bytesFault("KEY_PIN_INCORRECT", "a MAC that does not fit", () => {
    const file = p12(1);
    file[file.byteLength - 20]! ^= 1;
    return file;
  }),
  bytesFault("KEY_ALG_UNSUPPORTED", "a MAC with a hash that is not known", () =>
    patched(p12(1), [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5], [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 9, 5]),
  ),
  bytesFault("KEY_ALG_UNSUPPORTED", "encrypted with what is not known", () =>
    patched(p12(2), [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 0x2a], [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 0x2b]),
  ),
  bytesFault("KEY_ALG_UNSUPPORTED", "a key derivation that is not known", () =>
    patched(p12(2), [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 0x0c], [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 0x0b]),
  ),
  bytesFault("KEY_STORE_FORMAT", "no rounds of the derivation", () =>
    patched(p12(2), [4, 8, 5, 5, 5, 5, 5, 5, 5, 5, 2, 1, 1], [4, 8, 5, 5, 5, 5, 5, 5, 5, 5, 2, 1, 0]),
  ),
  bytesFault("KEY_STORE_FORMAT", "over a million rounds", () => pkcs12WithRounds(MAX_KDF_ITERATIONS + 1)),
  bytesFault("KEY_STORE_FORMAT", "two thousand million rounds", () => pkcs12WithRounds(2_000_000_000)),
  bytesFault("KEY_STORE_FORMAT", "an EC key whose number is longer than its curve", () =>
    patched(p12(0), ...LONG_NUMBER),
  ),
  bytesFault("KEY_STORE_FORMAT", "encrypted bytes that are changed", () => {
    const file = p12(2);
    const at = Buffer.from(file).indexOf(Uint8Array.from([0x2a, 0x04, 0x10]));
    file[at + 40]! ^= 1;
    return file;
  }),
];

export const pemOf = (label: string, body: string) => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
/** A DSA key of tiny numbers whose public one is -1: Node aborts where it is asked for its details. */
export const ABORTING_SPKI = new Uint8Array(
  Buffer.from("301c301406072a8648ce380401300902011702010b0201040304000201ff", "hex"),
);
/** The secret number of a P-256 key in PKCS#8, said to have the 102 bytes up to its end. Node aborts on such a key. */
const LONG_NUMBER = [
  [2, 1, 1, 4, 0x20],
  [2, 1, 1, 4, 0x66],
] as const;
export const longNumber = () => {
  const key = new Uint8Array(testKey.export({ type: "pkcs8", format: "der" }));
  return pemOf("PRIVATE KEY", Buffer.from(patched(key, ...LONG_NUMBER)).toString("base64"));
};
const PEM: readonly Fault[] = [
  textFault("KEY_STORE_FORMAT", "an EC key whose number is longer than its curve", longNumber()),
  textFault("KEY_STORE_FORMAT", "a certificate of nothing", pemOf("CERTIFICATE", "")),
  textFault("KEY_STORE_FORMAT", "a certificate that is no Base64", pemOf("CERTIFICATE", "****")),
  textFault("KEY_STORE_FORMAT", "a certificate that is DER of something else", pemOf("CERTIFICATE", "MAA=")),
  textFault("KEY_STORE_FORMAT", "a public key of nothing", pemOf("PUBLIC KEY", "")),
  textFault("KEY_STORE_FORMAT", "a private key that is none", pemOf("PRIVATE KEY", "MAA=")),
  textFault("KEY_STORE_FORMAT", "an EC key that is none", pemOf("EC PRIVATE KEY", "MAA=")),
  textFault("KEY_PIN_INCORRECT", "an encrypted key that is none", pemOf("ENCRYPTED PRIVATE KEY", "MAA=")),
  bytesFault("KEY_STORE_FORMAT", "PBKDF2 of over a million rounds", () => pemWithRounds(MAX_KDF_ITERATIONS + 1)),
  bytesFault("KEY_STORE_FORMAT", "PBKDF2 of two thousand million rounds", () => pemWithRounds(2 ** 31 - 1)),
  bytesFault("KEY_STORE_FORMAT", "scrypt of a gigabyte", () => pemWithScrypt(2 ** 20, 8, 1)),
  bytesFault("KEY_STORE_FORMAT", "scrypt a million times over", () => pemWithScrypt(2, 1, 1_000_000)),
  bytesFault("KEY_PIN_INCORRECT", "scrypt as OpenSSL writes it, under another passphrase", () =>
    pemWithScrypt(16384, 8, 1),
  ),
  bytesFault("KEY_PIN_INCORRECT", "an encrypted key under another passphrase", () => pemSeeds()[4]!),
];

const URI: readonly Fault[] = [
  textFault("KEY_REFERENCE", "another scheme", "pkcs12:token=a"),
  textFault("KEY_REFERENCE", "two question marks", "pkcs11:token=a?pin-source=b?c=d"),
  textFault("KEY_REFERENCE", "an attribute without value", "pkcs11:token"),
  textFault("KEY_REFERENCE", "an attribute without name", "pkcs11:=a"),
  textFault("KEY_REFERENCE", "an attribute twice", "pkcs11:token=a;token=b"),
  textFault("KEY_REFERENCE", "an attribute in both halves", "pkcs11:token=a?token=b"),
  textFault("KEY_REFERENCE", "a percent sign at the end", "pkcs11:token=a%"),
  textFault("KEY_REFERENCE", "a percent sign before no digits", "pkcs11:token=%zz"),
  textFault("KEY_REFERENCE", "half a byte", "pkcs11:token=%4"),
  textFault("KEY_REFERENCE", "a blank", "pkcs11:token=a b"),
  textFault("KEY_REFERENCE", "a letter that is not ASCII", "pkcs11:token=ä"),
  textFault("KEY_REFERENCE", "a line break", "pkcs11:token=a\nb"),
  textFault("KEY_REFERENCE", "a PIN in the URI", "pkcs11:token=a?pin-value=1234"),
  textFault("KEY_REFERENCE", "a slot that is no number", "pkcs11:slot-id=one"),
  textFault("KEY_REFERENCE", "a slot of 11 digits", "pkcs11:slot-id=12345678901"),
  textFault("KEY_REFERENCE", "an empty attribute", "pkcs11:token=a;;object=b"),
];

const REFERENCE: readonly Fault[] = [
  textFault("KEY_REFERENCE", "no file", "file:"),
  textFault("KEY_REFERENCE", "an attribute that there is not", "file:/a.pem?color=red"),
  textFault("KEY_REFERENCE", "an attribute without value", "file:/a.pem?thumbprint"),
  textFault("KEY_REFERENCE", "a thumbprint of 39 digits", `file:/a.pem?thumbprint=${"a".repeat(39)}`),
  textFault("KEY_REFERENCE", "a thumbprint with letters beyond F", `file:/a.pem?thumbprint=${"g".repeat(40)}`),
  textFault("KEY_REFERENCE", "broken percent-encoding", "file:/a.pem?thumbprint=%e0%a4%a"),
  textFault("KEY_REFERENCE", "a PIN where a source must be", "file:/a.pem?pin-source=1234"),
  textFault("KEY_REFERENCE", "a PIN from a variable of no name", "file:/a.pem?pin-source=env:1x"),
  textFault("KEY_REFERENCE", "a credential outside its folder", "file:/a.pem?pin-source=credential:../x"),
  textFault("KEY_REFERENCE", "a PKCS#11 thumbprint that is none", "pkcs11:token=a?thumbprint=12"),
];

let jwe: Promise<Jwe> | undefined;
const sealedKey = async () =>
  createJwe(new Uint8Array(32), { fileId: "00", slot: 0 }, [testRecipient()], await defaultProvider());
const goodJwe = async () => structuredClone(await (jwe ??= sealedKey()));
type Loose = Record<string, unknown> & { recipients: { header: Record<string, unknown>; encrypted_key: unknown }[] };
const jweFault = (name: string, edit: (j: Loose) => unknown, code: ErrorCode = "SEAL_DAMAGED"): Fault => ({
  code,
  name,
  bytes: async () => {
    const value = (await goodJwe()) as unknown as Loose;
    return utf8(JSON.stringify(edit(value) ?? value));
  },
});
const protectedAs = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

const JWE: readonly Fault[] = [
  textFault("SEAL_DAMAGED", "nothing", ""),
  textFault("SEAL_DAMAGED", "no JSON", "{"),
  textFault("SEAL_DAMAGED", "null", "null"),
  textFault("SEAL_DAMAGED", "a list", "[]"),
  textFault("SEAL_DAMAGED", "a compact JWE", "a.b.c.d.e"),
  textFault("LIMIT_EXCEEDED", "over a MiB", " ".repeat(MAX_JWE_BYTES + 1)),
  ...["protected", "recipients", "iv", "ciphertext", "tag"].map((key) =>
    jweFault(`without "${key}"`, (j) => void delete j[key]),
  ),
  jweFault("a member more", (j) => void (j.unprotected = {})),
  jweFault("an IV of 11 bytes", (j) => void (j.iv = "AAAAAAAAAAAAAAA")),
  jweFault("a tag of 12 bytes", (j) => void (j.tag = "AAAAAAAAAAAAAAAA")),
  jweFault("a ciphertext of nothing", (j) => void (j.ciphertext = "")),
  jweFault("Base64 with padding", (j) => void (j.iv = `${String(j.iv)}==`)),
  jweFault("no recipient", (j) => void (j.recipients = [])),
  jweFault(
    "over 256 recipients",
    (j) => void (j.recipients = Array(MAX_RECIPIENTS + 1).fill(j.recipients[0])),
    "LIMIT_EXCEEDED",
  ),
  jweFault("a recipient that is null", (j) => void (j.recipients = [null as never])),
  jweFault("a recipient without header", (j) => void (j.recipients[0]!.header = null as never)),
  ...["RSA1_5", "dir", "none", "A256KW", "PBES2-HS256+A128KW"].map((alg) =>
    jweFault(`the algorithm ${alg}`, (j) => void (j.recipients[0]!.header.alg = alg)),
  ),
  jweFault(
    "content encryption that is another",
    (j) => void (j.protected = protectedAs({ enc: "A128GCM", typ: "qvault-slot+jwe" })),
  ),
  jweFault("compression", (j) => void (j.protected = protectedAs({ enc: "A256GCM", typ: "x", zip: "DEF" }))),
  jweFault("a critical extension", (j) => void (j.recipients[0]!.header.crit = ["b64"])),
  jweFault("a key id of 31 bytes", (j) => void (j.recipients[0]!.header.kid = "A".repeat(41))),
  jweFault("a thumbprint of 19 bytes", (j) => void (j.recipients[0]!.header.x5t = "A".repeat(25))),
  jweFault(
    "a point that is on no curve",
    (j) => void (j.recipients[0]!.header.epk = { kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(42) }),
  ),
  jweFault("a curve that is another", (j) => void ((j.recipients[0]!.header.epk as { crv: string }).crv = "secp256k1")),
  jweFault("no point", (j) => void delete j.recipients[0]!.header.epk),
  jweFault("a wrapped key of 24 bytes", (j) => void (j.recipients[0]!.encrypted_key = "A".repeat(32))),
];

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

export const KEY_KINDS: readonly FaultKind[] = [
  {
    kind: "pkcs12",
    faults: PKCS12,
    good: () => p12(1),
    read: (bytes) => readPkcs12(bytes, undefined),
    classes: ["key", "keystore"],
  },
  {
    kind: "pem",
    faults: PEM,
    good: () => pemSeeds()[0]!,
    read: (bytes) => readPem(text(bytes), "other"),
    classes: ["key", "keystore"],
  },
  {
    kind: "pkcs11-uri",
    faults: URI,
    good: () => utf8("pkcs11:token=a;id=%01?pin-source=env:PIN"),
    read: (bytes) => parsePkcs11Uri(text(bytes)),
    classes: ["usage"],
  },
  {
    kind: "key-reference",
    faults: REFERENCE,
    good: () => utf8("file:/a.pem?pin-source=env:PIN"),
    read: (bytes) => openReference(text(bytes), { env: {} }),
    classes: ["usage"],
  },
  {
    kind: "jwe",
    faults: JWE,
    good: async () => utf8(JSON.stringify(await goodJwe())),
    read: (bytes) => parseJwe(text(bytes)),
    classes: ["damaged"],
  },
];
