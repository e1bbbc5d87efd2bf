import { spawnSync } from "node:child_process";
import { constants, createHash, publicEncrypt } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { verifySealed } from "../../src/engine/seal-verify.ts";
import { isQErr } from "../../src/errors.ts";
import type { KeyHandle } from "../../src/keys/keystore.ts";
import { selfSigned } from "../../src/keys/self-signed.ts";
import { utf16 } from "../../src/keys/windows-calls.ts";
import { windowsError } from "../../src/keys/windows-errors.ts";
import { windowsCalls } from "../../src/keys/windows-library.ts";
import { windowsStore } from "../../src/keys/windows-store.ts";
import { MAX_KEY_FILES } from "../../src/limits.ts";
import { memorySource } from "../../src/source/memory.ts";
import { missing } from "../helpers/missing.ts";
import { type Person, person } from "../seal/people.ts";
import { plainQvd, sealBytes } from "../seal/sealed.ts";
import { toHex } from "../seal/vectors.ts";
import { type FakeEntry, type FakeWindows, fakeWindows } from "./fake-windows.ts";

const cng = person("cng", "rsa-2048");
const capi = person("capi", "rsa-3072");
const bare = person("bare", "p256");
const ENTRIES: readonly FakeEntry[] = [
  { certificate: cng.certificate, key: cng.key },
  { certificate: capi.certificate, key: capi.key, provider: "capi" },
  { certificate: bare.certificate },
];

let fake: FakeWindows | undefined;
function store(entries: readonly FakeEntry[] = ENTRIES, name = "CurrentUser/My", openError = 0, timeoutMs?: number) {
  const made = fakeWindows(entries, openError);
  fake = made;
  return windowsStore(name, async () => made.calls, { timeoutMs });
}
afterEach(() => {
  // Whatever happened, nothing that Windows handed out is kept.
  expect(fake?.open() ?? 0).toBe(0);
  fake = undefined;
});

const wrapped = (to: Person, oaepHash: "sha1" | "sha256", content = new Uint8Array(32).fill(7)) =>
  new Uint8Array(
    publicEncrypt({ key: to.certificate.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, content),
  );
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "ok",
    (error: unknown) => (isQErr(error) ? error.code : Promise.reject(error)),
  );
/** Opens, works, closes. */
async function withKey<T>(who: Person, work: (handle: KeyHandle) => Promise<T>, of = store()): Promise<T> {
  const handle = await of.open({ x5t: who.handle.info.x5t });
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}

