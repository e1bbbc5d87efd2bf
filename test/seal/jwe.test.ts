import { execFileSync, spawnSync } from "node:child_process";
import { createPublicKey, webcrypto } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generalDecrypt } from "jose";
import { describe, expect, it } from "vitest";
import { MAX_RECIPIENTS } from "../../src/limits.ts";
import { contentKey, createJwe, encryptTo, openJwe, refOf, unwrapRequestOf } from "../../src/seal/jwe.ts";
import { parseJwe, pointOfJwk } from "../../src/seal/jwe-form.ts";
import { defaultProvider } from "../../src/seal/provider.ts";
import { missing } from "../helpers/missing.ts";
import { person } from "./people.ts";
import { toHex } from "./vectors.ts";

const payload = new Uint8Array(32).map((_, i) => i);
const people = {
  rsa: person("rsa", "rsa-2048"),
  p256: person("p256", "p256"),
  p384: person("p384", "p384"),
  p521: person("p521", "p521"),
};
const all = Object.values(people);
const provider = await defaultProvider();
const context = { fileId: "00", slot: 7 };

async function sealed(sha1 = false) {
  return createJwe(
    payload,
    context,
    all.map((p) => p.recipient({ oaepSha1: sha1 })),
    provider,
  );
}

describe("a slot's JWE", () => {
  it.each(Object.keys(people) as (keyof typeof people)[])(
    "opens for its %s recipient here and in npm jose",
    async (name) => {
      for (const sha1 of [false, true]) {
        const text = JSON.stringify(await sealed(sha1));
        const { jwe } = parseJwe(text);
        const { handle, key } = people[name];
        const mine = jwe.recipients.find((r) => refOf(r).spkiS256 === handle.info.spkiS256)!;
        const cek = contentKey(mine, await handle.unwrap(unwrapRequestOf(mine)));
        expect(toHex(openJwe(jwe, cek))).toBe(toHex(payload));
        const foreign = await generalDecrypt(JSON.parse(text), key);
        expect(toHex(foreign.plaintext)).toBe(toHex(payload));
      }
    },
  );

  it("is written as well by another WebCrypto that the caller brings", async () => {
    const jwe = await createJwe(
      payload,
      context,
      all.map((p) => p.recipient()),
      { subtle: webcrypto.subtle as never },
    );
    for (const { key } of all)
      expect(toHex((await generalDecrypt(JSON.parse(JSON.stringify(jwe)), key)).plaintext)).toBe(toHex(payload));
  });

  it("takes a further recipient without changing anything else", async () => {
    const one = await createJwe(payload, context, [people.rsa.recipient()], provider);
    const cek = contentKey(one.recipients[0]!, await people.rsa.handle.unwrap(unwrapRequestOf(one.recipients[0]!)));
    const two = { ...one, recipients: [...one.recipients, await encryptTo(cek, people.p384.recipient(), provider)] };
    const { plaintext } = await generalDecrypt(JSON.parse(JSON.stringify(two)), people.p384.key);
    expect(toHex(plaintext)).toBe(toHex(payload));
  });

  it("is refused with SEAL_DAMAGED when ciphertext, tag, IV or protected header is another", async () => {
    const jwe = await sealed();
    const cek = contentKey(jwe.recipients[0]!, await people.rsa.handle.unwrap(unwrapRequestOf(jwe.recipients[0]!)));
    const other = await createJwe(payload, { fileId: "01", slot: 0 }, [people.rsa.recipient()], provider);
    for (const part of ["protected", "iv", "ciphertext", "tag"] as const) {
      expect(() => openJwe({ ...jwe, [part]: other[part] }, cek), part).toThrow(
        expect.objectContaining({ code: "SEAL_DAMAGED" }),
      );
    }
  });

  it("gives KEY_UNWRAP_FAILED or SEAL_WRONG_KEY for another person's key, KEY_ALG_UNSUPPORTED for another kind", async () => {
    const jwe = await sealed();
    const [rsa, p256] = jwe.recipients;
    await expect(person("x", "rsa-2048").handle.unwrap(unwrapRequestOf(rsa!))).rejects.toMatchObject({
      code: "KEY_UNWRAP_FAILED",
    });
    const z = await person("x").handle.unwrap(unwrapRequestOf(p256!));
    expect(() => contentKey(p256!, z)).toThrow(expect.objectContaining({ code: "SEAL_WRONG_KEY" }));
    await expect(people.p256.handle.unwrap(unwrapRequestOf(rsa!))).rejects.toMatchObject({
      code: "KEY_ALG_UNSUPPORTED",
    });
    await expect(people.p384.handle.unwrap(unwrapRequestOf(p256!))).rejects.toMatchObject({
      code: "KEY_ALG_UNSUPPORTED",
    });
  });

  it("gives a content key of 32 bytes and no other", async () => {
    const { recipients } = await sealed();
    const [rsa, p256] = recipients;
    expect(contentKey(rsa!, new Uint8Array(32).fill(7))).toEqual(new Uint8Array(32).fill(7));
    for (const bytes of [0, 31, 33]) {
      expect(() => contentKey(rsa!, new Uint8Array(bytes)), `${bytes} bytes`).toThrow(
        expect.objectContaining({ code: "SEAL_WRONG_KEY" }),
      );
    }
    // The agreed secret is overwritten, whether it opens or not.
    const secret = new Uint8Array(32).fill(7);
    expect(() => contentKey(p256!, secret)).toThrow(expect.objectContaining({ code: "SEAL_WRONG_KEY" }));
    expect(secret).toEqual(new Uint8Array(32));
  });

  it("does not open with a tag that was cut, whatever is left of it", async () => {
    const jwe = await sealed();
    const cek = contentKey(jwe.recipients[0]!, await people.rsa.handle.unwrap(unwrapRequestOf(jwe.recipients[0]!)));
    for (const bytes of [4, 8, 12, 15]) {
      const tag = Buffer.from(jwe.tag, "base64url").subarray(0, bytes).toString("base64url");
      expect(() => openJwe({ ...jwe, tag }, cek), `${bytes} bytes`).toThrow();
    }
    const tag = Buffer.from(new Uint8Array(16)).toString("base64url");
    expect(() => openJwe({ ...jwe, tag }, cek)).toThrow(
      expect.objectContaining({ code: "SEAL_DAMAGED", part: "slot keys" }),
    );
  });

  it("names its place, kind and algorithm in the protected header, and its recipients by key and certificate", async () => {
    const jwe = await sealed();
    expect(JSON.parse(Buffer.from(jwe.protected, "base64url").toString())).toEqual({
      enc: "A256GCM",
      typ: "qvault-slot+jwe",
      ...context,
    });
    expect(parseJwe(JSON.stringify(jwe)).context).toMatchObject(context);
    for (const [i, { handle }] of all.entries()) {
      const { spkiS256, x5t, x5tS256 } = handle.info;
      expect(x5t).toBeDefined();
      expect(refOf(jwe.recipients[i]!)).toEqual({ spkiS256, x5t, x5tS256 });
    }
    const bare = { ...people.p256.recipient(), x5t: undefined, x5tS256: undefined };
    const { header } = await encryptTo(new Uint8Array(32), bare, provider);
    expect(Object.keys(header).sort()).toEqual(["alg", "epk", "kid"]);
    expect(refOf({ header, encrypted_key: "" })).toEqual({ spkiS256: bare.spkiS256 });
  });

  it("has 1 to 256 recipients", async () => {
    const to = (count: number) => {
      const list = Array.from({ length: count }, () => people.p256.recipient());
      return createJwe(payload, context, list, provider);
    };
    expect((await to(MAX_RECIPIENTS)).recipients).toHaveLength(MAX_RECIPIENTS);
    for (const count of [0, MAX_RECIPIENTS + 1]) await expect(to(count)).rejects.toMatchObject({ code: "USAGE" });
  });
});

