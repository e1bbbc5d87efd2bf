import {
  constants,
  createCipheriv,
  createHash,
  createHmac,
  generateKeyPairSync,
  getFips,
  privateDecrypt,
  publicEncrypt,
  sign,
  verify,
} from "node:crypto";
import { needs, QErr } from "../errors.ts";
import type { KeyInfo, KeyStore } from "./keystore.ts";

/** What a self-check found out about the cryptography under Node. */
export interface FipsReport {
  /** Version of OpenSSL that Node says it has. */
  readonly openssl: string;
  readonly node: string;
  /** True if a provider refuses what is not approved; whether it is a validated one, only its certificate says. */
  readonly provider: boolean;
  /** The same in words, for people. */
  readonly words: string;
}

const HEX = (text: string) => Buffer.from(text, "hex");
/** AES-256-GCM, key and IV zero, 16 zero bytes: test case 14 of the GCM specification (NIST, McGrew and Viega). */
const GCM_ANSWER = "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919";
/** RFC 3394 section 4.6: 256 bits of key data with a 256-bit KEK. */
const WRAP_KEK = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const WRAP_DATA = "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f";
const WRAP_ANSWER = "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21";
/** RFC 4231 test case 2, SHA-512. */
const MAC_ANSWER =
  "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737";

/**
 * Runs the operations that sealing stands on, with known answers or, where a key is made, against each other, and one that
 * is not approved. The flag alone says
 * nothing: without a provider Node sets it, reports it, and then fails at every operation.
 * @param unapproved an operation that only a FIPS provider refuses
 * @throws `FIPS_UNAVAILABLE` if an operation fails or answers wrongly
 */
export function fipsSelfCheck(unapproved: () => unknown = md5): FipsReport {
  try {
    const cipher = createCipheriv("aes-256-gcm", Buffer.alloc(32), Buffer.alloc(12), { authTagLength: 16 });
    const sealed = Buffer.concat([cipher.update(Buffer.alloc(16)), cipher.final(), cipher.getAuthTag()]);
    answers("AES-256-GCM", sealed, GCM_ANSWER);
    const wrap = createCipheriv("id-aes256-wrap", HEX(WRAP_KEK), HEX("a6a6a6a6a6a6a6a6"));
    answers("AES-256-KW", Buffer.concat([wrap.update(HEX(WRAP_DATA)), wrap.final()]), WRAP_ANSWER);
    const mac = createHmac("sha512", "Jefe").update("what do ya want for nothing?").digest();
    answers("HMAC-SHA-512", mac, MAC_ANSWER);
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const signature = sign("sha256", mac, privateKey);
    needs(verify("sha256", mac, publicKey, signature), "FIPS_UNAVAILABLE", "ECDSA does not verify its own signature");
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };
    const wrapped = publicEncrypt({ key: rsa.publicKey, ...oaep }, HEX(WRAP_DATA));
    answers("RSA-OAEP", privateDecrypt({ key: rsa.privateKey, ...oaep }, wrapped), WRAP_DATA);
  } catch (cause) {
    if (cause instanceof QErr) throw cause;
    const flag = getFips() === 1 ? "FIPS mode is switched on, but there is no provider for it" : "an operation fails";
    throw new QErr("FIPS_UNAVAILABLE", `the cryptography of this Node does not pass its self-check: ${flag}`, {
      cause,
      hint: "a FIPS provider is set up with OPENSSL_CONF and OPENSSL_MODULES, and node --force-fips",
    });
  }
  const openssl = process.versions.openssl;
  const node = process.version;
  const provider = isRefused(unapproved);
  const about = `OpenSSL ${openssl} of Node ${node} passed the self-check`;
  const words = provider
    ? `only approved algorithms are used; ${about}, and a FIPS provider is active: this is validated only if that provider is`
    : `only approved algorithms are used; ${about}, but no FIPS provider is active: nothing here is validated`;
  return { openssl, node, provider, words };
}

function answers(what: string, got: Uint8Array, wanted: string): void {
  needs(
    Buffer.from(got).toString("hex") === wanted,
    "FIPS_UNAVAILABLE",
    `${what} gives a wrong answer in the self-check`,
  );
}

function md5(): void {
  createHash("md5").update("").digest();
}

function isRefused(operation: () => unknown): boolean {
  try {
    operation();
    return false;
  } catch {
    return true;
  }
}

/**
 * Refuses keys that SP 800-131A does not approve. The curves that are known here (P-256, P-384, P-521) all are.
 * @throws `FIPS_NOT_APPROVED`
 */
export function needsApproved(info: KeyInfo): void {
  needs(
    info.type !== "rsa" || info.bits >= 2048,
    "FIPS_NOT_APPROVED",
    `${info.label} is an RSA key of ${info.bits} bits`,
    {
      hint: "with --fips RSA keys have 2048 bits or more",
    },
  );
}

/** The store, without the use of keys that are not approved. They are still listed. */
export function approvedStore(store: KeyStore): KeyStore {
  return {
    ...store,
    async open(ref) {
      const info = await store.find(ref);
      if (info) needsApproved(info);
      return store.open(ref);
    },
  };
}

/** Refuses how a key file is protected. Throws `FIPS_NOT_APPROVED`. */
export function notApproved(what: string): QErr {
  return new QErr("FIPS_NOT_APPROVED", `the key file is protected by ${what}`, {
    hint: "write it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc, or openssl pkcs12 -export -nomac with AES",
  });
}
