import { beforeAll, describe, expect, it } from "vitest";
import { QErr } from "../../src/errors.ts";
import { MAX_JWE_BYTES, MAX_RECIPIENTS } from "../../src/limits.ts";
import { fromBase64url, toBase64url } from "../../src/seal/base64url.ts";
import { createJwe } from "../../src/seal/jwe.ts";
import { type Jwe, type JweRecipient, parseJwe, pointOfJwk } from "../../src/seal/jwe-form.ts";
import { defaultProvider } from "../../src/seal/provider.ts";
import { person } from "./people.ts";

const context = { fileId: "0a", slot: 3 };
const people = [person("rsa", "rsa-2048"), person("p256", "p256"), person("p384", "p384"), person("p521", "p521")];
let jwe: Jwe;
let rsa: JweRecipient;
let ec: JweRecipient;

beforeAll(async () => {
  const recipients = people.map((p) => p.recipient());
  jwe = await createJwe(new Uint8Array(32), context, recipients, await defaultProvider());
  [rsa, ec] = jwe.recipients as [JweRecipient, JweRecipient];
});

/** What comes of a JWE read from its text. */
function read(value: unknown) {
  try {
    return parseJwe(typeof value === "string" ? value : JSON.stringify(value));
  } catch (error) {
    if (!(error instanceof QErr)) throw error;
    return { code: error.code, part: error.part, message: error.message };
  }
}
const malformed = { code: "SEAL_DAMAGED", part: "slot keys", message: "a slot's key envelope is malformed" };
const badRecipient = { code: "SEAL_DAMAGED", part: "slot keys", message: "a recipient of a slot is malformed" };
const zeros = (bytes: number) => toBase64url(new Uint8Array(bytes));
const header = (change: object) =>
  toBase64url(Buffer.from(JSON.stringify({ enc: "A256GCM", typ: "qvault-slot+jwe", ...context, ...change })));
const to = (of: JweRecipient, change: object) => ({ ...jwe, recipients: [{ ...of, ...change }] });
const named = (of: JweRecipient, change: object) => to(of, { header: { ...of.header, ...change } });
const without = (of: object, name: string) => Object.fromEntries(Object.entries(of).filter(([key]) => key !== name));

describe("the form of a slot's JWE", () => {
  it("is read as it was written", () => {
    expect(read(jwe)).toMatchObject({ jwe, context: { enc: "A256GCM", typ: "qvault-slot+jwe", ...context } });
  });

  it("has five members, each of its kind and length", () => {
    for (const name of Object.keys(jwe)) expect(read(without(jwe, name)), name).toEqual(malformed);
    expect(read({ ...jwe, unprotected: {} })).toEqual(malformed);
    const lengths = { iv: [0, 11, 13], tag: [0, 4, 12, 15, 17], ciphertext: [0, 31, 33] };
    for (const [name, wrong] of Object.entries(lengths)) {
      for (const bytes of wrong) expect(read({ ...jwe, [name]: zeros(bytes) }), `${name} ${bytes}`).toEqual(malformed);
      expect(read({ ...jwe, [name]: 12 }), name).toEqual(malformed);
    }
    expect(read({ ...jwe, iv: zeros(12), tag: zeros(16), ciphertext: zeros(32) })).toHaveProperty("jwe");
    for (const recipients of [[], {}, "x", null, { length: 1 }])
      expect(read({ ...jwe, recipients })).toEqual(malformed);
    for (const value of [[], null, "text", "{", "1", ""]) expect(read(value)).toEqual(malformed);
  });

  it("has a protected header of four members, which no extension is added to", () => {
    expect(read({ ...jwe, protected: header({}) })).toHaveProperty("jwe");
    const changes = [
      { enc: "A128GCM" },
      { typ: "JOSE" },
      { zip: "DEF" },
      { crit: ["exp"], exp: 1 },
      { alg: "dir" },
      { fileId: undefined },
      { slot: undefined },
      { typ: undefined },
      { enc: undefined },
    ];
    for (const change of changes)
      expect(read({ ...jwe, protected: header(change) }), JSON.stringify(change)).toEqual(malformed);
    for (const text of ["", "null", "[]", "{", "7"])
      expect(read({ ...jwe, protected: toBase64url(Buffer.from(text)) }), text).toEqual(malformed);
    expect(read({ ...jwe, protected: `${header({})}=` })).toEqual(malformed);
    expect(read({ ...jwe, protected: {} })).toEqual(malformed);
  });

  it("has recipients of three algorithms, with these members and no others", () => {
    for (const of of jwe.recipients) expect(read({ ...jwe, recipients: [of] }), of.header.alg).toHaveProperty("jwe");
    expect(read(named(rsa, { alg: "RSA-OAEP" }))).toHaveProperty("jwe");
    for (const alg of ["RSA1_5", "dir", "A256KW", "ECDH-ES", "ECDH-ES+A128KW", "", 1, null])
      for (const of of [rsa, ec]) expect(read(named(of, { alg })), `${alg}`).toEqual(badRecipient);
    for (const of of [rsa, ec]) {
      expect(read(named(of, { p2c: 1 }))).toEqual(badRecipient);
      expect(read(to(of, { more: 1 }))).toEqual(badRecipient);
      for (const name of ["header", "encrypted_key"])
        expect(read({ ...jwe, recipients: [without(of, name)] }), name).toEqual(badRecipient);
      for (const name of ["alg", "kid"])
        expect(read(to(of, { header: without(of.header, name) }))).toEqual(badRecipient);
      for (const value of [null, "x", 7]) expect(read(to(of, { header: value }))).toEqual(badRecipient);
    }
    // An ephemeral key belongs to EC, and to EC alone.
    expect(read(named(rsa, { epk: ec.header.epk }))).toEqual(badRecipient);
    expect(read(to(ec, { header: without(ec.header, "epk") }))).toEqual(badRecipient);
    expect(read(named(ec, { epk: { ...ec.header.epk, d: zeros(32) } }))).toEqual(badRecipient);
    for (const value of [null, undefined, "x", 3]) expect(read({ ...jwe, recipients: [value] })).toEqual(badRecipient);
    expect(read({ ...jwe, recipients: [ec, null] })).toEqual(badRecipient);
  });

  it("names keys by 32 bytes, certificates by 20 and 32, in canonical base64url", () => {
    for (const of of [rsa, ec]) {
      expect(read(to(of, { header: without(without(of.header, "x5t"), "x5t#S256") }))).toHaveProperty("jwe");
      const lengths = { kid: 32, x5t: 20, "x5t#S256": 32 };
      for (const [name, bytes] of Object.entries(lengths)) {
        expect(read(named(of, { [name]: zeros(bytes) }))).toHaveProperty("jwe");
        const wrong = [
          zeros(bytes - 1),
          zeros(bytes + 1),
          `${zeros(bytes)}=`,
          zeros(bytes).replace(/A$/, "B"),
          1,
          null,
        ];
        for (const value of wrong) expect(read(named(of, { [name]: value })), `${name} ${value}`).toEqual(badRecipient);
      }
    }
  });

  it("has wrapped keys of 40 bytes for EC, of 256 to 2,048 for RSA", () => {
    const key = (of: JweRecipient, bytes: number) => read(to(of, { encrypted_key: zeros(bytes) }));
    expect(key(ec, 40)).toHaveProperty("jwe");
    for (const bytes of [0, 39, 41, 256]) expect(key(ec, bytes), `EC ${bytes}`).toEqual(badRecipient);
    for (const bytes of [256, 2048]) expect(key(rsa, bytes), `RSA ${bytes}`).toHaveProperty("jwe");
    for (const bytes of [0, 40, 255, 2049]) expect(key(rsa, bytes), `RSA ${bytes}`).toEqual(badRecipient);
    for (const of of [rsa, ec]) expect(read(to(of, { encrypted_key: 5 }))).toEqual(badRecipient);
    expect(read(to(ec, { encrypted_key: `${zeros(40)}=` }))).toEqual(badRecipient);
  });

  it("is as long as it may be, with as many recipients, and no more", () => {
    expect(read(JSON.stringify(jwe).padEnd(MAX_JWE_BYTES))).toMatchObject({ jwe });
    expect(read(" ".repeat(MAX_JWE_BYTES + 1))).toMatchObject({ code: "LIMIT_EXCEEDED" });
    const list = (count: number) => ({ ...jwe, recipients: Array.from({ length: count }, () => ec) });
    expect(read(list(MAX_RECIPIENTS))).toHaveProperty("jwe");
    expect(read(list(MAX_RECIPIENTS + 1))).toMatchObject({ code: "LIMIT_EXCEEDED" });
  });
});

