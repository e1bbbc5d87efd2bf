import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from "node:crypto";
import { describe, expect, it } from "vitest";
import { QErr } from "../../src/errors.ts";
import type { KeyInfo } from "../../src/keys/keystore.ts";
import { generateKey, selfSigned } from "../../src/keys/self-signed.ts";
import { describeKey } from "../../src/keys/thumbprint.ts";
import { publicKeyOf, type RecipientAlg, recipientOf, recipientWarnings } from "../../src/seal/recipient.ts";
import { person } from "./people.ts";

const ec = person("ec").handle.info;
const rsa = person("rsa", "rsa-2048").handle.info;
const bare: KeyInfo = describeKey({ publicKey: ec.publicKey }, "test", false);

/** A public key of so many bits, whose factors nobody knows; it only has to be read. */
function rsaOf(bits: number): KeyInfo {
  return describeKey({ publicKey: rsaKey(bits) }, "test", false);
}

function rsaKey(bits: number): KeyObject {
  const n = Buffer.from(randomBytes(bits / 8));
  n[0]! |= 0x80;
  n[n.length - 1]! |= 1;
  return createPublicKey({ key: { kty: "RSA", n: n.toString("base64url"), e: "AQAB" }, format: "jwk" });
}
const spkiOf = (info: Pick<KeyInfo, "publicKey">) =>
  new Uint8Array(info.publicKey.export({ type: "spki", format: "der" }));

function said(work: () => unknown) {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof QErr)) throw error;
    return { code: error.code, part: error.part, hint: error.hint };
  }
}

describe("a recipient", () => {
  it("is a public key with what finds its private half, and the algorithm that goes with it", () => {
    for (const info of [ec, rsa]) {
      const spki = spkiOf(info);
      expect(recipientOf(info)).toEqual({
        alg: info === ec ? "ECDH-ES+A256KW" : "RSA-OAEP-256",
        spki,
        spkiS256: createHash("sha256").update(spki).digest("hex").toUpperCase(),
        x5t: info.x5t,
        x5tS256: info.x5tS256,
        label: info.label,
      });
    }
    expect(recipientOf(rsa, { oaepSha1: true }).alg).toBe("RSA-OAEP");
    expect(recipientOf(ec, { oaepSha1: true }).alg).toBe("ECDH-ES+A256KW");
    expect(recipientOf(bare)).toMatchObject({ x5t: undefined, x5tS256: undefined, spkiS256: ec.spkiS256 });
    expect(recipientOf({ ...ec, label: "x".repeat(201) }).label).toBe("x".repeat(200));
  });

  it("has a certificate that is valid on the day, its first and last second included, unless that is waived", () => {
    const from = new Date(ec.certificate!.validFrom);
    const to = new Date(ec.certificate!.validTo);
    const at = (now: Date, allowExpired?: boolean) => said(() => recipientOf(ec, { now, allowExpired }));
    const later = (date: Date, ms: number) => new Date(date.getTime() + ms);
    for (const day of [from, to, later(from, 1000)]) expect(at(day)).toHaveProperty("alg");
    const expired = { code: "SEAL_CERT_EXPIRED", part: undefined, hint: expect.stringContaining("--allow-expired") };
    for (const day of [later(from, -1000), later(to, 1000)]) {
      expect(at(day)).toEqual(expired);
      expect(at(day, true)).toHaveProperty("alg");
    }
    const old = selfSigned(generateKey("p256"), "old", 1, new Date("2020-01-01"));
    expect(said(() => recipientOf(describeKey({ certificate: old }, "test", false)))).toEqual(expired);
    // A bare key has no dates.
    expect(said(() => recipientOf(bare, { now: new Date("1970-01-01") }))).toHaveProperty("alg");
  });

  it("is of RSA with 2,048 to 16,384 bits", () => {
    for (const bits of [2048, 16_384]) expect(recipientOf(rsaOf(bits)).alg).toBe("RSA-OAEP-256");
    const refused = { code: "SEAL_CERTIFICATE", part: undefined, hint: expect.stringContaining("2048 bits or more") };
    expect(said(() => recipientOf(rsaOf(2040)))).toEqual(refused);
    expect(said(() => recipientOf({ ...rsa, bits: 16_385 }))).toEqual(refused);
  });
});

