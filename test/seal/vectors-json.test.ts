import { createHash, createHmac, createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { compactVerify } from "jose";
import { describe, expect, it } from "vitest";
import { contextBytes, fileMacKey, type PartKind, slotKeys } from "../../src/seal/suite.ts";
import { leafMacKey } from "../../src/seal/tree.ts";
import { readAppIndependently } from "./independent-app.ts";
import { readIndependently, type Value } from "./independent-reader.ts";
import type { OpenRegion, Trace } from "./independent-region.ts";

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/sealed/${name}`, import.meta.url));
const key = (name: string) => createPrivateKey(fixture(`${name}.key`));
const both = [key("hr"), key("fin")];
const vectors = JSON.parse(fixture("vectors.json").toString()) as {
  readonly files: { readonly [file: string]: Trace };
};
const KINDS: readonly PartKind[] = ["meta", "symbols", "index", "member"];
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

async function regionOf(file: string): Promise<OpenRegion> {
  if (file.endsWith(".qvf")) return (await readAppIndependently(fixture(file), both)).region!;
  return (await readIndependently(fixture(file), both)).region;
}

describe("the values in vectors.json", () => {
  const files = Object.keys(vectors.files);

  it("are of a table, an app and a signed file", () => {
    expect(files).toEqual(["two-slots.qvd", "closed.qvd", "signed.qvd", "app-two-slots.qvf"]);
  });

  it.each(files)("are what a reader written from the spec finds in %s", async (file) => {
    expect((await regionOf(file)).trace).toEqual(vectors.files[file]);
  });

  it.each(files)("are what is derived here, for %s", (file) => {
    const { fileId, slots, common, items } = vectors.files[file]!;
    const id = bytes(fileId);
    for (const { slotKey, wrapKey, macKey } of slots) {
      const { wrap, mac } = slotKeys(bytes(slotKey!), id);
      expect([hex(wrap), hex(mac)]).toEqual([wrapKey, macKey]);
    }
    expect(hex(fileMacKey(bytes(common.commonKey!), id))).toBe(common.fileMacKey);
    expect(hex(leafMacKey(bytes(common.commonKey!), id))).toBe(common.leafMacKey);
    for (const { n, name, parts } of items) {
      for (const { kind, context } of parts) {
        // The slot of an item is the first that has its key; its number stands behind the file id.
        const slot = Buffer.from(context, "hex").readUInt16LE("qvault seal/v1 part\0".length + 16);
        expect(hex(contextBytes({ fileId: id, slot, ordinal: n, kind: KINDS[kind]!, name }))).toBe(context);
      }
    }
  });
});

describe("tokens in the fixtures", () => {
  it("are the HMAC of the value under the token key that is sealed along", async () => {
    const open = await readIndependently(fixture("two-slots.qvd"), both);
    const shut = await readIndependently(fixture("two-slots.qvd"), []);
    let seen = 0;
    for (const { n, name, parts } of open.region.items) {
      const { token } = parts[0]!.meta() as { readonly token?: Buffer | null };
      if (n === 0xffffffff || !token) continue;
      const tokens = shut.columns.get(name)!;
      for (const [row, value] of open.columns.get(name)!.entries()) {
        expect(tokens[row], `${name} ${row}`).toBe(value === null ? null : tokenOf(token, value));
        seen += value === null ? 0 : 1;
      }
    }
    expect(seen).toBe(13);
  });

  /** SPEC 6.2.4 */
  function tokenOf(tokenKey: Buffer, value: NonNullable<Value>): string {
    const number = typeof value === "object" ? value.number : value;
    const text = Buffer.from(typeof number === "string" ? `t${number}` : "n");
    const float = Buffer.alloc(typeof number === "number" ? 8 : 0);
    if (typeof number === "number") float.writeDoubleLE(number + 0);
    const mac = createHmac("sha256", tokenKey).update(text).update(float).digest();
    return mac.subarray(0, 16).toString("base64url");
  }
});

describe("the signature of signed.qvd", () => {
  it("is a detached JWS that jose verifies", async () => {
    const { signature, signed } = await regionOf("signed.qvd");
    const [header, payload, tag] = signature.split(".");
    expect(payload).toBe("");
    const certificate = new X509Certificate(fixture("fin.crt"));
    const jws = `${header}.${signed.toString("base64url")}.${tag}`;
    const { protectedHeader } = await compactVerify(jws, certificate.publicKey);
    expect(protectedHeader).toEqual({
      alg: "PS256",
      typ: "qvault-seal-signature",
      "x5t#S256": createHash("sha256").update(certificate.raw).digest("base64url"),
    });
  });
});
