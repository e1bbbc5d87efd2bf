import { publicEncrypt } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSealedHead } from "../../src/engine/open-seal-head.ts";
import { verifySealed } from "../../src/engine/seal-verify.ts";
import { isQErr } from "../../src/errors.ts";
import type { KeyStore } from "../../src/keys/keystore.ts";
import { nssStore } from "../../src/keys/nss.ts";
import { loadModule } from "../../src/keys/pkcs11-module.ts";
import { pkcs11Store } from "../../src/keys/pkcs11-store.ts";
import { parsePkcs11Uri } from "../../src/keys/pkcs11-uri.ts";
import { authenticate } from "../../src/seal/authenticate.ts";
import { memorySource } from "../../src/source/memory.ts";
import { missing } from "../helpers/missing.ts";
import { person } from "../seal/people.ts";
import { plainQvd, sealBytes } from "../seal/sealed.ts";
import { toHex } from "../seal/vectors.ts";
import {
  type FaultShim,
  faultShim,
  lacking,
  nssDatabase,
  PIN,
  SOFTHSM,
  SOFTOKN,
  softHsmToken,
  type TestToken,
} from "./tokens.ts";

const people = {
  rsa: person("hsm rsa", "rsa-2048"),
  p256: person("hsm p256", "p256"),
  p384: person("hsm p384", "p384"),
};
const always = person("hsm always", "rsa-2048");
const pin = async () => PIN;

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "ok",
    (error: unknown) => {
      if (isQErr(error)) return error.code;
      throw error;
    },
  );
}

/** Seals a small table to one person and opens it with a store. */
async function opensWith(store: KeyStore, who: keyof typeof people, oaepSha1: boolean): Promise<string> {
  const qvd = await plainQvd({ a: [1, 2, 3], b: ["x", "y", "z"] });
  const recipients = [people[who].recipient({ oaepSha1 })];
  const sealed = await sealBytes(qvd, { slots: [{ name: "s", recipients, fields: ["a"] }] });
  const find = async (ref: Parameters<KeyStore["open"]>[0]) =>
    (await store.find({ spkiS256: ref.spkiS256 })) ? store.open({ spkiS256: ref.spkiS256 }) : undefined;
  return codeOf(
    verifySealed(memorySource(sealed), find).then((v) => {
      if (v.findings.length > 0) throw new Error(JSON.stringify(v.findings));
    }),
  );
}

