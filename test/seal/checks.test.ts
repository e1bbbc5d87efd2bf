import {
  createCipheriv,
  createHash,
  createHmac,
  generateKeyPairSync,
  randomBytes,
  type X509Certificate,
} from "node:crypto";
import { describe, expect, it } from "vitest";
import { QErr } from "../../src/errors.ts";
import type { SignAlg } from "../../src/keys/keystore.ts";
import type { NewKeyType } from "../../src/keys/self-signed.ts";
import { MAX_SEALED_PART_BYTES } from "../../src/limits.ts";
import { unwrapKey, wrapKey } from "../../src/seal/aes-kw.ts";
import {
  CHUNK_BYTES,
  messageLength,
  newMessage,
  openChunk,
  openMessage,
  openMessageKey,
  plainLength,
  sealChunk,
  sealMessage,
  wipeMessageKey,
} from "../../src/seal/cobblestone.ts";
import { fileMac, sameMac, slotMac } from "../../src/seal/macs.ts";
import { checkSignature, signatureLength, signerOf, signManifest } from "../../src/seal/signature.ts";
import {
  DIGEST_BYTES,
  hashLeaves,
  LEAF_BYTES,
  leafCount,
  leafMacKey,
  macLeaves,
  treeRoot,
} from "../../src/seal/tree.ts";
import { person } from "./people.ts";

/** What a call says: its code, or what it gave. */
function said(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error instanceof QErr ? error.code : error;
  }
}

const bytes = (length: number) => new Uint8Array(randomBytes(length));
const flipped = (data: Uint8Array, at: number) => data.map((b, i) => (i === at ? b ^ 1 : b));
const KEY = bytes(32);
const hmac = (hash: string, key: Uint8Array, ...pieces: readonly (Uint8Array | string)[]) =>
  new Uint8Array(pieces.reduce((mac, piece) => mac.update(piece), createHmac(hash, key)).digest());

describe("comparing MACs", () => {
  it("takes equal ones alone: no prefix, no longer one, no changed byte", () => {
    const mac = bytes(32);
    expect(sameMac(mac, mac.slice())).toBe(true);
    for (let at = 0; at < 32; at++) expect(sameMac(mac, flipped(mac, at))).toBe(false);
    for (const length of [0, 16, 31]) expect(sameMac(mac, mac.slice(0, length))).toBe(false);
    expect(sameMac(mac, new Uint8Array([...mac, 0]))).toBe(false);
  });

  it("of slots and files are over all their parts, and not each other's", () => {
    const [a, b, c, d] = [bytes(3), bytes(4), bytes(5), bytes(6)] as const;
    expect(slotMac(KEY, a, b, c)).toEqual(hmac("sha256", KEY, "qvault seal/v1 slot\0", a, b, c));
    expect(fileMac(KEY, a, b, c, d)).toEqual(hmac("sha256", KEY, "qvault seal/v1 file\0", a, b, c, d));
  });
});

describe("AES-256-KW", () => {
  it("wraps 32 bytes under 32 bytes, and opens 40", () => {
    const wrapped = wrapKey(KEY, bytes(32));
    expect(wrapped.byteLength).toBe(40);
    for (const length of [0, 16, 24, 31, 33, 40]) {
      expect(said(() => wrapKey(bytes(length), KEY))).toBe("USAGE");
      expect(said(() => wrapKey(KEY, bytes(length)))).toBe("USAGE");
      expect(said(() => unwrapKey(bytes(length), wrapped))).toBe("USAGE");
    }
    for (const length of [0, 24, 32, 39, 41, 48])
      expect(said(() => unwrapKey(KEY, bytes(length)))).toBe("SEAL_DAMAGED");
    for (let at = 0; at < 40; at++) expect(said(() => unwrapKey(KEY, flipped(wrapped, at)))).toBe("SEAL_WRONG_KEY");
  });
});

