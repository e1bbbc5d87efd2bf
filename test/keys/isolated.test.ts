import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifySealed } from "../../src/engine/seal-verify.ts";
import { isQErr } from "../../src/errors.ts";
import { encodeMessage, MESSAGE, type Message, messageReader } from "../../src/keys/isolated-message.ts";
import { type TokenStoreOptions, tokenStore } from "../../src/keys/isolated-store.ts";
import type { KeyStore } from "../../src/keys/keystore.ts";
import { parsePkcs11Uri } from "../../src/keys/pkcs11-uri.ts";
import { MAX_ISOLATED_MESSAGE_BYTES } from "../../src/limits.ts";
import { memorySource } from "../../src/source/memory.ts";
import { qvault } from "../helpers/command.ts";
import { missing } from "../helpers/missing.ts";
import { person } from "../seal/people.ts";
import { plainQvd, sealBytes } from "../seal/sealed.ts";
import { toHex } from "../seal/vectors.ts";
import { type FaultShim, faultShim, lacking, PIN, SOFTHSM, softHsmToken, type TestToken } from "./tokens.ts";

const CHILD = new URL("../../dist/src/keys/isolated-child.js", import.meta.url);
const people = { rsa: person("own rsa", "rsa-2048"), p256: person("own p256", "p256") };
const request = { alg: "RSA-OAEP", encryptedKey: new Uint8Array(256).fill(1) } as const;
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "ok",
    (error: unknown) => (isQErr(error) ? error.code : Promise.reject(error)),
  );

describe("messages to a module's process", () => {
  const messages: readonly Message[] = [
    { kind: MESSAGE.list, request: 1, fields: [] },
    { kind: MESSAGE.unwrap, request: 2 ** 32 - 1, fields: [new Uint8Array(0), Uint8Array.of(1, 2, 3)] },
    { kind: MESSAGE.done, request: 7, fields: [new Uint8Array(70_000).fill(5)] },
  ];
  const all = () => Buffer.concat(messages.map(encodeMessage));

  it("come through whole, in pieces of any size, and are overwritten behind", () => {
    for (const size of [1, 7, 4096, 1_000_000]) {
      const got: Message[] = [];
      const read = messageReader((message) => void got.push(message));
      const bytes = new Uint8Array(all());
      for (let at = 0; at < bytes.byteLength; at += size) read(bytes.subarray(at, at + size));
      expect(got.map((m) => ({ ...m, fields: m.fields.map(toHex) }))).toEqual(
        messages.map((m) => ({ ...m, fields: m.fields.map(toHex) })),
      );
      expect(bytes.every((byte) => byte === 0)).toBe(true);
    }
  });

  it("are bounded", () => {
    const head = (length: number) => {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, length, true);
      return bytes;
    };
    const read = messageReader(() => {});
    expect(() => read(head(MAX_ISOLATED_MESSAGE_BYTES))).not.toThrow();
    const over = messageReader(() => {});
    expect(() => over(head(MAX_ISOLATED_MESSAGE_BYTES + 1))).toThrow(
      expect.objectContaining({ code: "LIMIT_EXCEEDED" }),
    );
  });

  it("that lie about their lengths are KEY_DEVICE_ERROR", () => {
    const good = encodeMessage({ kind: MESSAGE.done, request: 1, fields: [Uint8Array.of(1, 2), Uint8Array.of(3)] });
    const changed = (at: number, value: number) => {
      const bytes = good.slice();
      new DataView(bytes.buffer).setUint32(at, value, true);
      return bytes;
    };
    // Count of fields; lengths of the first and the second field; the whole.
    for (const [at, value] of [
      [9, 3],
      [9, 2 ** 32 - 1],
      [9, 1],
      [13, 2 ** 32 - 1],
      [13, 1],
      [19, 2],
      [0, 8],
    ] as const)
      expect(() => messageReader(() => {})(changed(at, value)), `${value} at ${at}`).toThrow(
        expect.objectContaining({ code: "KEY_DEVICE_ERROR" }),
      );
  });
});