describe("a certificate store of Windows, of which the calls are doubles", () => {
  it("is opened read-only, by location and UTF-16 name, and lists who has a private key", async () => {
    const my = store();
    expect((await my.list()).map((k) => [k.label, k.hasPrivateKey])).toEqual([
      ["cng", true],
      ["capi", true],
      ["bare", false],
    ]);
    expect(fake!.log).toEqual(["CertOpenStore 1c000 My"]);
    await store(ENTRIES, "localmachine\\Root").list();
    expect(fake!.log).toEqual(["CertOpenStore 2c000 Root"]);
    expect(toHex(utf16("My"))).toBe("4d0079000000");
  });

  it("unwraps with CNG by OAEP of either hash: flags, lengths and names as ncrypt.h has them", async () => {
    const result = await withKey(cng, async (handle) => {
      expect(handle.exportable).toBe(false);
      const a = await handle.unwrap({ alg: "RSA-OAEP-256", encryptedKey: wrapped(cng, "sha256") });
      const b = await handle.unwrap({ alg: "RSA-OAEP", encryptedKey: wrapped(cng, "sha1") });
      return [toHex(a), toHex(b)];
    });
    expect(result).toEqual(["07".repeat(32), "07".repeat(32)]);
    expect(fake!.log.slice(1)).toEqual([
      "CertOpenStore 1c000 My",
      "CryptAcquireCertificatePrivateKey 20044",
      "NCryptDecrypt 44 SHA256 256 256",
      "NCryptDecrypt 44 SHA1 256 256",
    ]);
  });

  it("unwraps with CryptoAPI by OAEP of SHA-1, the bytes turned round, and says what to do for SHA-256", async () => {
    await withKey(capi, async (handle) => {
      expect(handle.exportable).toBe(true);
      const key = await handle.unwrap({ alg: "RSA-OAEP", encryptedKey: wrapped(capi, "sha1") });
      expect(toHex(key)).toBe("07".repeat(32));
      const other = handle.unwrap({ alg: "RSA-OAEP-256", encryptedKey: wrapped(capi, "sha256") });
      await expect(other).rejects.toMatchObject({
        code: "KEY_ALG_UNSUPPORTED",
        hint: expect.stringContaining("Microsoft Software Key Storage Provider"),
      });
      expect(await codeOf(handle.sign("PS256", new Uint8Array(1)))).toBe("KEY_ALG_UNSUPPORTED");
    });
    expect(fake!.log.filter((line) => line.startsWith("CryptDecrypt"))).toEqual(["CryptDecrypt 40 384"]);
  });

  it("signs hashes, with PSS where the key is RSA", async () => {
    const ec: FakeEntry = { certificate: bare.certificate, key: bare.key };
    const signature = await withKey(bare, (handle) => handle.sign("ES256", new Uint8Array(3)), store([ec]));
    expect(signature.byteLength).toBe(64);
    expect(fake!.log.at(-1)).toBe("NCryptSignHash 40 none 32 64");
    await withKey(cng, (handle) => handle.sign("PS256", new Uint8Array(3)));
    expect(fake!.log.at(-1)).toBe("NCryptSignHash 48 pss 32 256");
    expect(await withKey(cng, (handle) => codeOf(handle.sign("ES256", new Uint8Array(3))))).toBe("KEY_ALG_UNSUPPORTED");
  });

  it("opens sealed files, also with an expired certificate", async () => {
    const old = selfSigned(cng.key, "old", 1, new Date("2020-01-01"));
    const qvd = await plainQvd({ a: [1, 2], b: ["x", "y"] });
    const recipients = [cng.recipient()];
    const sealed = await sealBytes(qvd, { slots: [{ name: "s", recipients, fields: ["a"] }] });
    const my = store([{ certificate: old, key: cng.key }]);
    const { findings } = await verifySealed(memorySource(sealed), async (ref) => my.open({ spkiS256: ref.spkiS256 }));
    expect(findings).toEqual([]);
  });

  it("gives ECDH keys and wrong ciphertexts the codes of every store", async () => {
    await withKey(cng, async (handle) => {
      for (const encryptedKey of [new Uint8Array(256).fill(1), new Uint8Array(3)])
        expect(await codeOf(handle.unwrap({ alg: "RSA-OAEP-256", encryptedKey }))).toBe("KEY_UNWRAP_FAILED");
    });
    const ec: FakeEntry = { certificate: bare.certificate, key: bare.key };
    const ephemeral = { curve: "P-256", point: new Uint8Array(65) } as const;
    const agreed = withKey(bare, (handle) => handle.unwrap({ alg: "ECDH-ES", ephemeral }), store([ec]));
    expect(await codeOf(agreed)).toBe("KEY_ALG_UNSUPPORTED");
  });

  it.each([
    [0x8009200b, "KEY_NO_PRIVATE_KEY"],
    [0x80090016, "KEY_NO_PRIVATE_KEY"],
    [0x8009000d, "KEY_NO_PRIVATE_KEY"],
    [0x80090015, "KEY_NO_PRIVATE_KEY"],
    [0x80090010, "KEY_ACCESS_DENIED"],
    [0x80090022, "KEY_USER_INTERACTION"],
    [0x80100069, "KEY_TOKEN_REMOVED"],
    [0x8010006b, "KEY_PIN_INCORRECT"],
    [0x8010006c, "KEY_PIN_LOCKED"],
    [0x80090030, "KEY_TOKEN_NOT_PRESENT"],
    [0x80090029, "KEY_ALG_UNSUPPORTED"],
    [0x12345678, "KEY_DEVICE_ERROR"],
  ])("acquiring a key that fails with 0x%s gives %s", async (acquireError, code) => {
    const my = store([{ certificate: cng.certificate, key: cng.key, acquireError }]);
    expect(await codeOf(my.open({ x5t: cng.handle.info.x5t }))).toBe(code);
  });

  it.each([
    [0x80090005, "KEY_UNWRAP_FAILED"],
    [0x80090020, "KEY_UNWRAP_FAILED"],
    [0x80090029, "KEY_ALG_UNSUPPORTED"],
    [0x80090027, "KEY_ALG_UNSUPPORTED"],
    [0x80090022, "KEY_USER_INTERACTION"],
    [0x80090010, "KEY_ACCESS_DENIED"],
    [0x9, "KEY_DEVICE_ERROR"],
  ])("decrypting that fails with 0x%s gives %s, in either provider", async (decryptError, code) => {
    for (const provider of ["cng", "capi"] as const) {
      const of = store([{ certificate: cng.certificate, key: cng.key, provider, decryptError }]);
      const encryptedKey = wrapped(cng, "sha1");
      expect(await withKey(cng, (handle) => codeOf(handle.unwrap({ alg: "RSA-OAEP", encryptedKey })), of)).toBe(code);
    }
  });

  it("says what is wrong with store, name and certificate", async () => {
    expect(await codeOf(store(ENTRIES, "CurrentUser/My", 2).list())).toBe("KEY_STORE_NOT_FOUND");
    expect(await codeOf(store(ENTRIES, "CurrentUser/My", 5).list())).toBe("KEY_ACCESS_DENIED");
    expect(await codeOf(store().open({ x5t: "00" }))).toBe("KEY_NOT_FOUND");
    expect(await codeOf(store().open({ x5t: bare.handle.info.x5t }))).toBe("KEY_NO_PRIVATE_KEY");
    for (const name of ["My", "Somewhere/My", "CurrentUser/", "CurrentUser/M y"])
      expect(() => store(ENTRIES, name), name).toThrow(expect.objectContaining({ code: "KEY_REFERENCE" }));
    expect(windowsError(-2146893802, "opening").message).toContain("0x80090016");
  });

  it("is looked at up to a limit, and not forever at one key", async () => {
    const many = (count: number) => {
      const of = Array.from({ length: count }, () => ({ certificate: bare.certificate }));
      const { calls } = fakeWindows(of);
      // Certificates that cannot be read cost nothing and count.
      return windowsStore("CurrentUser/My", async () => ({ ...calls, certificateBytes: () => new Uint8Array(1) }));
    };
    expect(await many(MAX_KEY_FILES).list()).toEqual([]);
    expect(await codeOf(many(MAX_KEY_FILES + 1).list())).toBe("LIMIT_EXCEEDED");
    const slow = store(ENTRIES, "CurrentUser/My", 0, 30);
    const calls = { ...fake!.calls, nCryptDecrypt: () => new Promise<never>(() => {}) };
    const handle = await windowsStore("CurrentUser/My", async () => calls, { timeoutMs: 30 }).open({
      x5t: cng.handle.info.x5t,
    });
    const encryptedKey = wrapped(cng, "sha256");
    expect(await codeOf(handle.unwrap({ alg: "RSA-OAEP-256", encryptedKey }))).toBe("KEY_TIMEOUT");
    await handle.close();
    await slow.close();
  });
});

