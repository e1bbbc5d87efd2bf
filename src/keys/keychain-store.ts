import { X509Certificate } from "node:crypto";
import { type ErrorCode, isQErr, needs, QErr } from "../errors.ts";
import { MAX_KEY_FILES } from "../limits.ts";
import type { KeychainAlgorithm, KeychainCalls, KeychainResult } from "./keychain-calls.ts";
import type { KeyHandle, KeyInfo, KeyRef, KeyStore, SignAlg } from "./keystore.ts";
import { checkRequest, signAlgOf, unwrapFailed } from "./software.ts";
import { describeKey, pick } from "./thumbprint.ts";
import { withTimeLimit } from "./time-limit.ts";
import type { Address } from "./windows-calls.ts";

export interface KeychainOptions {
  readonly timeoutMs?: number | undefined;
}

/** What a status of the Security framework means to us (SecBase.h). Others are `KEY_DEVICE_ERROR`. */
const MEANING: ReadonlyMap<number, readonly [code: ErrorCode, words: string]> = new Map([
  [-128, ["KEY_ACCESS_DENIED", "the user said no"]],
  [-25291, ["KEY_STORE_NOT_FOUND", "there is no keychain"]],
  [-25293, ["KEY_ACCESS_DENIED", "the keychain refuses this program or user"]],
  [-25294, ["KEY_STORE_NOT_FOUND", "there is no such keychain"]],
  [-25300, ["KEY_NO_PRIVATE_KEY", "the private key is not there"]],
  [-25308, ["KEY_USER_INTERACTION", "the keychain is locked or wants to ask its user"]],
]);
const ITEM_NOT_FOUND = -25300;
/** errSecParam, errSecDecode, errSecInvalidData and the like, from decrypting: they depend on the data. */
const DATA_FAILURES = new Set([-50, -26275, -67673, -67712, -67850]);

const UNWRAPS = {
  "RSA-OAEP-256": "kSecKeyAlgorithmRSAEncryptionOAEPSHA256",
  "RSA-OAEP": "kSecKeyAlgorithmRSAEncryptionOAEPSHA1",
} as const;
const SIGNS: Readonly<Record<SignAlg, KeychainAlgorithm>> = {
  PS256: "kSecKeyAlgorithmRSASignatureMessagePSSSHA256",
  ES256: "kSecKeyAlgorithmECDSASignatureMessageRFC4754SHA256",
  ES384: "kSecKeyAlgorithmECDSASignatureMessageRFC4754SHA384",
  ES512: "kSecKeyAlgorithmECDSASignatureMessageRFC4754SHA512",
};

/**
 * The identities in a user's keychains on macOS. Thumbprints are compared here: the system's own filter for them is not
 * to be relied on. The name (`login`) is for the reader: macOS searches the user's list of keychains.
 * @throws on use `KEY_STORE_NOT_FOUND`, `KEY_USER_INTERACTION` where the keychain is locked, `KEY_ACCESS_DENIED`
 */
export function keychainStore(
  name: string,
  calls: () => Promise<KeychainCalls>,
  options: KeychainOptions = {},
): KeyStore {
  const where = `keychain:${name}`;
  let infos: Promise<readonly KeyInfo[]> | undefined;
  const load = () => (infos ??= calls().then((table) => listKeychain(table, where)));
  return {
    where,
    list: load,
    find: async (ref) => pick(await load(), ref, where),
    async open(ref: KeyRef): Promise<KeyHandle> {
      const info = pick(await load(), ref, where);
      needs(info !== undefined, "KEY_NOT_FOUND", `${where} has no such identity`);
      return openKey(await calls(), info, options);
    },
    async close() {
      infos = undefined;
    },
  };
}

/** Runs `look` on each identity until it gives something; releases all of them. */
function search<T>(
  calls: KeychainCalls,
  where: string,
  look: (identity: Address, certificate: X509Certificate) => T | undefined,
): T | undefined {
  const { identities, status } = calls.copyIdentities();
  if (status !== 0 && status !== ITEM_NOT_FOUND) throw keychainError(status, `searching ${where}`);
  try {
    needs(identities.length <= MAX_KEY_FILES, "LIMIT_EXCEEDED", `${where} has over ${MAX_KEY_FILES} identities`);
    for (const identity of identities) {
      const found = look(identity, new X509Certificate(calls.certificateBytes(identity)));
      if (found !== undefined) return found;
    }
    return undefined;
  } finally {
    for (const identity of identities) calls.release(identity);
  }
}

function listKeychain(calls: KeychainCalls, where: string): readonly KeyInfo[] {
  const infos: KeyInfo[] = [];
  search(calls, where, (_, certificate) => {
    try {
      infos.push(describeKey({ certificate }, where, true));
    } catch (error) {
      // Keys of kinds that are not used here are passed over.
      if (!isQErr(error) || error.code !== "KEY_ALG_UNSUPPORTED") throw error;
    }
    return undefined;
  });
  return infos;
}

function openKey(calls: KeychainCalls, info: KeyInfo, { timeoutMs }: KeychainOptions): KeyHandle {
  const key = search(calls, info.where, (identity, certificate) => {
    if (certificate.fingerprint256.replaceAll(":", "") !== info.x5tS256) return undefined;
    const { key, status } = calls.copyPrivateKey(identity);
    if (status !== 0) throw keychainError(status, `opening the private key of ${info.label}`);
    return key;
  });
  needs(key !== undefined, "KEY_NOT_FOUND", `the identity of ${info.label} is gone from ${info.where}`);
  const supported = (operation: "decrypt" | "sign", algorithm: KeychainAlgorithm) =>
    needs(calls.isSupported(key, operation, algorithm), "KEY_ALG_UNSUPPORTED", `${info.label} has no ${algorithm}`);
  return {
    info,
    exportable: calls.isExtractable(key),
    async unwrap(request) {
      checkRequest(info, request);
      needs(request.alg !== "ECDH-ES", "KEY_ALG_UNSUPPORTED", "ECDH keys of the keychain are not used", {
        hint: "seal to an RSA certificate",
      });
      const algorithm = UNWRAPS[request.alg];
      supported("decrypt", algorithm);
      const work = calls.decrypt(key, algorithm, request.encryptedKey);
      return bytesOf(await withTimeLimit(`unwrapping in ${info.where}`, timeoutMs, work), "unwrapping", true);
    },
    async sign(alg, data) {
      needs(alg === signAlgOf(info), "KEY_ALG_UNSUPPORTED", `${info.label} does not sign with ${alg}`);
      supported("sign", SIGNS[alg]);
      const work = calls.sign(key, SIGNS[alg], data);
      return bytesOf(await withTimeLimit(`signing in ${info.where}`, timeoutMs, work), "signing", false);
    },
    async close() {
      calls.release(key);
    },
  };
}

function bytesOf(result: KeychainResult, what: string, unwrapping: boolean): Uint8Array {
  if (result.error === undefined) return result.bytes;
  if (unwrapping && DATA_FAILURES.has(result.error)) throw unwrapFailed();
  throw keychainError(result.error, what);
}

function keychainError(status: number, what: string): QErr {
  const [code, words] = MEANING.get(status) ?? ["KEY_DEVICE_ERROR" as const, "macOS reports an error"];
  const hint =
    code === "KEY_USER_INTERACTION"
      ? "unlock it (security unlock-keychain), and let this program use the key (security set-key-partition-list)"
      : undefined;
  return new QErr(code, `${what}: ${words} (OSStatus ${status})`, { hint });
}
