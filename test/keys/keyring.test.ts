import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { dotnetStorePath, fileStore } from "../../src/keys/file-store.ts";
import { keyring, onlyKey, openReference } from "../../src/keys/keyring.ts";
import type { KeyStore } from "../../src/keys/keystore.ts";
import { loadModule, type Pkcs11Api } from "../../src/keys/pkcs11-module.ts";
import { findObjects } from "../../src/keys/pkcs11-token.ts";
import { generateKey, selfSigned } from "../../src/keys/self-signed.ts";
import { systemKeychain, systemStore } from "../../src/keys/system-stores.ts";
import { describeKey } from "../../src/keys/thumbprint.ts";
import { MAX_KEY_FILES, MAX_TOKEN_OBJECTS } from "../../src/limits.ts";
import { recipientOf, recipientWarnings } from "../../src/seal/recipient.ts";
import { missing } from "../helpers/missing.ts";
import { person } from "../seal/people.ts";
import { SOFTHSM } from "./tokens.ts";

const dir = mkdtempSync(join(tmpdir(), "qvault-ring-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const at = (name: string) => join(dir, name);
const [ann, bob] = [person("ann"), person("bob", "p384")];
writeFileSync(at("ann.pem"), `${ann.certificate}${ann.key.export({ type: "pkcs8", format: "pem" })}`);
writeFileSync(at("ann.crt"), ann.certificate.toString());
writeFileSync(at("bob.pem"), `${bob.certificate}${bob.key.export({ type: "pkcs8", format: "pem" })}`);
const thrown = (code: string) => expect.objectContaining({ code });

describe("a key reference", () => {
  it("names a file by its path, as file:, with a thumbprint", async () => {
    const { x5t } = ann.handle.info;
    for (const text of [
      at("ann.pem"),
      `file:${at("ann.pem")}`,
      `file://${at("ann.pem")}`,
      `file:${dir}?thumbprint=${x5t}`,
    ]) {
      expect((await onlyKey(openReference(text))).label, text).toBe("ann");
    }
    await expect(onlyKey(openReference(dir))).rejects.toMatchObject({ code: "KEY_AMBIGUOUS" });
    await expect(onlyKey(openReference(`file:${at("bob.pem")}?thumbprint=${x5t}`))).rejects.toMatchObject({
      code: "KEY_NOT_FOUND",
    });
  });

  it.each([
    "file:",
    "file:x?pin=1234",
    "file:x?thumbprint",
    "file:x?thumbprint=12",
    "nss:",
    "store:Somewhere/My",
    "file:x?pin-source=1234",
  ])("%s is KEY_REFERENCE", (text) => {
    expect(() => openReference(text)).toThrow(thrown("KEY_REFERENCE"));
  });
});

describe("a key ring", () => {
  it("opens with the first store that has the private half, past one that has the certificate only", async () => {
    const ring = keyring([openReference(at("ann.crt")), openReference(at("bob.pem")), openReference(at("ann.pem"))]);
    expect((await ring.find({ spkiS256: ann.handle.info.spkiS256 }))?.info.hasPrivateKey).toBe(true);
    expect((await ring.find({ spkiS256: bob.handle.info.spkiS256 }))?.info.label).toBe("bob");
    expect(await ring.find({ spkiS256: person("x").handle.info.spkiS256 })).toBeUndefined();
    expect(await ring.list()).toHaveLength(3);
    await ring.close();
  });

  it("uses no key but the one that a reference names", async () => {
    const ring = keyring([openReference(`file:${dir}?thumbprint=${ann.handle.info.x5t}`)]);
    expect(await ring.find({ spkiS256: bob.handle.info.spkiS256 })).toBeUndefined();
    expect(await ring.find({ spkiS256: ann.handle.info.spkiS256 })).toBeDefined();
  });

  it("opens with a renewed certificate around the same key", async () => {
    const renewed = selfSigned(ann.key, "ann again", 10);
    writeFileSync(at("renewed.pem"), `${renewed}${ann.key.export({ type: "pkcs8", format: "pem" })}`);
    const ring = keyring([openReference(at("renewed.pem"))]);
    const { spkiS256, x5t, x5tS256 } = ann.handle.info;
    expect((await ring.find({ spkiS256, x5t, x5tS256 }))?.info.label).toBe("ann again");
    rmSync(at("renewed.pem"));
  });
});

describe("stores of other systems", () => {
  it("say that they are not available here, and what is", () => {
    expect(() => systemStore("CurrentUser/My", {}, "darwin")).toThrow(thrown("KEY_PROVIDER_UNAVAILABLE"));
    expect(() => systemStore("LocalMachine/My", {}, "linux")).toThrow(thrown("KEY_PROVIDER_UNAVAILABLE"));
    expect(() => systemKeychain("login", {}, "linux")).toThrow(thrown("KEY_PROVIDER_UNAVAILABLE"));
  });

  it("where they are looked for on their own system, say which library does not load here", async () => {
    const load = (store: KeyStore) => expect(store.list()).rejects.toMatchObject({ code: "KEY_MODULE_LOAD" });
    await load(systemStore("CurrentUser/My", {}, "win32"));
    await load(systemKeychain("login", {}, "darwin"));
    expect(systemStore("currentuser\\my", {}, "win32").where).toBe("store:CurrentUser/my");
  });

  it("on Linux are .NET's folder", async () => {
    const home = at("home");
    mkdirSync(dotnetStorePath(home), { recursive: true });
    expect(await systemStore("CurrentUser/My", {}, "linux", home).list()).toEqual([]);
  });
});

describe("limits of stores", () => {
  it("are 4096 files in a folder", async () => {
    mkdirSync(at("many"));
    for (let i = 0; i < MAX_KEY_FILES; i++) writeFileSync(join(at("many"), `${i}.pem`), "");
    const list = () => fileStore(at("many"), { skipUnreadable: true }).list();
    expect(await list()).toEqual([]);
    writeFileSync(join(at("many"), "one-more.pem"), "");
    await expect(list()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  });

  it("are 4096 objects of a token", () => {
    const api = (count: number) => {
      let left = count;
      return {
        C_FindObjectsInit: () => {},
        C_FindObjectsFinal: () => {},
        C_FindObjects: (_: Buffer, most: number) => {
          const count = Math.min(most, left);
          left -= count;
          return Array.from({ length: count }, () => Buffer.alloc(8));
        },
      } as unknown as Pkcs11Api;
    };
    expect(findObjects(api(MAX_TOKEN_OBJECTS), Buffer.alloc(8), []).length).toBe(MAX_TOKEN_OBJECTS);
    expect(() => findObjects(api(MAX_TOKEN_OBJECTS + 1), Buffer.alloc(8), [])).toThrow(thrown("LIMIT_EXCEEDED"));
  });
});

describe("a certificate to seal to", () => {
  it("must be valid now, unless that is allowed; opening never asks", () => {
    const old = describeKey({ certificate: selfSigned(ann.key, "old", 1, new Date("2020-01-01")) }, "test", true);
    expect(() => recipientOf(old)).toThrow(thrown("SEAL_CERT_EXPIRED"));
    expect(recipientOf(old, { allowExpired: true }).label).toBe("old");
    expect(recipientOf(old, { now: new Date("2020-01-01T12:00:00Z") }).label).toBe("old");
  });

  it("must have an RSA key of 2048 bits, and is warned of under 3072", () => {
    const info = describeKey({ publicKey: person("r", "rsa-2048").certificate.publicKey }, "test", false);
    expect(recipientWarnings(info, recipientOf(info))).toHaveLength(2);
    expect(() => recipientOf({ ...info, bits: 1024 })).toThrow(thrown("SEAL_CERTIFICATE"));
    expect(generateKey("p521").asymmetricKeyDetails?.namedCurve).toBe("secp521r1");
  });
});

describe("a PKCS#11 module that does not start", () => {
  if (SOFTHSM === undefined) {
    missing("SoftHSM (see test/setup-system.sh)");
    return;
  }
  it("is KEY_MODULE_INIT", async () => {
    // A copy, so that it is another library than the one that other tests started.
    copyFileSync(SOFTHSM!, at("copy.so"));
    const before = process.env.SOFTHSM2_CONF;
    process.env.SOFTHSM2_CONF = at("nowhere.conf");
    await expect(loadModule(at("copy.so"))).rejects.toMatchObject({ code: "KEY_MODULE_INIT" });
    if (before === undefined) delete process.env.SOFTHSM2_CONF;
    else process.env.SOFTHSM2_CONF = before;
  });
});
