import { constants, type KeyObject, privateDecrypt, sign, type X509Certificate } from "node:crypto";
import type { NativePadding, WindowsCalls } from "../../src/keys/windows-calls.ts";

/** One certificate of a store that is only memory. */
export interface FakeEntry {
  readonly certificate: X509Certificate;
  readonly key?: KeyObject;
  /** Where the key is; CNG if left out. */
  readonly provider?: "cng" | "capi";
  /** Instead of the private key: GetLastError of acquiring it. */
  readonly acquireError?: number;
  /** Instead of a result: what decrypting answers. */
  readonly decryptError?: number;
}

export interface FakeWindows {
  readonly calls: WindowsCalls;
  /** What was called, with flags: `CertOpenStore 1c000 My`. */
  readonly log: string[];
  /** Handles and contexts given out and not given back. */
  open(): number;
}

const text = (wide: Uint8Array) => {
  const units = Buffer.from(wide).toString("utf16le");
  if (!units.endsWith("\0")) throw new Error("a name without its closing zero");
  return units.slice(0, -1);
};

/** Windows' calls over these entries, with node:crypto in the place of the providers. It is strict: what Windows would refuse is refused. */
export function fakeWindows(entries: readonly FakeEntry[], openError = 0): FakeWindows {
  const log: string[] = [];
  const held = new Set<bigint>();
  const give = (handle: bigint) => {
    held.add(handle);
    return handle;
  };
  const drop = (handle: bigint, what: string) => {
    if (!held.delete(handle)) throw new Error(`${what} of ${handle}, which is not open`);
  };
  const STORE = 7n;
  const entryOf = (handle: bigint) => entries[Number(handle % 1000n)]!;
  const oaep = (padding: NativePadding) => {
    const hash = { SHA256: "sha256", SHA1: "sha1" }[text(padding.hash)];
    if (padding.kind !== "oaep" || hash === undefined) throw new Error("no OAEP padding of a hash that CNG has");
    return hash;
  };
  const calls: WindowsCalls = {
    certOpenStore(flags, name) {
      log.push(`CertOpenStore ${flags.toString(16)} ${text(name)}`);
      return openError === 0 ? { store: give(STORE), error: 0 } : { store: 0n, error: openError };
    },
    certCloseStore: (store) => drop(store, "CertCloseStore"),
    certEnumCertificatesInStore(_, previous) {
      if (previous !== 0n) drop(previous, "CertEnumCertificatesInStore");
      const next = previous === 0n ? 0n : previous - 1000n + 1n;
      return next < BigInt(entries.length) ? give(1000n + next) : 0n;
    },
    certificateBytes: (context) => new Uint8Array(entryOf(context).certificate.raw),
    certHasProperty: (context, property) => property === 2 && entryOf(context).key !== undefined,
    certFreeCertificateContext: (context) => drop(context, "CertFreeCertificateContext"),
    cryptAcquireCertificatePrivateKey(context, flags) {
      log.push(`CryptAcquireCertificatePrivateKey ${flags.toString(16)}`);
      const { key, provider, acquireError } = entryOf(context);
      if (acquireError !== undefined || key === undefined)
        return { key: 0n, spec: 0, mustFree: false, error: acquireError ?? 0x8009200b };
      const spec = provider === "capi" ? 3 : 0xffffffff;
      return { key: give(2000n + (context % 1000n)), spec, mustFree: true, error: 0 };
    },
    async nCryptDecrypt(key, input, padding, output, flags) {
      log.push(`NCryptDecrypt ${flags.toString(16)} ${text(padding.hash)} ${input.byteLength} ${output.byteLength}`);
      const entry = entryOf(key);
      if (entry.decryptError !== undefined) return { status: entry.decryptError, length: 0 };
      try {
        const how = { key: entry.key!, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: oaep(padding) };
        const plain = privateDecrypt(how, input);
        output.set(plain);
        return { status: 0, length: plain.byteLength };
      } catch {
        return { status: 0x80090005, length: 0 };
      }
    },
    async nCryptSignHash(key, padding, hash, output, flags) {
      log.push(
        `NCryptSignHash ${flags.toString(16)} ${padding?.kind ?? "none"} ${hash.byteLength} ${output.byteLength}`,
      );
      // The real one signs a hash; node:crypto signs what was hashed, so the double gives the hash back.
      const { key: own } = entryOf(key);
      const signature = sign(null, hash, { key: own!, dsaEncoding: "ieee-p1363" });
      output.set(signature.subarray(0, output.byteLength));
      return { status: 0, length: Math.min(signature.byteLength, output.byteLength) };
    },
    nCryptGetNumber: (_, property) => (text(property) === "Export Policy" ? 0 : undefined),
    nCryptFreeObject: (key) => drop(key, "NCryptFreeObject"),
    cryptGetUserKey: (provider, spec) =>
      spec === 1 ? { key: give(3000n + (provider % 1000n)), error: 0 } : { key: 0n, error: 0x8009000d },
    cryptDecrypt(key, flags, data) {
      log.push(`CryptDecrypt ${flags.toString(16)} ${data.byteLength}`);
      const entry = entryOf(key);
      if (entry.decryptError !== undefined) return { length: 0, error: entry.decryptError };
      try {
        const how = { key: entry.key!, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" };
        const plain = privateDecrypt(how, data.slice().reverse());
        data.set(plain);
        return { length: plain.byteLength, error: 0 };
      } catch {
        return { length: 0, error: 0x80090005 };
      }
    },
    cryptGetKeyNumber: (_, parameter) => (parameter === 6 ? 0x3f : undefined),
    cryptDestroyKey: (key) => drop(key, "CryptDestroyKey"),
    cryptReleaseContext: (provider) => drop(provider, "CryptReleaseContext"),
  };
  return { calls, log, open: () => held.size };
}
