import { execFileSync, spawnSync } from "node:child_process";
import crypto, { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openSigner, recipientsOf, trustedCertificates } from "../../src/engine/key-access.ts";
import { fipsSelfCheck } from "../../src/keys/approved.ts";
import { openReference } from "../../src/keys/keyring.ts";
import { selfSigned } from "../../src/keys/self-signed.ts";
import { runCli } from "../helpers/cli.ts";
import { QVAULT } from "../helpers/command.ts";
import { missing } from "../helpers/missing.ts";
import { person } from "../seal/people.ts";
import { plainQvd } from "../seal/sealed.ts";

const dir = mkdtempSync(join(tmpdir(), "qvault-fips-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const at = (name: string) => join(dir, name);
const ann = person("ann", "p256");
const pem = ann.key.export({ type: "pkcs8", format: "pem" });
writeFileSync(at("ann.pem"), `${ann.certificate}${pem}`);
const FIPS = { approvedOnly: true, env: { PW: "pw" }, pin: "env:PW" };

describe("the self-check of --fips", () => {
  it("runs operations, and says whether a provider refuses what is not approved", () => {
    const plain = fipsSelfCheck();
    expect(plain.openssl).toBe(process.versions.openssl);
    expect(plain.words).toContain(plain.provider ? "only if that provider is" : "nothing here is validated");
    const refused = fipsSelfCheck(() => {
      throw new Error("refused");
    });
    expect(refused).toMatchObject({
      provider: true,
      words: expect.stringContaining("validated only if that provider"),
    });
    expect(fipsSelfCheck(() => {})).toMatchObject({ provider: false });
  });

  it("is said on standard error, with OpenSSL's version, by the commands that use keys", async () => {
    const { code, err } = await runCli(["keys", "check", "--fips", at("ann.pem")]);
    expect(code).toBe(0);
    expect(err).toContain(`only approved algorithms are used; OpenSSL ${process.versions.openssl}`);
    for (const name of [
      "inspect",
      "digest",
      "verify",
      "export",
      "head",
      "reduce",
      "encrypt",
      "decrypt",
      "rotate",
      "status",
    ])
      expect((await runCli([name, "--help"])).out, name).toContain("--fips");
    const made = await runCli(["keys", "generate", "--fips", at("made"), "--type", "p256"]);
    expect([made.code, made.err]).toEqual([0, expect.stringContaining("only approved algorithms are used")]);
    const asked = await runCli(["status", "--fips", "--key", at("made.crt"), at("none.qvd")]);
    expect([asked.code, asked.err]).toEqual([3, expect.stringContaining("only approved algorithms are used")]);
  });

  it("runs RSA-OAEP too, and is not content with a wrong answer", () => {
    const real = crypto.privateDecrypt;
    try {
      for (const wrong of [
        () => Buffer.alloc(32),
        () => {
          throw new Error("not supported");
        },
      ]) {
        crypto.privateDecrypt = wrong;
        syncBuiltinESMExports();
        expect(() => fipsSelfCheck()).toThrow(expect.objectContaining({ code: "FIPS_UNAVAILABLE" }));
      }
    } finally {
      crypto.privateDecrypt = real;
      syncBuiltinESMExports();
    }
    expect(fipsSelfCheck().openssl).toBe(process.versions.openssl);
  });

  it("is not fooled by the flag: FIPS mode without a provider is an error before anything is opened", () => {
    // Some builds of Node refuse to set the flag without a provider; there is nothing to be fooled by, then.
    const preload = `data:text/javascript,import{setFips}from"node:crypto";try{setFips(true)}catch{console.error("cannot be set")}`;
    const args = ["--import", preload, QVAULT, "keys", "check", "--fips", at("ann.pem")];
    const { status, stderr, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
    if (stderr.includes("cannot be set")) return expect(status).toBe(0);
    expect({ status, stderr, stdout }).toMatchObject({
      status: 7,
      stderr: expect.stringContaining("FIPS_UNAVAILABLE"),
      stdout: "",
    });
  });
});

describe("with --fips", () => {
  const { privateKey: short } = generateKeyPairSync("rsa", { modulusLength: 1024 });
  writeFileSync(at("short.pem"), `${selfSigned(short, "short", 9)}${short.export({ type: "pkcs8", format: "pem" })}`);
  const refused = expect.objectContaining({ code: "FIPS_NOT_APPROVED" });

  it("an RSA key under 2048 bits neither signs nor is sealed to nor trusted", async () => {
    await expect(openSigner(at("short.pem"), FIPS)).rejects.toEqual(refused);
    await expect(recipientsOf([at("short.pem")], FIPS)).rejects.toEqual(refused);
    await expect(trustedCertificates([at("short.pem")], FIPS)).rejects.toEqual(refused);
    expect((await openSigner(at("short.pem"))).info.bits).toBe(1024);
    expect(await openReference(at("short.pem"), FIPS).store.list()).toHaveLength(1);
  });

  it("a file is sealed, opened and rotated as without", async () => {
    writeFileSync(at("in.qvd"), await plainQvd({ a: [1, 2], b: ["x", "y"] }));
    const args = ["--fields", "b", "--to", at("ann.pem"), "--fips"];
    expect((await runCli(["encrypt", at("in.qvd"), "-o", at("out.qvd"), ...args])).code).toBe(0);
    const { code, out } = await runCli([
      "export",
      at("out.qvd"),
      "-o",
      "-",
      "--to",
      "csv",
      "--key",
      at("ann.pem"),
      "--fips",
    ]);
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining("x") });
  });

  describe("key files are opened only if their protection is approved", () => {
    if (spawnSync("openssl", ["version"]).status !== 0) {
      missing("the program openssl");
      return;
    }
    const openssl = (...args: readonly string[]) => execFileSync("openssl", args, { stdio: "pipe" });
    const list = (name: string, fips: boolean) =>
      openReference(at(name), fips ? FIPS : { ...FIPS, approvedOnly: false }).store.list();
    const pkcs8 = (name: string, ...args: readonly string[]) =>
      openssl("pkcs8", "-topk8", "-in", at("ann.pem"), "-out", at(name), "-passout", "pass:pw", ...args);
    const p12 = (name: string, ...args: readonly string[]) =>
      openssl("pkcs12", "-export", "-in", at("ann.pem"), "-out", at(name), "-passout", "pass:pw", ...args);
    const made: Readonly<Record<string, () => unknown>> = {
      "aes.pem": () => pkcs8("aes.pem", "-v2", "aes-256-cbc"),
      "sha1.pem": () => pkcs8("sha1.pem", "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"),
      "nomac.p12": () => p12("nomac.p12", "-nomac", "-keypbe", "AES-256-CBC", "-certpbe", "AES-256-CBC"),
      "3des.pem": () => pkcs8("3des.pem", "-v2", "des3"),
      "scrypt.pem": () => pkcs8("scrypt.pem", "-scrypt"),
      "old.pem": () => openssl("ec", "-in", at("ann.pem"), "-aes256", "-passout", "pass:pw", "-out", at("old.pem")),
      "mac.p12": () => p12("mac.p12"),
      "3des.p12": () => p12("3des.p12", "-nomac", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "AES-256-CBC"),
      "3des-certs.p12": () => p12("3des-certs.p12", "-nomac", "-keypbe", "AES-256-CBC", "-certpbe", "PBE-SHA1-3DES"),
    };

    it.each(["aes.pem", "sha1.pem", "nomac.p12"])("%s is", async (name) => {
      made[name]!();
      expect(await list(name, true)).toHaveLength(1);
    });

    it.each(["3des.pem", "scrypt.pem", "old.pem", "mac.p12", "3des.p12", "3des-certs.p12"])(
      "%s is not, though it opens without",
      async (name) => {
        made[name]!();
        expect(await list(name, false)).toHaveLength(1);
        await expect(list(name, true)).rejects.toEqual(refused);
      },
    );
  });
});
