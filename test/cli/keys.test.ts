import { execFileSync, spawnSync } from "node:child_process";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KeyCheck, type KeyReport, roundTrip } from "../../src/engine/key-report.ts";
import { selfSigned } from "../../src/keys/self-signed.ts";
import { softwareHandle } from "../../src/keys/software.ts";
import { usesOf } from "../../src/keys/usage.ts";
import { runCli } from "../helpers/cli.ts";
import { missing } from "../helpers/missing.ts";
import { type Person, person } from "../seal/people.ts";
import { plainQvd } from "../seal/sealed.ts";

const dir = mkdtempSync(join(tmpdir(), "qvault-keys-cli-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const at = (name: string) => join(dir, name);
const ann = person("ann", "rsa-2048");
const bob = person("bob", "p384");

function give(name: string, who: Pick<Person, "key">, certificate: { toString(): string }): string {
  writeFileSync(at(name), `${certificate}${who.key.export({ type: "pkcs8", format: "pem" })}`);
  return at(name);
}

beforeAll(async () => {
  give("ann.pem", ann, ann.certificate);
  give("bob.pem", bob, bob.certificate);
  writeFileSync(at("ann.crt"), ann.certificate.toString());
  writeFileSync(at("in.qvd"), await plainQvd({ id: [1, 2, 3], name: ["Ann", "Bob", null] }));
  const args = ["encrypt", at("in.qvd"), "-o", at("sealed.qvd"), "--fields", "name", "--to", at("ann.crt")];
  expect((await runCli([...args, "--sign", at("bob.pem")])).code).toBe(0);
});

describe("keys show", () => {
  it("says everything about a certificate with its key", async () => {
    const { code, out } = await runCli(["keys", "show", at("ann.pem")]);
    expect(code).toBe(0);
    const { fingerprint, fingerprint256, serialNumber } = ann.certificate;
    for (const words of [
      "CN=ann (self-signed)",
      serialNumber,
      fingerprint.replaceAll(":", ""),
      fingerprint256.replaceAll(":", ""),
      "digitalSignature, keyEncipherment",
      "RSA, 2048 bits",
      "RSA-OAEP-256; on request RSA-OAEP",
      "PS256",
      "there, exportable",
      `file:${at("ann.pem")}`,
    ])
      expect(out).toContain(words);
  });

  it("gives the same as JSON, and of a certificate alone that its key is not there", async () => {
    const report = JSON.parse((await runCli(["keys", "show", "--json", at("ann.crt")])).out) as KeyReport;
    expect(report).toMatchObject({
      schemaVersion: 1,
      label: "ann",
      type: "rsa",
      bits: 2048,
      wraps: ["RSA-OAEP-256", "RSA-OAEP"],
      signs: "PS256",
      privateKey: { state: "absent", exportable: "unknown" },
      certificate: { validNow: true, keyUsage: ["digitalSignature", "keyEncipherment"], issuer: "CN=ann" },
    });
    const curve = JSON.parse((await runCli(["keys", "show", "--json", at("bob.pem")])).out) as KeyReport;
    expect(curve).toMatchObject({
      curve: "P-384",
      wraps: ["ECDH-ES+A256KW"],
      signs: "ES384",
      privateKey: { state: "there", exportable: true },
      certificate: { keyUsage: ["digitalSignature", "keyAgreement"] },
    });
  });

  it("finds a certificate by a thumbprint as pasted from Windows, and refuses one without its store", async () => {
    const pasted = `\u200e${ann.certificate.fingerprint.replaceAll(":", " ").toLowerCase()}`;
    for (const text of [pasted, ann.certificate.fingerprint, ann.certificate.fingerprint256]) {
      const { code, out } = await runCli(["keys", "show", `file:${dir}?thumbprint=${text}`]);
      expect({ text, code }).toEqual({ text, code: 0 });
      expect(out).toContain("CN=ann");
      expect(await runCli(["keys", "show", text])).toMatchObject({ code: 2, err: expect.stringContaining("store:") });
    }
    expect(await runCli(["keys", "show", "file:x?thumbprint=%zz"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("KEY_REFERENCE"),
    });
  });
});

describe("keys check", () => {
  const results = async (ref: string, ...more: readonly string[]) => {
    const { code, out, err } = await runCli(["keys", "check", "--json", ref, ...more]);
    const parsed = JSON.parse(out) as { readonly ok: boolean; readonly results: KeyCheck["results"] };
    const wrong = parsed.results.filter((r) => !r.ok).map((r) => `${r.what}: ${r.code}`);
    return { code, ok: parsed.ok, wrong, err };
  };

  it("of a good key is 0, and names all that it tried", async () => {
    expect(await results(at("ann.pem"))).toMatchObject({ code: 0, ok: true, wrong: [] });
    const { out } = await runCli(["keys", "check", at("bob.pem")]);
    expect(out.match(/^ {2}.*: ok$/gm)).toEqual([
      "  certificate is valid today: ok",
      "  certificate is meant for wrapping keys: ok",
      "  key is long enough: ok",
      "  private key: ok",
      "  unwrap ECDH-ES: ok",
      "  sign ES384: ok",
    ]);
  });

  it("of an expired certificate is a finding: it opens, and is not sealed to", async () => {
    const old = give("old.pem", ann, selfSigned(ann.key, "old", 1, new Date("2020-01-01")));
    expect(await results(old)).toMatchObject({
      code: 1,
      ok: false,
      wrong: ["certificate is valid today: SEAL_CERT_EXPIRED"],
    });
    const show = JSON.parse((await runCli(["keys", "show", "--json", old])).out) as KeyReport;
    expect(show.certificate).toMatchObject({ validNow: false, validTo: "2020-01-02T00:00:00.000Z" });
  });

  it("of an RSA key under 2048 bits is 6", async () => {
    const { privateKey: key } = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const short = give("short.pem", { key }, selfSigned(key, "short", 9));
    const { code, wrong } = await results(short);
    expect(code).toBe(6);
    expect(wrong).toEqual([
      "key is long enough: SEAL_CERTIFICATE",
      "unwrap RSA-OAEP-256: SEAL_CERTIFICATE",
      "unwrap RSA-OAEP: SEAL_CERTIFICATE",
    ]);
    expect((await runCli(["keys", "show", short])).out).toContain("nothing: the key is too short");
  });

  it("of a certificate without private key is 6, with the certificate looked at before", async () => {
    const { code, wrong, err } = await results(at("ann.crt"));
    expect({ code, wrong }).toEqual({ code: 6, wrong: ["private key: KEY_NO_PRIVATE_KEY"] });
    expect(err).toContain("KEY_NO_PRIVATE_KEY");
  });

  it("of a store that is not there, or locked, or refuses the passphrase, is 7", async () => {
    const pem = ann.key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "right" });
    writeFileSync(at("locked.pem"), `${ann.certificate}${pem}`);
    writeFileSync(at("pin"), "wrong", { mode: 0o600 });
    writeFileSync(at("good-pin"), "right", { mode: 0o600 });
    const check = (ref: string, ...more: readonly string[]) => runCli(["keys", "check", ref, ...more]);
    expect(await check(at("nowhere"))).toMatchObject({ code: 7, err: expect.stringContaining("KEY_STORE_NOT_FOUND") });
    expect(await check(at("locked.pem"))).toMatchObject({ code: 7, err: expect.stringContaining("KEY_PIN_REQUIRED") });
    expect(await check(at("locked.pem"), "--pin", `file:${at("pin")}`)).toMatchObject({
      code: 7,
      err: expect.stringContaining("KEY_PIN_INCORRECT"),
    });
    expect(await check(at("locked.pem"), "--pin", `file:${at("good-pin")}`)).toMatchObject({ code: 0 });
  });

  describe("with certificates that openssl made", () => {
    if (spawnSync("openssl", ["version"]).status !== 0) {
      missing("the program openssl");
      return;
    }
    const make = (...extensions: readonly string[]) => {
      const added = extensions.flatMap((text) => ["-addext", text]);
      const args = ["req", "-x509", "-key", at("ann.pem"), "-subj", "/O=Acme/CN=made", "-days", "9", ...added];
      return execFileSync("openssl", args, { encoding: "utf8", stdio: "pipe" });
    };

    it("says which are not meant for wrapping, and sealing warns of them", async () => {
      const signing = give("signing.pem", ann, make("keyUsage=critical,digitalSignature,keyCertSign"));
      const { code, wrong } = await results(signing);
      expect({ code, wrong }).toEqual({
        code: 1,
        wrong: ["certificate is meant for wrapping keys: KEY_USAGE_FORBIDDEN"],
      });
      const sealed = await runCli(["encrypt", at("in.qvd"), "-o", at("warned.qvd"), "--closed", "--to", signing]);
      expect(sealed).toMatchObject({ code: 0, err: expect.stringContaining("keyUsage has no keyEncipherment") });
      const any = give("any.pem", ann, make("extendedKeyUsage=serverAuth,1.3.6.1.4.1.311.80.1"));
      expect(await results(any)).toMatchObject({ code: 0, wrong: [] });
    });

    it("reads every usage bit and extended usage", async () => {
      const all = new X509Certificate(
        make(
          "keyUsage=digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyAgreement,keyCertSign,cRLSign,encipherOnly,decipherOnly",
          "extendedKeyUsage=serverAuth,1.3.6.1.4.1.311.80.1",
        ),
      );
      expect(usesOf(all)).toEqual({
        usages: [
          "digitalSignature",
          "nonRepudiation",
          "keyEncipherment",
          "dataEncipherment",
          "keyAgreement",
          "keyCertSign",
          "cRLSign",
          "encipherOnly",
          "decipherOnly",
        ],
        extended: ["1.3.6.1.5.5.7.3.1", "1.3.6.1.4.1.311.80.1"],
      });
      expect(usesOf(new X509Certificate(make()))).toEqual({ usages: undefined, extended: undefined });
    });
  });

  it("of a private key that is not the certificate's is found out by trying", async () => {
    const other = person("other", "rsa-2048");
    await expect(roundTrip(ann.handle.info, softwareHandle(ann.handle.info, other.key), {})).rejects.toMatchObject({
      code: "KEY_UNWRAP_FAILED",
      hint: expect.stringContaining("import the pair again"),
    });
    await expect(roundTrip(ann.handle.info, ann.handle, {})).resolves.toBeUndefined();
  });
});

describe("inspect --key", () => {
  it("shows sealed fields as they are, once they are open, and what opened", async () => {
    const shown = async (...more: readonly string[]) => {
      const { out } = await runCli(["inspect", "--json", at("sealed.qvd"), ...more]);
      const { tables, openedFields } = JSON.parse(out) as {
        readonly tables: readonly { readonly fields: readonly { readonly name: string; readonly symbols: number }[] }[];
        readonly openedFields?: readonly string[];
      };
      return { symbols: tables[0]!.fields.map((f) => f.symbols), openedFields };
    };
    expect(await shown()).toEqual({ symbols: [3, 0], openedFields: undefined });
    expect(await shown("--key", at("ann.pem"))).toEqual({ symbols: [3, 2], openedFields: ["name"] });
    expect((await runCli(["inspect", at("sealed.qvd"), "--key", at("ann.pem")])).out).toMatch(/opened: name\n$/);
  });

  it("reads a plain file with a key as without, and asks for a signature where one is wanted", async () => {
    const plain = await runCli(["inspect", at("in.qvd")]);
    expect(await runCli(["inspect", at("in.qvd"), "--key", at("ann.pem")])).toEqual(plain);
    const signed = ["--key", at("ann.pem"), "--require-signature", at("bob.pem")];
    expect((await runCli(["inspect", at("sealed.qvd"), ...signed])).code).toBe(0);
    expect(await runCli(["inspect", at("in.qvd"), ...signed])).toMatchObject({ code: 5 });
  });
});

describe("--key", () => {
  const commands: readonly (readonly [name: string, ...args: string[]])[] = [
    ["inspect", at("sealed.qvd")],
    ["digest", at("sealed.qvd")],
    ["verify", at("sealed.qvd")],
    ["export", at("sealed.qvd"), "-o", "-", "--to", "csv"],
    ["head", at("sealed.qvd")],
    ["reduce", at("sealed.qvd"), "-o", at("reduced"), "--user", "d\\u", "--no-access"],
    ["decrypt", at("sealed.qvd"), "-o", at("plain.qvd"), "--force"],
    ["rotate", at("sealed.qvd"), "--from", at("ann.crt"), "--to", at("bob.pem"), "--add", "--yes"],
  ];
  const option = (help: string) => /^ {2}--key <REF>[^\n]*(?:\n {20,}[^\n]*)*/m.exec(help)?.[0].replace(/\s+/g, " ");

  it.each(commands)("of %s says the same in --help as of decrypt", async (name) => {
    const wanted = option((await runCli(["decrypt", "--help"])).out);
    expect(wanted).toContain("may be given again");
    expect(option((await runCli([name, "--help"])).out)).toBe(wanted);
  });

  it.each(commands)("of %s fails the same way everywhere", async (...command) => {
    writeFileSync(at("junk.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (const [ref, code, words] of [
      [at("nowhere.pem"), 7, "KEY_STORE_NOT_FOUND"],
      [at("junk.pem"), 7, "KEY_STORE_FORMAT"],
      ["file:", 2, "KEY_REFERENCE"],
      [at("bob.pem"), 6, "SEAL_NO_IDENTITY"],
    ] as const) {
      const said = await runCli([...command, "--key", ref]);
      expect({ ref, err: said.err }).toEqual({ ref, err: expect.stringContaining(words) });
      // A run over many files that failed on some says so instead.
      expect({ ref, code: said.code }).toEqual({ ref, code: command[0] === "rotate" && code !== 2 ? 9 : code });
    }
  });

  it("tells a key that is another, damage, and a file cut short apart", async () => {
    const bytes = readFileSync(at("sealed.qvd"));
    const flipped = Buffer.from(bytes);
    flipped[flipped.byteLength - 1]! ^= 1;
    writeFileSync(at("damaged.qvd"), flipped);
    writeFileSync(at("cut.qvd"), bytes.subarray(0, bytes.byteLength - 9));
    const head = async (file: string, key: string) => {
      const { code, err } = await runCli(["head", file, "--key", key]);
      return `${code} ${/\((SEAL_\w+)/.exec(err)?.[1]}`;
    };
    expect(await head(at("sealed.qvd"), at("bob.pem"))).toBe("6 SEAL_NO_IDENTITY");
    expect(await head(at("damaged.qvd"), at("ann.pem"))).toBe("4 SEAL_DAMAGED");
    expect(await head(at("cut.qvd"), at("ann.pem"))).toBe("4 SEAL_TRUNCATED");
  });
});