describe("a SoftHSM token", () => {
  const absent = SOFTHSM === undefined ? "SoftHSM (see test/setup-system.sh)" : lacking("softhsm2-util", "pkcs11-tool");
  if (absent !== undefined || SOFTHSM === undefined) {
    missing(absent ?? "SoftHSM");
    return;
  }
  let token: TestToken;
  const store = (more: Partial<Parameters<typeof pkcs11Store>[1]> = {}, uri = "pkcs11:token=qvault%20test") =>
    pkcs11Store(parsePkcs11Uri(uri), { modulePath: SOFTHSM, pin, ...more });
  beforeAll(() => {
    token = softHsmToken("qvault test", { ...people, always });
  });
  afterAll(() => token.remove());

  it("lists certificates without a login, and finds them by thumbprint", async () => {
    let asked = 0;
    const s = store({ pin: async () => void (asked += 1) as never });
    const list = await s.list();
    expect(list.map((k) => k.label).sort()).toEqual(["hsm always", "hsm p256", "hsm p384", "hsm rsa"]);
    expect((await s.find({ x5t: people.rsa.handle.info.x5t }))?.spkiS256).toBe(people.rsa.handle.info.spkiS256);
    expect(asked).toBe(0);
    await expect(s.open({ x5t: people.rsa.handle.info.x5t })).rejects.toMatchObject({ code: "KEY_PIN_REQUIRED" });
  });

  it("opens slots by RSA-OAEP with SHA-1 and by ECDH on both curves", async () => {
    const s = store();
    expect(await opensWith(s, "rsa", true)).toBe("ok");
    expect(await opensWith(s, "p256", false)).toBe("ok");
    expect(await opensWith(s, "p384", false)).toBe("ok");
  });

  it("has no OAEP with SHA-256, and the error says what to do", async () => {
    const handle = await store().open({ x5t: people.rsa.handle.info.x5t });
    const error = await handle
      .unwrap({ alg: "RSA-OAEP-256", encryptedKey: new Uint8Array(256).fill(1) })
      .catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "KEY_ALG_UNSUPPORTED", hint: expect.stringContaining("keys check") });
  });

  it("gives one code for every ciphertext that is not its own", async () => {
    const handle = await store().open({ x5t: people.rsa.handle.info.x5t });
    for (const encryptedKey of [new Uint8Array(256).fill(1), new Uint8Array(255), new Uint8Array(0)]) {
      expect(await codeOf(handle.unwrap({ alg: "RSA-OAEP", encryptedKey }))).toBe("KEY_UNWRAP_FAILED");
    }
  });

  it("signs manifests with RSA-PSS and ECDSA", async () => {
    const qvd = await plainQvd({ a: [1], b: [2] });
    for (const who of ["rsa", "p256", "p384"] as const) {
      const signer = await store().open({ x5t: people[who].handle.info.x5t });
      const slots = [{ name: "s", recipients: [people.p256.recipient()], fields: ["a"] }];
      const sealed = await sealBytes(qvd, { signer, slots });
      const { region } = await readSealedHead(memorySource(sealed));
      const opened = await authenticate(region, async () => people.p256.handle, {
        signature: { trusted: [people[who].certificate] },
      });
      expect(opened.signature).toBe("verified");
    }
  });

  it("works eight at a time", async () => {
    const handle = await store().open({ x5t: people.p256.handle.info.x5t });
    const peer = people.p256.certificate.publicKey.export({ format: "jwk" });
    const point = new Uint8Array([4, ...Buffer.from(peer.x!, "base64url"), ...Buffer.from(peer.y!, "base64url")]);
    const request = { alg: "ECDH-ES", ephemeral: { curve: "P-256", point } } as const;
    const expected = toHex(await people.p256.handle.unwrap(request));
    const all = await Promise.all(Array.from({ length: 8 }, () => handle.unwrap(request)));
    expect(new Set(all.map(toHex))).toEqual(new Set([expected]));
  });

  it("that is not there, or is named twice or wrongly, gives each its code", async () => {
    // SoftHSM always has one more slot, whose token was never set up.
    expect(await codeOf(store({}, "pkcs11:").list())).toBe("ok");
    expect(await codeOf(store({}, "pkcs11:token=nobody").list())).toBe("KEY_TOKEN_NOT_PRESENT");
    expect(await codeOf(store({ modulePath: undefined }).list())).toBe("KEY_REFERENCE");
    expect(await codeOf(store({ modulePath: "libsofthsm2.so" }).list())).toBe("KEY_REFERENCE");
    expect(await codeOf(store({ modulePath: "/nowhere/module.so" }).list())).toBe("KEY_MODULE_LOAD");
    expect(await codeOf(store().open({ x5t: "00" }))).toBe("KEY_NOT_FOUND");
  });

  describe("behind the fault shim", () => {
    let shim: FaultShim | undefined;
    const faulty = (more: Partial<Parameters<typeof pkcs11Store>[1]> = {}) =>
      store({ modulePath: shim!.path, ...more });
    const request = { alg: "RSA-OAEP", encryptedKey: new Uint8Array(256).fill(1) } as const;
    beforeAll(() => {
      shim = faultShim(token.dir, SOFTHSM!);
    });

    it("is built", () => {
      if (shim === undefined && process.env.CI === "true") throw new Error("gcc or the PKCS#11 headers are missing");
      if (shim === undefined)
        console.warn("left out: gcc or the PKCS#11 headers are missing (see test/setup-system.sh)");
    });

    it.each([
      ["C_Login 0xa0 9", "KEY_PIN_INCORRECT"],
      ["C_Login 0xa4 9", "KEY_PIN_LOCKED"],
      ["C_Login 0xa3 9", "KEY_PIN_EXPIRED"],
      ["C_Login 0x102 9", "KEY_PIN_REQUIRED"],
    ])("%s at login gives %s, and the PIN is tried once only, whoever asks again", async (plan, code) => {
      if (!shim) return;
      shim.reset();
      shim.plan(plan);
      const s = faulty({ pin: async () => `the PIN of ${plan}` });
      for (let i = 0; i < 3; i++) expect(await codeOf(s.open({ x5t: people.rsa.handle.info.x5t }))).toBe(code);
      expect(shim.calls("C_Login")).toBe(1);
    });

    it("is given no empty PIN, which would cost a try", async () => {
      if (!shim) return;
      shim.reset();
      const s = faulty({ pin: async () => "" });
      expect(await codeOf(s.open({ x5t: people.rsa.handle.info.x5t }))).toBe("KEY_PIN_REQUIRED");
      expect(shim.calls("C_Login")).toBe(0);
    });

    it("takes a wrong PIN once, however many references lead to the token, and then the right one", async () => {
      if (!shim) return;
      shim.reset();
      // Other stores of this process are logged in, so the token would not look at the PIN.
      shim.plan("C_Login 0xa0 1");
      const wrong = async () => "wrong one";
      for (let i = 0; i < 3; i++) {
        const s = faulty({ pin: wrong });
        expect(await codeOf(s.open({ x5t: people.rsa.handle.info.x5t }))).toBe("KEY_PIN_INCORRECT");
        await s.close();
      }
      expect(shim.calls("C_Login")).toBe(1);
      expect(await codeOf(faulty().open({ x5t: people.rsa.handle.info.x5t }))).toBe("ok");
      expect(shim.calls("C_Login")).toBe(2);
    });

    it("asks for the PIN at every use of a key that wants it so, and stops at the first wrong one", async () => {
      if (!shim) return;
      shim.reset();
      let asked = 0;
      let answer: string | undefined = PIN;
      const pinOf = async () => {
        asked += 1;
        return answer;
      };
      const handle = await faulty({ pin: pinOf }).open({ x5t: always.handle.info.x5t });
      const content = new Uint8Array(32).fill(3);
      const how = { key: always.certificate.publicKey, oaepHash: "sha1" };
      const encryptedKey = new Uint8Array(publicEncrypt(how, content));
      const unwrap = () => handle.unwrap({ alg: "RSA-OAEP", encryptedKey });
      for (let i = 1; i <= 3; i++) {
        expect(toHex(await unwrap())).toBe(toHex(content));
        expect(asked).toBe(i + 1);
      }
      // Nobody answers: nothing was begun, so the session is as good as before.
      answer = undefined;
      for (let i = 0; i < 5; i++) expect(await codeOf(unwrap())).toBe("KEY_PIN_REQUIRED");
      answer = PIN;
      expect(await codeOf(unwrap())).toBe("ok");
      const logins = shim.calls("C_Login");
      answer = "not that one";
      for (let i = 0; i < 4; i++) expect(await codeOf(unwrap())).toBe("KEY_PIN_INCORRECT");
      answer = PIN;
      expect(await codeOf(unwrap())).toBe("KEY_PIN_INCORRECT");
      expect(shim.calls("C_Login")).toBe(logins + 1);
    });

    it.each([
      ["0x20000", "KEY_PIN_FINAL_TRY"],
      ["0x40000", "KEY_PIN_LOCKED"],
    ])("token flag %s gives %s without any login", async (flag, code) => {
      if (!shim) return;
      shim.reset();
      const s = faulty();
      await s.list();
      shim.plan(`C_GetTokenInfo ${flag} 1`);
      expect(await codeOf(s.open({ x5t: people.rsa.handle.info.x5t }))).toBe(code);
      expect(shim.calls("C_Login")).toBe(0);
    });

    it.each([
      ["C_Decrypt 0x32 9", "KEY_TOKEN_REMOVED", 1],
      ["C_Decrypt 0xe0 9", "KEY_TOKEN_NOT_PRESENT", 1],
      ["C_Decrypt 0x5 9", "KEY_UNWRAP_FAILED", 1],
      ["C_Decrypt 0x40 9", "KEY_UNWRAP_FAILED", 1],
      ["C_DecryptInit 0x70 9", "KEY_ALG_UNSUPPORTED", 0],
      ["C_DecryptInit 0x68 9", "KEY_USAGE_FORBIDDEN", 0],
      ["C_Decrypt 0x30 9", "KEY_DEVICE_ERROR", 1],
      ["C_Decrypt 0x80000001 9", "KEY_DEVICE_ERROR", 1],
      ["C_Decrypt 0xb3 9", "KEY_DEVICE_ERROR", 2],
      ["C_Decrypt 0x101 9", "KEY_PIN_REQUIRED", 2],
      ["C_Decrypt 0x82 9", "KEY_NOT_FOUND", 2],
      ["C_Decrypt 0x41 9", "KEY_UNWRAP_FAILED", 1],
      ["C_Decrypt 0x31 9", "KEY_DEVICE_ERROR", 1],
      ["C_Decrypt 0x50 9", "KEY_DEVICE_ERROR", 1],
      ["C_Decrypt 0x150 9", "KEY_DEVICE_ERROR", 1],
      ["C_DecryptInit 0x90 9", "KEY_DEVICE_ERROR", 0],
      ["C_DecryptInit 0x63 9", "KEY_ALG_UNSUPPORTED", 0],
      ["C_DecryptInit 0x32 9", "KEY_TOKEN_REMOVED", 0],
    ])("%s gives %s after %i tries", async (plan, code, tries) => {
      if (!shim) return;
      shim.reset();
      const handle = await faulty().open({ x5t: people.rsa.handle.info.x5t });
      shim.plan(plan);
      expect(await codeOf(handle.unwrap(request))).toBe(code);
      expect(shim.calls("C_Decrypt")).toBe(tries);
      // Whatever it was, it is over when the token is well again.
      shim.plan("");
      expect(await codeOf(handle.unwrap(request))).toBe("KEY_UNWRAP_FAILED");
    });

    it.each([
      ["C_GetSlotList 0x30 9", "KEY_DEVICE_ERROR"],
      ["C_GetSlotList 0x190 9", "KEY_DEVICE_ERROR"],
      ["C_OpenSession 0xe0 9", "KEY_TOKEN_NOT_PRESENT"],
      ["C_OpenSession 0xe1 9", "KEY_TOKEN_NOT_PRESENT"],
      ["C_OpenSession 0x3 9", "KEY_TOKEN_NOT_PRESENT"],
      ["C_OpenSession 0xb1 9", "KEY_DEVICE_ERROR"],
      ["C_FindObjectsInit 0x32 9", "KEY_TOKEN_REMOVED"],
      ["C_FindObjects 0x32 9", "KEY_TOKEN_REMOVED"],
      ["C_FindObjects 0xb3 9", "KEY_DEVICE_ERROR"],
    ])("%s while listing gives %s, asks for no PIN, and is over with its cause", async (plan, code) => {
      if (!shim) return;
      shim.reset();
      shim.plan(plan);
      const s = faulty();
      expect(await codeOf(s.list())).toBe(code);
      expect(shim.calls("C_Login")).toBe(0);
      shim.plan("");
      expect(await codeOf(s.list())).toBe("ok");
      await s.close();
    });

    it.each([
      ["C_SignInit 0x68 9", "KEY_USAGE_FORBIDDEN"],
      ["C_SignInit 0x70 9", "KEY_ALG_UNSUPPORTED"],
      ["C_Sign 0x32 9", "KEY_TOKEN_REMOVED"],
      ["C_Sign 0x5 9", "KEY_DEVICE_ERROR"],
    ])("%s gives %s", async (plan, code) => {
      if (!shim) return;
      shim.reset();
      const handle = await faulty().open({ x5t: people.p256.handle.info.x5t });
      shim.plan(plan);
      expect(await codeOf(handle.sign("ES256", new Uint8Array(1)))).toBe(code);
      shim.plan("");
      expect(await codeOf(handle.sign("ES256", new Uint8Array(1)))).toBe("ok");
    });

    it("that lost its session works again after one repetition", async () => {
      if (!shim) return;
      shim.reset();
      const s = faulty();
      const handle = await s.open({ x5t: people.p256.handle.info.x5t });
      for (const value of ["0xb3", "0x101", "0x82", "0xb0"]) {
        shim.plan(`C_DeriveKey ${value} 1`);
        expect(await opensWith(s, "p256", false), value).toBe("ok");
      }
      await handle.close();
    });

    it("that is slow is given up after the time set, with the event loop free, and answers four at once", async () => {
      if (!shim) return;
      shim.reset();
      const slow = await faulty({ timeoutMs: 200 }).open({ x5t: people.rsa.handle.info.x5t });
      shim.plan("C_Decrypt delay 900");
      let ticks = 0;
      const timer = setInterval(() => (ticks += 1), 10);
      expect(await codeOf(slow.unwrap(request))).toBe("KEY_TIMEOUT");
      clearInterval(timer);
      // A blocked loop would run the timer once, afterwards.
      expect(ticks).toBeGreaterThan(2);
    });
  });
});