describe("an ephemeral key", () => {
  const sizes = { "P-256": 32, "P-384": 48, "P-521": 66 };
  it.each(Object.entries(sizes))("on %s has coordinates of %i bytes", (crv, size) => {
    const x = new Uint8Array(size).fill(1);
    const y = new Uint8Array(size).fill(2);
    const jwk = { kty: "EC", crv, x: toBase64url(x), y: toBase64url(y) };
    expect(pointOfJwk(jwk)).toEqual({ curve: crv, point: new Uint8Array([4, ...x, ...y]) });
    for (const name of ["x", "y"]) {
      for (const bytes of [0, size - 1, size + 1])
        expect(pointOfJwk({ ...jwk, [name]: zeros(bytes) }), `${name} ${bytes}`).toBeUndefined();
      for (const value of [1, null, `${zeros(size)}=`]) expect(pointOfJwk({ ...jwk, [name]: value })).toBeUndefined();
      expect(pointOfJwk(without(jwk, name))).toBeUndefined();
    }
  });

  it("is a public key on one of three curves and nothing else", () => {
    const jwk = { kty: "EC", crv: "P-256", x: zeros(32), y: zeros(32) };
    expect(pointOfJwk(jwk)).toBeDefined();
    const others = [
      { kty: "OKP" },
      { kty: "RSA" },
      { crv: "X25519" },
      { crv: "secp256k1" },
      { d: zeros(32) },
      { kid: "" },
    ];
    for (const change of others) expect(pointOfJwk({ ...jwk, ...change }), JSON.stringify(change)).toBeUndefined();
    expect(pointOfJwk({ ...jwk, crv: "X25519", x: "!", y: "!" })).toBeUndefined();
    for (const value of [null, undefined, "x", 1, []]) expect(pointOfJwk(value)).toBeUndefined();
  });
});

describe("base64url", () => {
  it("is read if it is the one text of its bytes", () => {
    for (const text of ["", "AA", "AAE", "AAEC", "-_-_"]) expect(toBase64url(fromBase64url(text)!)).toBe(text);
    for (const text of ["A", "AB", "AA==", "A A", "++//", "AAF", "AA\n", 7, null, undefined])
      expect(fromBase64url(text), String(text)).toBeUndefined();
  });

  it("is made of the bytes of a view alone", () => {
    expect(toBase64url(new Uint8Array([9, 0, 1, 2, 9]).subarray(1, 4))).toBe("AAEC");
  });
});