describe("a PKCS#11 module in a process of its own", () => {
  const absent =
    SOFTHSM === undefined ? "SoftHSM (see test/setup-system.sh)" : lacking("softhsm2-util", "pkcs11-tool", "gcc");
  if (absent !== undefined || SOFTHSM === undefined) {
    missing(absent ?? "SoftHSM");
    return;
  }
  let token: TestToken;
  let shim: FaultShim | undefined;
  const stores: KeyStore[] = [];
  const store = (more: Partial<TokenStoreOptions> = {}) => {
    const made = tokenStore(parsePkcs11Uri("pkcs11:token=own%20process?x-isolated=yes"), {
      modulePath: shim!.path,
      pin: async () => PIN,
      child: CHILD,
      ...more,
    });
    stores.push(made);
    return made;
  };
  beforeAll(() => {
    if (!existsSync(CHILD)) throw new Error("dist is missing: run npm run build first, as npm test does");
    token = softHsmToken("own process", people);
    shim = faultShim(token.dir, SOFTHSM!);
    if (shim === undefined) throw new Error("the fault shim does not build: the PKCS#11 headers are missing");
  });
  afterAll(async () => {
    for (const each of stores) await each.close();
    token.remove();
  });

  it("lists, unwraps, agrees and signs as in this one, and asks for the PIN once", async () => {
    shim!.reset();
    let asked = 0;
    const pin = async (question: string) => {
      asked += 1;
      expect(question).toContain("own process");
      return PIN;
    };
    const s = store({ pin });
    expect((await s.list()).map((k) => k.label).sort()).toEqual(["own p256", "own rsa"]);
    expect(asked).toBe(0);
    const qvd = await plainQvd({ a: [1, 2, 3], b: ["x", "y", "z"] });
    for (const who of ["rsa", "p256"] as const) {
      const recipients = [people[who].recipient({ oaepSha1: true })];
      const sealed = await sealBytes(qvd, { slots: [{ name: "s", recipients, fields: ["a"] }] });
      const find = async (ref: Parameters<KeyStore["open"]>[0]) => s.open({ spkiS256: ref.spkiS256 });
      expect((await verifySealed(memorySource(sealed), find)).findings).toEqual([]);
    }
    const handle = await s.open({ x5t: people.p256.handle.info.x5t });
    expect(handle.exportable).toBe(false);
    expect((await handle.sign("ES256", new Uint8Array(9))).byteLength).toBe(64);
    expect(asked).toBe(1);
    expect(shim!.calls("C_Login")).toBe(1);
  });

  it("takes a wrong PIN once, however many processes ask for it, and then the right one", async () => {
    shim!.reset();
    const open = (pin: string) => codeOf(store({ pin: async () => pin }).open({ x5t: people.rsa.handle.info.x5t }));
    for (let i = 0; i < 3; i++) expect(await open("wrong one")).toBe("KEY_PIN_INCORRECT");
    expect(shim!.calls("C_Login")).toBe(1);
    expect(await open(PIN)).toBe("ok");
    expect(shim!.calls("C_Login")).toBe(2);
  });

  it.each([
    ["abort", "SIGABRT"],
    ["segv", "SIGSEGV"],
  ])("that ends by %s takes nothing along, and is not started again", async (how, signal) => {
    shim!.reset();
    const s = store();
    const handle = await s.open({ x5t: people.rsa.handle.info.x5t });
    shim!.plan(`C_Decrypt ${how} 1`);
    const error = await handle.unwrap(request).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "KEY_DEVICE_ERROR", message: expect.stringContaining(signal) });
    shim!.plan("");
    expect(await codeOf(handle.unwrap(request))).toBe("KEY_DEVICE_ERROR");
    expect(await codeOf(s.open({ x5t: people.rsa.handle.info.x5t }))).toBe("KEY_DEVICE_ERROR");
    expect(shim!.calls("C_Login")).toBe(1);
    // Another store is another process.
    expect(await codeOf((await store().open({ x5t: people.rsa.handle.info.x5t })).unwrap(request))).toBe(
      "KEY_UNWRAP_FAILED",
    );
  });

  it("that hangs is given up and ended", async () => {
    shim!.reset();
    const handle = await store({ timeoutMs: 1500 }).open({ x5t: people.rsa.handle.info.x5t });
    shim!.plan("C_Decrypt delay 60000");
    expect(await codeOf(handle.unwrap(request))).toBe("KEY_TIMEOUT");
    expect(await codeOf(handle.unwrap(request))).toBe("KEY_TIMEOUT");
  });

  it("gives the codes of what went wrong in it", async () => {
    shim!.reset();
    expect(await codeOf(store({ modulePath: "/nowhere/module.so" }).list())).toBe("KEY_MODULE_LOAD");
    const open = (more: Partial<TokenStoreOptions>) => store(more).open({ x5t: people.rsa.handle.info.x5t });
    const wrong = await open({ pin: async () => "0000" }).catch((e: unknown) => e);
    expect(wrong).toMatchObject({ code: "KEY_PIN_INCORRECT", hint: expect.stringContaining("tried once") });
    expect(await codeOf(open({ pin: async () => undefined }))).toBe("KEY_PIN_REQUIRED");
    expect(await codeOf(store().open({ x5t: "00" }))).toBe("KEY_NOT_FOUND");
    expect(await codeOf(store({ child: new URL("nothing.js", CHILD) }).list())).toBe("KEY_DEVICE_ERROR");
  });

  it("is asked for with --isolate-module or x-isolated=yes, and lets the command end", async () => {
    shim!.reset();
    const env = { TOKEN_PIN: PIN };
    const uri = `pkcs11:token=own%20process?module-path=${shim!.path}&thumbprint=${people.p256.handle.info.x5t}`;
    for (const args of [[uri, "--isolate-module"], [`${uri}&x-isolated=yes`]]) {
      shim!.plan("C_DeriveKey segv 1");
      const { code, stdout, stderr } = await qvault(["keys", "check", "--pin", "env:TOKEN_PIN", ...args], { env });
      expect(code).toBe(7);
      expect(stdout).toContain("KEY_DEVICE_ERROR");
      expect(stderr).toContain("SIGSEGV");
      shim!.plan("");
      expect((await qvault(["keys", "check", "--pin", "env:TOKEN_PIN", ...args], { env })).code).toBe(0);
    }
    expect((await qvault(["keys", "list", `${uri}&x-isolated=maybe`])).code).toBe(2);
  });
});