describe("an NSS database", () => {
  const absent = SOFTOKN === undefined ? "NSS (see test/setup-system.sh)" : lacking("certutil", "pk12util", "openssl");
  if (absent !== undefined) {
    missing(absent);
    return;
  }
  let db: TestToken;
  beforeAll(() => {
    db = nssDatabase(people);
  });
  afterAll(() => db.remove());

  it("opens slots by RSA-OAEP with SHA-256 and SHA-1, and by ECDH", async () => {
    const store = nssStore(db.dir, { pin });
    expect((await store.list()).map((k) => k.label).sort()).toEqual(["hsm p256", "hsm p384", "hsm rsa"]);
    expect(await opensWith(store, "rsa", false)).toBe("ok");
    expect(await opensWith(store, "rsa", true)).toBe("ok");
    expect(await opensWith(store, "p256", false)).toBe("ok");
    expect(await opensWith(store, "p384", false)).toBe("ok");
  });

  it("that is none is KEY_STORE_NOT_FOUND", () => {
    expect(() => nssStore("/nowhere")).toThrow(expect.objectContaining({ code: "KEY_STORE_NOT_FOUND" }));
    expect(() => nssStore(`${db.dir}/'`)).toThrow(expect.objectContaining({ code: "KEY_STORE_NOT_FOUND" }));
  });
});

