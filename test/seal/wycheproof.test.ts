import { createHash, createHmac, createPrivateKey, createPublicKey } from "node:crypto";
import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { isQErr } from "../../src/errors.ts";
import { ecdhAgree, rsaOaepDecrypt } from "../../src/keys/software.ts";
import { unwrapKey, wrapKey } from "../../src/seal/aes-kw.ts";
import { openMessage } from "../../src/seal/cobblestone.ts";
import { hkdfExpand } from "../../src/seal/hkdf.ts";
import { hex, toHex, wycheproof } from "./vectors.ts";

/** The error code of a call, or undefined if it returned. Anything but a QErr is a bug and goes through. */
function codeOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (isQErr(error)) return error.code;
    throw error;
  }
}

describe("Cobblestone-256 opens every valid Wycheproof message and refuses every other", () => {
  const groups = wycheproof("c2sp_chunked_encryption_aes_256_gcm_test");
  for (const t of groups?.flatMap((g) => g.tests) ?? []) {
    it(`${t.tcId} ${t.comment}`, () => {
      const sealed = new Uint8Array(inflateSync(hex(t.ct)));
      const open = () => openMessage(hex(t.key), hex(t.ctx), sealed);
      if (t.result !== "invalid") {
        const plain = open();
        expect(plain.byteLength).toBe(t.msgLength);
        expect(createHash("sha512").update(plain).digest("hex")).toBe(t.msgSha512);
        return;
      }
      const code = codeOf(open);
      if (t.flags?.includes("InvalidKeySize")) expect(code).toBe("USAGE");
      else if (t.flags?.includes("WrongKey") || t.flags?.includes("WrongContext")) expect(code).toBe("SEAL_WRONG_KEY");
      else expect(["SEAL_WRONG_KEY", "SEAL_TRUNCATED", "SEAL_DAMAGED"]).toContain(code);
    });
  }
  it("has all 35 vectors", () => {
    if (groups) expect(groups.flatMap((g) => g.tests)).toHaveLength(35);
  });
});

describe("AES-KW wraps exactly 32 bytes into exactly 40", () => {
  const groups = wycheproof("aes_wrap_test");
  it("agrees with every 256-bit Wycheproof vector", () => {
    let wrapped = 0;
    let refused = 0;
    for (const group of groups ?? []) {
      if (group.keySize !== 256) continue;
      for (const t of group.tests) {
        const ours = hex(t.ct).byteLength === 40 && hex(t.msg).byteLength === 32;
        if (t.result === "valid" && ours) {
          expect(toHex(wrapKey(hex(t.key), hex(t.msg)))).toBe(t.ct);
          expect(toHex(unwrapKey(hex(t.key), hex(t.ct)))).toBe(t.msg);
          wrapped += 1;
        } else {
          // A key of another size is refused even where the wrapping is valid: the format has none.
          expect(["SEAL_WRONG_KEY", "SEAL_DAMAGED"], `tc ${t.tcId}`).toContain(
            codeOf(() => unwrapKey(hex(t.key), hex(t.ct))),
          );
          refused += 1;
        }
      }
    }
    if (groups) expect([wrapped > 0, refused > 30]).toEqual([true, true]);
  });
});

describe("HKDF-Expand with SHA-512", () => {
  const groups = wycheproof("hkdf_sha512_test");
  it("agrees with every Wycheproof vector, Extract done by the test", () => {
    let agreed = 0;
    for (const t of groups?.flatMap((g) => g.tests) ?? []) {
      const salt = hex(t.salt);
      const prk = createHmac("sha512", salt.byteLength === 0 ? new Uint8Array(64) : salt)
        .update(hex(t.ikm))
        .digest();
      const expand = () => hkdfExpand(prk, hex(t.info), Number(t.size));
      if (t.result === "valid") {
        expect(toHex(expand())).toBe(t.okm);
        agreed += 1;
      } else expect(codeOf(expand)).toBe("USAGE");
    }
    if (groups) expect(agreed).toBeGreaterThan(70);
  });
});