describe("openssl opens a slot", () => {
  if (spawnSync("openssl", ["version"]).status !== 0) {
    missing("the program openssl");
    return;
  }
  it.each([false, true])("of an RSA recipient with pkeyutl, OAEP SHA-1: %s", async (sha1) => {
    const dir = mkdtempSync(join(tmpdir(), "qvault-jwe-"));
    try {
      const jwe = await sealed(sha1);
      writeFileSync(join(dir, "key.pem"), people.rsa.key.export({ type: "pkcs8", format: "pem" }));
      writeFileSync(join(dir, "cek.enc"), Buffer.from(jwe.recipients[0]!.encrypted_key, "base64url"));
      const md = sha1 ? "sha1" : "sha256";
      const args = `pkeyutl -decrypt -inkey ${dir}/key.pem -in ${dir}/cek.enc -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:${md} -pkeyopt rsa_mgf1_md:${md}`;
      const cek = new Uint8Array(execFileSync("openssl", args.split(" ")));
      expect(toHex(openJwe(jwe, cek))).toBe(toHex(payload));
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it("of an EC recipient with pkeyutl -derive", async () => {
    const dir = mkdtempSync(join(tmpdir(), "qvault-jwe-"));
    try {
      const jwe = await sealed();
      const mine = jwe.recipients[1]!;
      expect(pointOfJwk(mine.header.epk)!.curve).toBe("P-256");
      const epk = createPublicKey({ key: { ...mine.header.epk! }, format: "jwk" });
      writeFileSync(join(dir, "key.pem"), people.p256.key.export({ type: "pkcs8", format: "pem" }));
      writeFileSync(join(dir, "epk.pem"), epk.export({ type: "spki", format: "pem" }));
      const z = new Uint8Array(
        execFileSync("openssl", `pkeyutl -derive -inkey ${dir}/key.pem -peerkey ${dir}/epk.pem`.split(" ")),
      );
      expect(toHex(openJwe(jwe, contentKey(mine, z)))).toBe(toHex(payload));
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