describe("what is said before sealing to somebody", () => {
  const warnings = (info: Partial<KeyInfo>, of: KeyInfo, oaepSha1 = false) =>
    recipientWarnings({ ...of, ...info }, recipientOf(of, { oaepSha1 }));
  const weak = "rsa: RSA of 2048 bits; 3072 is the measure for data that must last";

  it("is nothing of a good certificate", () => {
    expect(warnings({}, ec)).toEqual([]);
    expect(warnings({ bits: 3072 }, rsa)).toEqual([]);
    expect(warnings({ usages: undefined }, ec)).toEqual([]);
    expect(warnings({ usages: ["keyAgreement"] }, ec)).toEqual([]);
    expect(warnings({ usages: ["keyEncipherment"], bits: 4096 }, rsa)).toEqual([]);
  });

  it("is what is weak, not meant for it, old or bare", () => {
    expect(warnings({}, rsa)).toEqual([weak]);
    expect(warnings({ bits: 3071 }, rsa)).toEqual([weak.replace("2048", "3071")]);
    const unmeant = (label: string, usage: string) =>
      `${label}: the certificate is not meant for wrapping keys (its keyUsage has no ${usage}); stores may refuse to open with it`;
    expect(warnings({ usages: ["keyEncipherment"] }, ec)).toEqual([unmeant("ec", "keyAgreement")]);
    expect(warnings({ usages: ["keyAgreement"], bits: 3072 }, rsa)).toEqual([unmeant("rsa", "keyEncipherment")]);
    expect(warnings({ usages: [] }, ec)).toEqual([unmeant("ec", "keyAgreement")]);
    expect(warnings({ bits: 3072 }, rsa, true)).toEqual(["rsa: OAEP with SHA-1, for a token that knows no SHA-256"]);
    expect(recipientWarnings(bare, recipientOf(bare))).toEqual([
      "key without certificate: a bare key; a certificate would say whose it is",
    ]);
  });
});

describe("a public key from a file", () => {
  const read = (spki: Uint8Array, alg: RecipientAlg) => said(() => publicKeyOf(spki, alg).curve ?? "rsa");
  const damaged = { code: "SEAL_DAMAGED", part: "slot keys", hint: undefined };

  it("fits its algorithm: one of three curves, or RSA of 2,048 to 16,384 bits", () => {
    for (const [type, curve] of [
      ["p256", "P-256"],
      ["p384", "P-384"],
      ["p521", "P-521"],
    ] as const) {
      const spki = spkiOf(person("x", type).handle.info);
      expect(read(spki, "ECDH-ES+A256KW")).toBe(curve);
      for (const alg of ["RSA-OAEP", "RSA-OAEP-256"] as const) expect(read(spki, alg)).toEqual(damaged);
    }
    for (const alg of ["RSA-OAEP", "RSA-OAEP-256"] as const) {
      for (const bits of [2048, 16_384]) expect(read(spkiOf(rsaOf(bits)), alg)).toBe("rsa");
      for (const bits of [2040, 16_392]) expect(read(spkiOf({ publicKey: rsaKey(bits) }), alg)).toEqual(damaged);
    }
    expect(read(spkiOf(rsa), "ECDH-ES+A256KW")).toEqual(damaged);
  });

  it("is of no other kind", () => {
    const { publicKey: pss } = generateKeyPairSync("rsa-pss", { modulusLength: 2048 });
    const { publicKey: edwards } = generateKeyPairSync("ed25519");
    const { publicKey: koblitz } = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
    for (const key of [pss, edwards, koblitz]) {
      const spki = new Uint8Array(key.export({ type: "spki", format: "der" }));
      for (const alg of ["ECDH-ES+A256KW", "RSA-OAEP"] as const) expect(read(spki, alg)).toEqual(damaged);
    }
    for (const bytes of [new Uint8Array(), spkiOf(ec).subarray(1), new Uint8Array(91)])
      expect(read(bytes, "ECDH-ES+A256KW")).toEqual(damaged);
    expect(
      new X509Certificate(ec.certificate!.raw).publicKey.equals(publicKeyOf(spkiOf(ec), "ECDH-ES+A256KW").key),
    ).toBe(true);
  });
});