describe("the native binding, against a library that checks what it is given", () => {
  const dir = mkdtempSync(join(tmpdir(), "qvault-fakewin-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const library = join(dir, "fakewin.so");
  const source = new URL("fakewin.c", import.meta.url).pathname;
  if (process.platform !== "linux" || spawnSync("gcc", ["-shared", "-fPIC", "-o", library, source]).status !== 0) {
    missing("gcc on Linux");
    return;
  }
  const paths = [cng, capi, bare].map((who, i) => {
    writeFileSync(join(dir, `${i}.der`), who.certificate.raw);
    return join(dir, `${i}.der`);
  });
  writeFileSync(join(dir, "list"), paths.join("\n"));
  process.env.FAKEWIN_CERTS = join(dir, "list");
  const table = windowsCalls({ crypt32: library, ncrypt: library, advapi32: library, kernel32: library });
  const my = () => windowsStore("CurrentUser/My", () => table);
  const expected = (encryptedKey: Uint8Array) => toHex(encryptedKey.slice(-32).reverse());
  const input = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7) & 255);

  it("finds certificates, and passes keys, flags, structures and lengths as they are", async () => {
    expect((await my().list()).map((k) => [k.label, k.hasPrivateKey])).toEqual([
      ["cng", true],
      ["capi", true],
      ["bare", false],
    ]);
    const key = await my().open({ x5t: cng.handle.info.x5t });
    expect(key.exportable).toBe(false);
    for (const alg of ["RSA-OAEP-256", "RSA-OAEP"] as const)
      expect(toHex(await key.unwrap({ alg, encryptedKey: input(256) }))).toBe(expected(input(256)));
    const signature = await key.sign("PS256", new Uint8Array(0));
    expect(toHex(signature)).toBe(`${createHash("sha256").digest("hex")}20`);
    await key.close();
    const old = await my().open({ x5t: capi.handle.info.x5t });
    expect(old.exportable).toBe(true);
    expect(toHex(await old.unwrap({ alg: "RSA-OAEP", encryptedKey: input(384) }))).toBe(expected(input(384)));
    await old.close();
    expect(await codeOf(my().open({ x5t: bare.handle.info.x5t }))).toBe("KEY_NO_PRIVATE_KEY");
    expect(await codeOf(windowsStore("LocalMachine/My", () => table).list())).toBe("KEY_STORE_NOT_FOUND");
  });

  it("brings error numbers back from another thread and from GetLastError, and gives back all it opened", async () => {
    const [a, b] = [await my().open({ x5t: cng.handle.info.x5t }), await my().open({ x5t: capi.handle.info.x5t })];
    for (const [number, code] of [
      ["80090005", "KEY_UNWRAP_FAILED"],
      ["80090010", "KEY_ACCESS_DENIED"],
    ] as const) {
      process.env.FAKEWIN_FAIL = number;
      expect(await codeOf(a.unwrap({ alg: "RSA-OAEP-256", encryptedKey: input(256) }))).toBe(code);
      expect(await codeOf(b.unwrap({ alg: "RSA-OAEP", encryptedKey: input(384) }))).toBe(code);
    }
    delete process.env.FAKEWIN_FAIL;
    await a.close();
    await b.close();
    const { default: koffi } = await import("koffi");
    expect(koffi.load(library).func("int fakewin_open()")()).toBe(0);
  });
});
