import { X509Certificate } from "node:crypto";
import { isQErr, needs } from "../errors.ts";
import { MAX_KEY_FILES } from "../limits.ts";
import type { KeyHandle, KeyInfo, KeyRef, KeyStore } from "./keystore.ts";
import { describeKey, pick } from "./thumbprint.ts";
import { type Address, utf16, type WindowsCalls } from "./windows-calls.ts";
import { windowsError } from "./windows-errors.ts";
import { capiHandle, cngHandle, NCRYPT_KEY_SPEC, type WindowsKeyOptions } from "./windows-key.ts";

const LOCATIONS = { CurrentUser: 1 << 16, LocalMachine: 2 << 16 } as const;
/** CERT_STORE_READONLY_FLAG and CERT_STORE_OPEN_EXISTING_FLAG: nothing is made or changed by looking. */
const READ_EXISTING = 0xc000;
/** CERT_KEY_PROV_INFO_PROP_ID: says where the private key is. */
const KEY_PROVIDER = 2;
/**
 * CRYPT_ACQUIRE_PREFER_NCRYPT_KEY, _SILENT and _COMPARE_KEY: CNG where it can be, no dialog ever, and no key but the
 * certificate's own, since a container may hold another one by now.
 */
const ACQUIRE = 0x20000 | 0x40 | 0x4;

/**
 * A certificate store of Windows. Listing touches no private key; opening asks CNG first and the old CryptoAPI second.
 * An expired certificate opens what was sealed to it, as with Qlik.
 * @param calls gives the native calls when they are first needed
 * @throws `KEY_REFERENCE` for a name that is none; on use `KEY_STORE_NOT_FOUND`, `KEY_ACCESS_DENIED`, and what opening a
 *   key throws
 */
export function windowsStore(
  name: string,
  calls: () => Promise<WindowsCalls>,
  options: WindowsKeyOptions = {},
): KeyStore {
  const [location = "", system = ""] = name.split(/[\\/]/);
  const known = Object.entries(LOCATIONS).find(([key]) => key.toLowerCase() === location.toLowerCase());
  needs(
    known !== undefined && /^\w+$/.test(system),
    "KEY_REFERENCE",
    "a certificate store is named CurrentUser/My or LocalMachine/My",
  );
  const where = `store:${known[0]}/${system}`;
  const flags = known[1] | READ_EXISTING;
  let infos: Promise<readonly KeyInfo[]> | undefined;
  const load = () => (infos ??= calls().then((table) => listStore(table, flags, system, where)));
  return {
    where,
    list: load,
    find: async (ref) => pick(await load(), ref, where),
    async open(ref: KeyRef): Promise<KeyHandle> {
      const info = pick(await load(), ref, where);
      needs(info !== undefined, "KEY_NOT_FOUND", `${where} has no such certificate`);
      return acquire(await calls(), flags, system, info, options);
    },
    async close() {
      infos = undefined;
    },
  };
}

/** Runs `look` on each certificate until it gives something; closes what it opened. */
function search<T>(
  calls: WindowsCalls,
  flags: number,
  system: string,
  look: (context: Address, certificate: X509Certificate) => T | undefined,
): T | undefined {
  const { store, error } = calls.certOpenStore(flags, utf16(system));
  if (store === 0n) throw windowsError(error, `opening the certificate store ${system}`);
  let context: Address = 0n;
  try {
    for (let count = 0; ; count++) {
      context = calls.certEnumCertificatesInStore(store, context);
      if (context === 0n) return undefined;
      needs(count < MAX_KEY_FILES, "LIMIT_EXCEEDED", `the store ${system} has over ${MAX_KEY_FILES} certificates`);
      const certificate = certificateOf(calls.certificateBytes(context));
      const found = certificate && look(context, certificate);
      if (found !== undefined) return found;
    }
  } finally {
    if (context !== 0n) calls.certFreeCertificateContext(context);
    calls.certCloseStore(store);
  }
}

function certificateOf(bytes: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes);
  } catch {
    return undefined;
  }
}

function listStore(calls: WindowsCalls, flags: number, system: string, where: string): readonly KeyInfo[] {
  const infos: KeyInfo[] = [];
  search(calls, flags, system, (context, certificate) => {
    try {
      infos.push(describeKey({ certificate }, where, calls.certHasProperty(context, KEY_PROVIDER)));
    } catch (error) {
      // Keys of kinds that are not used here are passed over.
      if (!isQErr(error) || error.code !== "KEY_ALG_UNSUPPORTED") throw error;
    }
    return undefined;
  });
  return infos;
}

function acquire(
  calls: WindowsCalls,
  flags: number,
  system: string,
  info: KeyInfo,
  options: WindowsKeyOptions,
): KeyHandle {
  const handle = search(calls, flags, system, (context, certificate) => {
    if (certificate.fingerprint256.replaceAll(":", "") !== info.x5tS256) return undefined;
    const { key, spec, mustFree, error } = calls.cryptAcquireCertificatePrivateKey(context, ACQUIRE);
    if (key === 0n) throw windowsError(error, `opening the private key of ${info.label}`);
    return spec === NCRYPT_KEY_SPEC
      ? cngHandle(calls, info, key, mustFree, options)
      : capiHandle(calls, info, key, mustFree);
  });
  needs(handle !== undefined, "KEY_NOT_FOUND", `the certificate of ${info.label} is gone from ${info.where}`);
  return handle;
}