describe("Cobblestone-256", () => {
  const context = bytes(9);

  it("knows the lengths that a message can have", () => {
    for (const plain of [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]) {
      const length = 56 + plain + 16 * (Math.floor(plain / CHUNK_BYTES) + 1);
      expect(messageLength(plain)).toBe(length);
      expect(plainLength(length)).toBe(plain);
    }
    const full = 56 + CHUNK_BYTES + 16;
    for (const length of [0, 55, 56, 71, full, full + 1, full + 15]) {
      expect(
        said(() => plainLength(length)),
        `${length}`,
      ).toBe("SEAL_TRUNCATED");
    }
  });

  it("opens with the key, in the place and with the header that it was sealed with", () => {
    const plain = bytes(100);
    const sealed = sealMessage(KEY, context, plain);
    expect(openMessage(KEY, context, sealed)).toEqual(plain);
    expect(said(() => openMessage(flipped(KEY, 0), context, sealed))).toBe("SEAL_WRONG_KEY");
    expect(said(() => openMessage(KEY, flipped(context, 0), sealed))).toBe("SEAL_WRONG_KEY");
    for (let at = 0; at < 56; at++)
      expect(said(() => openMessage(KEY, context, flipped(sealed, at)))).toBe("SEAL_WRONG_KEY");
    for (let at = 56; at < sealed.length; at++) {
      expect(said(() => openMessage(KEY, context, flipped(sealed, at)))).toBe("SEAL_DAMAGED");
    }
    for (const length of [0, 55, 57])
      expect(said(() => openMessageKey(KEY, context, bytes(length)))).toBe("SEAL_TRUNCATED");
    for (const length of [0, 31, 33]) expect(said(() => newMessage(bytes(length), context))).toBe("USAGE");
    for (const length of [0, 15]) {
      expect(said(() => openChunk(newMessage(KEY, context), 0, bytes(length), bytes(9), 0))).toBe("SEAL_TRUNCATED");
    }
  });

  it("derives key, nonce and commitment from salt and context, as one can with HKDF alone", () => {
    const salt = bytes(24);
    const info = Buffer.concat([Buffer.from("c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"), salt, context]);
    // HKDF-Expand (RFC 5869 section 2.3) by hand.
    const t1 = hmac("sha512", KEY, info, Uint8Array.of(1));
    const all = Buffer.concat([t1, hmac("sha512", KEY, t1, info, Uint8Array.of(2))]);
    const message = newMessage(KEY, context, salt);
    expect(message.key!.export()).toEqual(all.subarray(0, 32));
    expect(Buffer.from(message.baseNonce)).toEqual(all.subarray(32, 44));
    expect(Buffer.from(message.header)).toEqual(Buffer.concat([salt, all.subarray(44, 76)]));

    for (const chunk of [0, 1, 255, 256, 258, 2 ** 32 + 7, 2 ** 38 - 1]) {
      const nonce = Buffer.from(all.subarray(32, 44));
      const number = Buffer.alloc(8);
      number.writeBigUInt64BE(BigInt(chunk));
      number.forEach((b, i) => {
        nonce[4 + i]! ^= b;
      });
      const cipher = createCipheriv("aes-256-gcm", all.subarray(0, 32), nonce);
      const expected = Buffer.concat([cipher.update("hello"), cipher.final(), cipher.getAuthTag()]);
      const target = new Uint8Array(21 + 2);
      expect(sealChunk(message, chunk, new TextEncoder().encode("hello"), target, 2)).toBe(21);
      expect(Buffer.from(target.subarray(2))).toEqual(expected);
      const opened = new Uint8Array(7);
      expect(openChunk(message, chunk, expected, opened, 1)).toBe(5);
      expect(Buffer.from(opened).toString()).toBe("\0hello\0");
    }
    for (const chunk of [-1, 2 ** 38, 2 ** 40]) {
      expect(said(() => sealChunk(message, chunk, bytes(1), bytes(20), 0))).toBe("LIMIT_EXCEEDED");
    }
  });

  it("copies the header it was given, writes nothing of what does not open, and wipes its keys", () => {
    const sealed = sealMessage(KEY, context, bytes(40));
    const header = sealed.slice(0, 56);
    const message = openMessageKey(KEY, context, header);
    header.fill(0);
    expect(message.header).toEqual(sealed.slice(0, 56));
    const target = new Uint8Array(40);
    expect(said(() => openChunk(message, 0, flipped(sealed.slice(56), 3), target, 0))).toBe("SEAL_DAMAGED");
    expect(target).toEqual(new Uint8Array(40));
    wipeMessageKey(message);
    expect(message.key).toBe(undefined);
    expect([...message.baseNonce].every((b) => b === 0)).toBe(true);
    expect(said(() => openChunk(message, 0, sealed.slice(56), target, 0))).toBe("USAGE");
  });

  it("holds the length of a part to its limit", () => {
    const of = (byteLength: number) => ({ byteLength, subarray: () => new Uint8Array(0) }) as unknown as Uint8Array;
    expect(said(() => sealMessage(KEY, context, of(MAX_SEALED_PART_BYTES + 1)))).toBe("LIMIT_EXCEEDED");
    // One less is refused by the allocation, not by the limit.
    expect(said(() => sealMessage(KEY, context, of(MAX_SEALED_PART_BYTES)))).toBeInstanceOf(RangeError);
  });
});