describe("a PKCS#11 module", () => {
  it("that is something else is KEY_MODULE_LOAD", async () => {
    await expect(loadModule("/bin/sh")).rejects.toMatchObject({ code: "KEY_MODULE_LOAD" });
  });
});

describe("a pkcs11: URI", () => {
  it("is read as RFC 7512 says", () => {
    const uri = parsePkcs11Uri(
      "pkcs11:token=My%20Token;object=k;id=%b1%00;slot-id=3;x-vendor=1?module-path=/x.so&pin-source=env:PIN&thumbprint=AB",
    );
    expect(uri).toMatchObject({
      token: "My Token",
      object: "k",
      slotId: 3,
      modulePath: "/x.so",
      pinSource: "env:PIN",
      thumbprint: "AB",
    });
    expect(toHex(uri.id!)).toBe("b100");
    expect(parsePkcs11Uri("pkcs11:")).toMatchObject({ token: undefined });
  });

  it.each([
    "file:x",
    "pkcs11:token=a;token=b",
    "pkcs11:token",
    "pkcs11:token=%zz",
    "pkcs11:token=%a",
    "pkcs11:token=a b",
    "pkcs11:token=ü",
    "pkcs11:token=a?pin-value=1234",
    "pkcs11:slot-id=x",
    "pkcs11:a=b?c=d?e=f",
    "pkcs11:token=a?token=b",
  ])("%s is KEY_REFERENCE", (text) => {
    expect(() => parsePkcs11Uri(text)).toThrow(expect.objectContaining({ code: "KEY_REFERENCE" }));
  });
});