describe.each(["2048", "3072", "4096"])("RSA-OAEP with SHA-256, %s bits", (bits) => {
  const groups = wycheproof(`rsa_oaep_${bits}_sha256_mgf1sha256_test`);
  it("opens the valid vectors without label and gives one code for all others", () => {
    let opened = 0;
    for (const group of groups ?? []) {
      const key = createPrivateKey({
        key: Buffer.from(String(group.privateKeyPkcs8), "hex"),
        format: "der",
        type: "pkcs8",
      });
      for (const t of group.tests) {
        const open = () => rsaOaepDecrypt(key, "RSA-OAEP-256", hex(t.ct));
        // The format never uses a label, so a message made with one must not open.
        if (t.result === "valid" && t.label === "") {
          expect(toHex(open()), `tc ${t.tcId}`).toBe(t.msg);
          opened += 1;
        } else expect(codeOf(open), `tc ${t.tcId}`).toBe("KEY_UNWRAP_FAILED");
      }
    }
    if (groups) expect(opened).toBeGreaterThan(5);
  });
});

describe.each([
  ["P-256", "secp256r1", 32],
  ["P-384", "secp384r1", 48],
] as const)("ECDH on %s", (curve, file, size) => {
  const groups = wycheproof(`ecdh_${file}_test`);
  it("agrees with every valid vector and accepts no invalid one", () => {
    let agreed = 0;
    // P-384 costs 10 ms a vector: every third of them, unless there is time for all.
    const step = curve === "P-384" && !process.env.QVAULT_LONG ? 3 : 1;
    for (const t of (groups?.flatMap((g) => g.tests) ?? []).filter((_, i) => i % step === 0)) {
      const scalar = hex(t.private);
      const d = new Uint8Array(size);
      const short = scalar.subarray(Math.max(0, scalar.byteLength - size));
      d.set(short, size - short.byteLength);
      let point: Uint8Array | undefined;
      try {
        const jwk = createPublicKey({ key: Buffer.from(hex(t.public)), format: "der", type: "spki" }).export({
          format: "jwk",
        });
        if (jwk.crv === curve) {
          point = new Uint8Array([4, ...Buffer.from(jwk.x!, "base64url"), ...Buffer.from(jwk.y!, "base64url")]);
        }
      } catch {
        // OpenSSL refused the encoding; our format carries bare points, so there is no encoding to get past.
      }
      if (point === undefined) {
        expect(t.result, `tc ${t.tcId}`).not.toBe("valid");
        continue;
      }
      const key = createPrivateKey({ key: ecPkcs8(curve, d), format: "der", type: "pkcs8" });
      const shared = ecdhAgree(key, { curve, point });
      if (t.result === "valid") {
        expect(toHex(shared), `tc ${t.tcId}`).toBe(t.shared);
        agreed += 1;
      }
    }
    if (groups) expect(agreed).toBeGreaterThan(100);
  });

  it("refuses a point off the curve, a short one and a compressed one", () => {
    const d = new Uint8Array(size).fill(1);
    const key = createPrivateKey({ key: ecPkcs8(curve, d), format: "der", type: "pkcs8" });
    const off = new Uint8Array(1 + 2 * size).fill(7);
    off[0] = 4;
    for (const point of [off, off.subarray(0, size + 1), new Uint8Array(0)]) {
      expect(codeOf(() => ecdhAgree(key, { curve, point }))).toBe("KEY_UNWRAP_FAILED");
    }
  });
});

/** The smallest PKCS#8 around an EC private scalar. */
function ecPkcs8(curve: "P-256" | "P-384", d: Uint8Array): Buffer {
  const der = (tag: number, ...content: readonly Uint8Array[]): Uint8Array => {
    const body = Buffer.concat(content);
    return new Uint8Array([tag, ...(body.byteLength < 128 ? [body.byteLength] : [0x81, body.byteLength]), ...body]);
  };
  const oid = curve === "P-256" ? "06082a8648ce3d030107" : "06052b81040022";
  const algorithm = der(0x30, hex("06072a8648ce3d0201"), hex(oid));
  const ecKey = der(0x30, hex("020101"), der(0x04, d));
  return Buffer.from(der(0x30, hex("020100"), algorithm, der(0x04, ecKey)));
}