describe("leaves of a part", () => {
  it("are counted and hashed as RFC 6962 has it", () => {
    expect([0, 1, LEAF_BYTES, LEAF_BYTES + 1, 2 * LEAF_BYTES].map(leafCount)).toEqual([1, 1, 1, 2, 2]);
    const digest = hashLeaves();
    digest.push(new Uint8Array(0));
    // The hash of an empty leaf, from RFC 6962 implementations' test vectors: SHA-256(00).
    expect(Buffer.from(digest.end()).toString("hex")).toBe(
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    );
    const leaf = bytes(DIGEST_BYTES);
    const root = treeRoot(leaf);
    expect(root).toEqual(leaf);
    root.fill(0);
    expect(leaf.some((b) => b !== 0)).toBe(true);
  });

  it("are each MACed with their number and the part's, over every byte, however they are cut", () => {
    const part = bytes(LEAF_BYTES + 5);
    const gmac = (number: number, leaf: number, data: Uint8Array) => {
      const nonce = Buffer.alloc(12);
      nonce.writeUInt32BE(number);
      nonce.writeBigUInt64BE(BigInt(leaf), 4);
      const cipher = createCipheriv("aes-256-gcm", KEY, nonce);
      cipher.setAAD(data);
      cipher.final();
      return cipher.getAuthTag();
    };
    const expected = Buffer.concat([gmac(7, 0, part.subarray(0, LEAF_BYTES)), gmac(7, 1, part.subarray(LEAF_BYTES))]);
    for (const cut of [part.length, 1000, LEAF_BYTES]) {
      const macs = macLeaves(KEY, 7);
      for (let at = 0; at < part.length; at += cut) macs.push(part.subarray(at, at + cut));
      expect(Buffer.from(macs.end())).toEqual(expected);
    }
    const id = bytes(16);
    // HKDF-Expand with one block.
    expect(leafMacKey(KEY, id)).toEqual(
      hmac("sha512", KEY, "qvault seal/v1 leaf mac\0", id, Uint8Array.of(1)).slice(0, 32),
    );
  });
});

