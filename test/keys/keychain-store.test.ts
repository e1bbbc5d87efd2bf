import { constants, type KeyObject, privateDecrypt, publicEncrypt, sign, type X509Certificate } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { isQErr } from "../../src/errors.ts";
import type { KeychainAlgorithm, KeychainCalls } from "../../src/keys/keychain-calls.ts";
import { keychainStore } from "../../src/keys/keychain-store.ts";
import { MAX_KEY_FILES } from "../../src/limits.ts";
import { person } from "../seal/people.ts";
import { toHex } from "../seal/vectors.ts";

const ann = person("ann", "rsa-2048");
const bob = person("bob", "p256");

interface Fault {
  readonly search?: number;
  readonly key?: number;
  readonly decrypt?: number;
  readonly unsupported?: KeychainAlgorithm;
  readonly copies?: number;
}

const held = new Map<bigint, { readonly certificate: X509Certificate; readonly key: KeyObject }>();
afterEach(() => {
  expect(held.size).toBe(0);
  held.clear();
});

/** Security.framework over two identities, with node:crypto in its place; counts what is not released. */
function keychain(fault: Fault = {}) {
  const log: string[] = [];
  let next = 1n;
  const give = (certificate: X509Certificate, key: KeyObject) => {
    held.set(next, { certificate, key });
    return next++;
  };
  const calls: KeychainCalls = {
    copyIdentities() {
      if (fault.search) return { identities: [], status: fault.search };
      const people = fault.copies ? Array.from({ length: fault.copies }, () => bob) : [ann, bob];
      return { identities: people.map((p) => give(p.certificate, p.key)), status: 0 };
    },
    certificateBytes: (identity) => new Uint8Array(held.get(identity)!.certificate.raw),
    copyPrivateKey(identity) {
      if (fault.key) return { key: 0n, status: fault.key };
      const { certificate, key } = held.get(identity)!;
      return { key: give(certificate, key), status: 0 };
    },
    isExtractable: () => false,
    isSupported(_, operation, algorithm) {
      log.push(`${operation} ${algorithm}`);
      return algorithm !== fault.unsupported;
    },
    async decrypt(key, algorithm, data) {
      if (fault.decrypt) return { error: fault.decrypt };
      const oaepHash = algorithm.endsWith("SHA256") ? "sha256" : "sha1";
      const how = { key: held.get(key)!.key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash };
      return { bytes: new Uint8Array(privateDecrypt(how, data)) };
    },
    async sign(key, _, data) {
      return { bytes: new Uint8Array(sign("sha256", data, { key: held.get(key)!.key, dsaEncoding: "ieee-p1363" })) };
    },
    release(reference) {
      if (!held.delete(reference)) throw new Error("released twice");
    },
  };
  return { store: keychainStore("login", async () => calls), log };
}

const wrapped = (oaepHash: string) =>
  new Uint8Array(
    publicEncrypt(
      { key: ann.certificate.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash },
      new Uint8Array(32).fill(9),
    ),
  );
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "ok",
    (error: unknown) => (isQErr(error) ? error.code : Promise.reject(error)),
  );

describe("a keychain of macOS, of which the calls are doubles", () => {
  it("lists identities, finds one by its own thumbprints, and unwraps and signs with it", async () => {
    const { store, log } = keychain();
    expect((await store.list()).map((k) => [k.label, k.where])).toEqual([
      ["ann", "keychain:login"],
      ["bob", "keychain:login"],
    ]);
    const key = await store.open({ x5t: ann.handle.info.x5t });
    expect(key.exportable).toBe(false);
    expect(toHex(await key.unwrap({ alg: "RSA-OAEP-256", encryptedKey: wrapped("sha256") }))).toBe("09".repeat(32));
    expect(toHex(await key.unwrap({ alg: "RSA-OAEP", encryptedKey: wrapped("sha1") }))).toBe("09".repeat(32));
    await key.sign("PS256", new Uint8Array(3));
    await key.close();
    expect(log).toEqual([
      "decrypt kSecKeyAlgorithmRSAEncryptionOAEPSHA256",
      "decrypt kSecKeyAlgorithmRSAEncryptionOAEPSHA1",
      "sign kSecKeyAlgorithmRSASignatureMessagePSSSHA256",
    ]);
    const curve = await store.open({ spkiS256: bob.handle.info.spkiS256 });
    expect((await curve.sign("ES256", new Uint8Array(3))).byteLength).toBe(64);
    const ephemeral = { curve: "P-256", point: new Uint8Array(65) } as const;
    expect(await codeOf(curve.unwrap({ alg: "ECDH-ES", ephemeral }))).toBe("KEY_ALG_UNSUPPORTED");
    await curve.close();
  });

  it.each([
    [-25308, "KEY_USER_INTERACTION"],
    [-25294, "KEY_STORE_NOT_FOUND"],
    [-25293, "KEY_ACCESS_DENIED"],
    [-1, "KEY_DEVICE_ERROR"],
  ])("that answers %i gives %s, wherever it does", async (status, code) => {
    expect(await codeOf(keychain({ search: status }).store.list())).toBe(code);
    const open = (fault: Fault) => keychain(fault).store.open({ x5t: ann.handle.info.x5t });
    expect(await codeOf(open({ key: status }))).toBe(code);
    const key = await open({ decrypt: status });
    expect(await codeOf(key.unwrap({ alg: "RSA-OAEP", encryptedKey: wrapped("sha1") }))).toBe(code);
    await key.close();
  });

  it("that is empty, too full, or has no such key or algorithm, says so", async () => {
    expect(await keychain({ search: -25300 }).store.list()).toEqual([]);
    expect(await codeOf(keychain({ copies: MAX_KEY_FILES + 1 }).store.list())).toBe("LIMIT_EXCEEDED");
    expect(await codeOf(keychain().store.open({ x5t: "00" }))).toBe("KEY_NOT_FOUND");
    const open = (fault: Fault) => keychain(fault).store.open({ x5t: ann.handle.info.x5t });
    expect(await codeOf(open({ key: -25300 }))).toBe("KEY_NO_PRIVATE_KEY");
    const limited = await open({ unsupported: "kSecKeyAlgorithmRSAEncryptionOAEPSHA256" });
    const unwrap = limited.unwrap({ alg: "RSA-OAEP-256", encryptedKey: wrapped("sha256") });
    expect(await codeOf(unwrap)).toBe("KEY_ALG_UNSUPPORTED");
    await limited.close();
    const damaged = await open({ decrypt: -50 });
    expect(await codeOf(damaged.unwrap({ alg: "RSA-OAEP", encryptedKey: wrapped("sha1") }))).toBe("KEY_UNWRAP_FAILED");
    await damaged.close();
  });
});
