import { createHash } from "node:crypto";
import { needs, QErr } from "../errors.ts";
import type { KeyHandle, KeyInfo, UnwrapRequest } from "./keystore.ts";
import { checkRequest, signAlgOf } from "./software.ts";
import { withTimeLimit } from "./time-limit.ts";
import { type Address, type NativePadding, utf16, type WindowsCalls } from "./windows-calls.ts";
import { windowsError } from "./windows-errors.ts";

/** A key spec that says: the handle is one of CNG (CERT_NCRYPT_KEY_SPEC). */
export const NCRYPT_KEY_SPEC = 0xffffffff;
const SILENT = 0x40;
const PAD_OAEP = 4;
const PAD_PSS = 8;
const CRYPT_OAEP = 0x40;
const AT_KEYEXCHANGE = 1;
const KP_PERMISSIONS = 6;
const CRYPT_EXPORT = 4;
const ALLOW_EXPORT = 3;
const HASHES = { PS256: "sha256", ES256: "sha256", ES384: "sha384", ES512: "sha512" } as const;

type RsaRequest = Exclude<UnwrapRequest, { readonly alg: "ECDH-ES" }>;

export interface WindowsKeyOptions {
  readonly timeoutMs?: number | undefined;
}

/** A key of CNG. It can decrypt OAEP with either hash, and sign. */
export function cngHandle(
  calls: WindowsCalls,
  info: KeyInfo,
  key: Address,
  mustFree: boolean,
  options: WindowsKeyOptions,
): KeyHandle {
  const policy = calls.nCryptGetNumber(key, utf16("Export Policy"));
  const inTime = <T>(what: string, work: Promise<T>) =>
    withTimeLimit(`${what} in ${info.where}`, options.timeoutMs, work);
  return {
    info,
    exportable: policy === undefined ? undefined : (policy & ALLOW_EXPORT) !== 0,
    async unwrap(request) {
      const { alg, encryptedKey } = rsaOnly(info, request);
      const padding: NativePadding = { kind: "oaep", hash: utf16(alg === "RSA-OAEP" ? "SHA1" : "SHA256") };
      const output = new Uint8Array(encryptedKey.byteLength);
      const call = calls.nCryptDecrypt(key, encryptedKey, padding, output, PAD_OAEP | SILENT);
      const { status, length } = await inTime("unwrapping", call);
      if (status !== 0) throw windowsError(status, `unwrapping in ${info.where}`, true);
      return takeOut(output, length);
    },
    async sign(alg, data) {
      needs(alg === signAlgOf(info), "KEY_ALG_UNSUPPORTED", `${info.label} does not sign with ${alg}`);
      const hash = new Uint8Array(createHash(HASHES[alg]).update(data).digest());
      const padding = alg === "PS256" ? ({ kind: "pss", hash: utf16("SHA256"), saltBytes: 32 } as const) : undefined;
      const output = new Uint8Array(info.type === "rsa" ? Math.ceil(info.bits / 8) : 2 * Math.ceil(info.bits / 8));
      const flags = (padding ? PAD_PSS : 0) | SILENT;
      const { status, length } = await inTime("signing", calls.nCryptSignHash(key, padding, hash, output, flags));
      if (status !== 0) throw windowsError(status, `signing in ${info.where}`);
      return output.slice(0, length);
    },
    async close() {
      if (mustFree) calls.nCryptFreeObject(key);
    },
  };
}

/**
 * A key of an old provider (CryptoAPI). It knows OAEP with SHA-1 only, works on little-endian numbers, and does not sign
 * as we need.
 * @throws what getting its key handle throws
 */
export function capiHandle(calls: WindowsCalls, info: KeyInfo, provider: Address, mustFree: boolean): KeyHandle {
  // Some report a spec that CryptGetUserKey does not take; keys that decrypt are exchange keys.
  const { key, error } = calls.cryptGetUserKey(provider, AT_KEYEXCHANGE);
  if (key === 0n) {
    if (mustFree) calls.cryptReleaseContext(provider);
    throw windowsError(error, `opening the key of ${info.label}`);
  }
  const permissions = calls.cryptGetKeyNumber(key, KP_PERMISSIONS);
  return {
    info,
    exportable: permissions === undefined ? undefined : (permissions & CRYPT_EXPORT) !== 0,
    async unwrap(request) {
      const { alg, encryptedKey } = rsaOnly(info, request);
      if (alg !== "RSA-OAEP")
        throw oldProvider(`${info.label} is in an old provider, which knows OAEP with SHA-1 only`);
      const data = encryptedKey.slice().reverse();
      const { length, error } = calls.cryptDecrypt(key, CRYPT_OAEP, data);
      if (error !== 0) throw windowsError(error, `unwrapping in ${info.where}`, true);
      return takeOut(data, length);
    },
    async sign() {
      throw oldProvider(`${info.label} is in an old provider, which does not sign with PS256`);
    },
    async close() {
      calls.cryptDestroyKey(key);
      if (mustFree) calls.cryptReleaseContext(provider);
    },
  };
}

function rsaOnly(info: KeyInfo, request: UnwrapRequest): RsaRequest {
  checkRequest(info, request);
  if (request.alg !== "ECDH-ES") return request;
  throw new QErr("KEY_ALG_UNSUPPORTED", `${info.label} is a key for ECDH, which is not used in stores of Windows`, {
    hint: "seal to an RSA certificate, as Qlik itself requires",
  });
}

/** The first `length` bytes as an array of their own; the rest is overwritten with them. */
function takeOut(buffer: Uint8Array, length: number): Uint8Array {
  needs(length <= buffer.byteLength, "KEY_DEVICE_ERROR", "the provider says it gave more than there was room for");
  const own = buffer.slice(0, length);
  buffer.fill(0);
  return own;
}

function oldProvider(message: string): QErr {
  return new QErr("KEY_ALG_UNSUPPORTED", message, {
    hint: "import the certificate again into CNG (-Provider 'Microsoft Software Key Storage Provider'), or seal with --oaep-sha1",
  });
}