describe("a writer's signature", () => {
  it("is not taken from a certificate of another kind of key, though it is trusted", () => {
    const { publicKey } = generateKeyPairSync("ed25519");
    const id = new Uint8Array(32).fill(0xab);
    const certificate = { publicKey, fingerprint256: new Array(32).fill("AB").join(":") } as unknown as X509Certificate;
    expect(() => checkSignature({ trusted: [certificate] }, id, "a..b", id, id)).toThrow(
      expect.objectContaining({ code: "SEAL_UNSIGNED", message: expect.stringContaining("another kind") }),
    );
  });

  const [prefix, manifest] = [bytes(10), bytes(20)];
  const types: readonly NewKeyType[] = ["rsa-2048", "p256", "p384", "p521"];
  const people = types.map((type) => person(type, type));
  const stranger = person("stranger");

  it.each(people.map((p, i) => [types[i]!, p] as const))(
    "of %s fits what was signed and nothing else",
    async (_, signer) => {
      const id = signerOf(signer.handle);
      const signature = await signManifest(signer.handle, prefix, manifest);
      expect(signature.length).toBe(signatureLength(signer.handle));
      const policy = { trusted: [stranger.certificate, signer.certificate] };
      const check = (text: string, more: { p?: Uint8Array; m?: Uint8Array; id?: Uint8Array | undefined } = {}) =>
        said(() => checkSignature(policy, "id" in more ? more.id : id, text, more.p ?? prefix, more.m ?? manifest));
      expect(check(signature)).toBeUndefined();
      expect(check(signature, { p: flipped(prefix, 3) })).toBe("SEAL_BAD_SIGNATURE");
      expect(check(signature, { m: flipped(manifest, 3) })).toBe("SEAL_BAD_SIGNATURE");
      expect(check("")).toBe("SEAL_UNSIGNED");
      expect(check(signature, { id: undefined })).toBe("SEAL_UNSIGNED");
      expect(check(signature, { id: signerOf(people.find((p) => p !== signer)!.handle) })).toBe("SEAL_UNSIGNED");
      expect(check(signature, { id: signerOf(stranger.handle) })).toBe("SEAL_BAD_SIGNATURE");
      const [header, , value] = signature.split(".");
      const wrong = Buffer.from(value!, "base64url");
      wrong[5]! ^= 1;
      for (const text of [
        `${header}..${wrong.toString("base64url")}`,
        `${header}.e30.${value}`,
        `${header}..`,
        `${header}.`,
        `${header}`,
        `..${value}`,
        `${Buffer.from('{"alg":"none"}').toString("base64url")}..${value}`,
      ]) {
        expect(check(text), text).toBe("SEAL_BAD_SIGNATURE");
      }
      const { alg, ...more } = JSON.parse(Buffer.from(header!, "base64url").toString()) as { readonly alg: SignAlg };
      expect(more).toEqual({ typ: "qvault-seal-signature", "x5t#S256": Buffer.from(id).toString("base64url") });
      // A header of another algorithm over which the trusted key did sign: the key decides, not the file.
      const other = Buffer.from(JSON.stringify({ alg: "HS256", ...more })).toString("base64url");
      const name = Buffer.from("qvault seal/v1 signature\0");
      const payload = createHash("sha256").update(name).update(prefix).update(manifest).digest("base64url");
      const signed = async (head: string) => {
        const made = await signer.handle.sign(alg, new TextEncoder().encode(`${head}.${payload}`));
        return `${head}..${Buffer.from(made).toString("base64url")}`;
      };
      expect(check(await signed(header!))).toBeUndefined();
      expect(check(await signed(other))).toBe("SEAL_BAD_SIGNATURE");
      // What to do next is said as well.
      expect(() => checkSignature(policy, id, "", prefix, manifest)).toThrow(
        expect.objectContaining({ hint: expect.stringContaining("do not use this one before") }),
      );
      expect(() => checkSignature(policy, id, signature, manifest, prefix)).toThrow(
        expect.objectContaining({ hint: expect.stringContaining("changed after it was signed") }),
      );
    },
  );

  it("needs a certificate", () => {
    const { handle } = stranger;
    const bare = { ...handle, info: { ...handle.info, x5tS256: undefined } };
    expect(said(() => signerOf(bare as unknown as typeof handle))).toBe("SEAL_CERTIFICATE");
  });
});
