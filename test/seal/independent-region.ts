/**
 * The seal region as SPEC 6.3 to 6.8 say, for the readers of QVDs and apps: no line of src is used, nor msgpackr, nor its
 * JWE code (jose opens the slots).
 */
import { createCipheriv, createDecipheriv, createHash, createHmac, type KeyObject } from "node:crypto";
import { generalDecrypt } from "jose";

type Pack = null | boolean | number | string | Buffer | Pack[] | { [key: string]: Pack };

function unpack(bytes: Buffer): Pack {
  let at = 0;
  const take = (n: number) => bytes.subarray(at, (at += n));
  const uint = (n: number) => take(n).readUIntBE(0, n);
  const many = (n: number) => Array.from({ length: n }, () => one());
  const map = (n: number) => Object.fromEntries(Array.from({ length: n }, () => [String(one()), one()]));
  function one(): Pack {
    const t = uint(1);
    if (t < 0x80) return t;
    if (t < 0x90) return map(t & 15);
    if (t < 0xa0) return many(t & 15);
    if (t < 0xc0) return take(t & 31).toString("utf8");
    if (t === 0xc0) return null;
    if (t === 0xc2 || t === 0xc3) return t === 0xc3;
    if (t >= 0xc4 && t <= 0xc6) return take(uint(1 << (t - 0xc4)));
    if (t === 0xcb) return take(8).readDoubleBE();
    if (t >= 0xcc && t <= 0xce) return uint(1 << (t - 0xcc));
    if (t >= 0xd9 && t <= 0xdb) return take(uint(1 << (t - 0xd9))).toString("utf8");
    if (t === 0xdc || t === 0xdd) return many(uint(t === 0xdc ? 2 : 4));
    if (t === 0xde || t === 0xdf) return map(uint(t === 0xde ? 2 : 4));
    throw new Error(`messagepack type ${t}`);
  }
  return one();
}

function expand(key: Buffer, info: Buffer, length: number): Buffer {
  let last: Buffer = Buffer.alloc(0);
  let out: Buffer = Buffer.alloc(0);
  for (let i = 1; out.length < length; i++) {
    last = createHmac("sha512", key)
      .update(last)
      .update(info)
      .update(Buffer.from([i]))
      .digest();
    out = Buffer.concat([out, last]);
  }
  return out.subarray(0, length);
}

function aesKw(kek: Buffer, wrapped: Buffer): Buffer {
  const d = createDecipheriv("id-aes256-wrap", kek, Buffer.alloc(8, 0xa6));
  return Buffer.concat([d.update(wrapped), d.final()]);
}

function cobblestone(dek: Buffer, context: Buffer, message: Buffer): Buffer {
  const salt = message.subarray(0, 24);
  const all = expand(
    dek,
    Buffer.concat([Buffer.from("c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"), salt, context]),
    76,
  );
  if (!all.subarray(44).equals(message.subarray(24, 56))) throw new Error("commitment");
  const pieces: Buffer[] = [];
  for (let n = 0, at = 56; ; n++, at += 16400) {
    const chunk = message.subarray(at, at + 16400);
    const nonce = Buffer.from(all.subarray(32, 44));
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ n) >>> 0, 8);
    const d = createDecipheriv("aes-256-gcm", all.subarray(0, 32), nonce, { authTagLength: 16 });
    d.setAuthTag(chunk.subarray(-16));
    pieces.push(Buffer.concat([d.update(chunk.subarray(0, -16)), d.final()]));
    if (chunk.length < 16400) return Buffer.concat(pieces);
  }
}

/** `[name, role, offset, length, root, leaf hashes]` */
export type PlainPart = readonly [string, string, number, number, Buffer, Buffer];

export interface OpenPart {
  readonly kind: number;
  readonly bytes: Buffer;
  /** Of kind 0: what it says. */
  readonly meta: () => unknown;
}

/** Every value on the way to the data, in hexadecimal: what fixtures/sealed/vectors.json has of each file. */
export interface Trace {
  readonly fileId: string;
  readonly slots: readonly { readonly [name: string]: string }[];
  readonly common: { readonly [name: string]: string };
  readonly items: readonly {
    readonly n: number;
    readonly name: string;
    readonly dataKey: string;
    readonly parts: readonly { readonly kind: number; readonly context: string; readonly sha256: string }[];
  }[];
  readonly signed: string;
}

/** A region whose head was authenticated by every slot that a key opens, if one does. */
export interface OpenRegion {
  readonly mode: string;
  readonly plain: readonly PlainPart[];
  /** Detached JWS, or empty, and the bytes that it is over (SPEC 6.8.3). */
  readonly signature: string;
  readonly signed: Buffer;
  readonly trace: Trace;
  /** What the keys open. */
  readonly items: readonly { readonly n: number; readonly name: string; readonly parts: readonly OpenPart[] }[];
}

/** Checks every plain part by its leaves, the head by every slot that opens, and opens what these slots have. */
export async function openRegion(
  file: Buffer,
  offset: number,
  length: number,
  keys: readonly KeyObject[],
): Promise<OpenRegion> {
  const region = file.subarray(offset, offset + length);
  // SPEC 6.5
  if (region.toString("latin1", 0, 8) !== "QSEAL1\r\n" || region.readUInt32LE(8) !== 1 || region.readUInt32LE(12) !== 1)
    throw new Error("no region");
  if (Number(region.readBigUInt64LE(16)) !== region.length || region.readUInt32LE(36) !== 0)
    throw new Error("region length");
  const [m, k, p] = [24, 28, 32].map((at) => region.readUInt32LE(at)) as [number, number, number];
  const headEnd = 40 + m + k + p + 32;
  if (
    !createHash("sha256")
      .update(region.subarray(0, headEnd - 32))
      .digest()
      .equals(region.subarray(headEnd - 32, headEnd))
  )
    throw new Error("head digest");
  const [prefix, manifestBytes, keyArea, proofs] = [
    region.subarray(0, 40),
    region.subarray(40, 40 + m),
    region.subarray(40 + m, 40 + m + k),
    region.subarray(40 + m + k, headEnd - 32),
  ];
  const manifest = unpack(manifestBytes) as unknown as {
    id: Buffer;
    mode: string;
    slots: string[];
    items: { n: number; name: string; slot: number; parts: [number, number, number, Buffer, Buffer | null][] }[];
    plain: PlainPart[];
  };
  for (const [name, , start, size, , leaves] of manifest.plain) {
    for (let i = 0; i * 32 < leaves.length; i++) {
      const leaf = file.subarray(start + i * 2 ** 20, Math.min(start + size, start + (i + 1) * 2 ** 20));
      if (
        !createHash("sha256")
          .update(Buffer.from([0]))
          .update(leaf)
          .digest()
          .equals(leaves.subarray(i * 32, i * 32 + 32))
      )
        throw new Error(`leaf of ${name}`);
    }
  }
  // SPEC 6.7, 6.8
  const entries = unpack(keyArea.subarray(4, 4 + keyArea.readUInt32LE(0))) as Buffer[];
  const named = (text: string) => Buffer.concat([Buffer.from(text), manifest.id]);
  const deks = new Map<number, Buffer>();
  const slots: Trace["slots"][number][] = [];
  let shared: Trace["common"] = {};
  for (const [slot, entryBytes] of entries.entries()) {
    const entry = unpack(entryBytes) as { jwe: string; common: Buffer; deks: [number, Buffer][] };
    let slotKey: Buffer | undefined;
    for (const key of keys)
      slotKey ??= await generalDecrypt(JSON.parse(entry.jwe), key).then(
        (r) => Buffer.from(r.plaintext),
        () => undefined,
      );
    if (slotKey === undefined) continue;
    const kw = expand(slotKey, named("qvault seal/v1 kw\0"), 32);
    const macKey = expand(slotKey, named("qvault seal/v1 mac\0"), 64);
    const mac = createHmac("sha256", macKey)
      .update("qvault seal/v1 slot\0")
      .update(prefix)
      .update(manifestBytes)
      .update(entryBytes)
      .digest();
    if (!mac.equals(proofs.subarray(slot * 32, slot * 32 + 32))) throw new Error("slot mac");
    slots.push(hexOf({ slotKey, wrapKey: kw, macKey, mac }, { name: manifest.slots[slot]! }));
    const common = aesKw(kw, entry.common);
    const fileMacKey = expand(common, named("qvault seal/v1 file mac\0"), 64);
    const leafMacKey = expand(common, named("qvault seal/v1 leaf mac\0"), 32);
    const fileMac = createHmac("sha256", fileMacKey)
      .update("qvault seal/v1 file\0")
      .update(prefix)
      .update(manifestBytes)
      .update(keyArea)
      .update(proofs.subarray(0, -32))
      .digest();
    if (!fileMac.equals(proofs.subarray(-32))) throw new Error("file mac");
    shared = hexOf({ commonKey: common, fileMacKey, leafMacKey, fileMac });
    for (const [item, wrapped] of entry.deks) deks.set(item, aesKw(kw, wrapped));
    const parts = manifest.items.flatMap((item) => item.parts);
    checkLeafMacs(region.subarray(headEnd), parts, leafMacKey);
  }
  // SPEC 6.4, 6.6
  const traced: Trace["items"][number][] = [];
  const items = manifest.items.flatMap((item, i) => {
    const dek = deks.get(i);
    if (dek === undefined) return [];
    const contexts: Trace["items"][number]["parts"][number][] = [];
    const parts = item.parts.map(([kind, at, size]): OpenPart => {
      const fixed = Buffer.alloc(11);
      const name = Buffer.from(item.name);
      fixed.writeUInt16LE(item.slot, 0);
      fixed.writeUInt32LE(item.n, 2);
      fixed[6] = kind;
      fixed.writeUInt32LE(name.length, 7);
      const context = Buffer.concat([named("qvault seal/v1 part\0"), fixed, name]);
      const bytes = cobblestone(dek, context, region.subarray(headEnd + at, headEnd + at + size));
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      contexts.push({ kind, context: context.toString("hex"), sha256 });
      return { kind, bytes, meta: () => unpack(bytes) };
    });
    traced.push({ n: item.n, name: item.name, dataKey: dek.toString("hex"), parts: contexts });
    return [{ n: item.n, name: item.name, parts }];
  });
  const signature = proofs.toString("latin1", 32 * entries.length + 2, proofs.length - 32);
  const signed = createHash("sha256")
    .update("qvault seal/v1 signature\0")
    .update(prefix)
    .update(manifestBytes)
    .digest();
  const trace: Trace = {
    fileId: manifest.id.toString("hex"),
    slots,
    common: shared,
    items: traced,
    signed: signed.toString("hex"),
  };
  return { mode: manifest.mode, plain: manifest.plain, signature, signed, trace, items };
}

function hexOf(
  values: { readonly [name: string]: Buffer },
  more: { readonly [name: string]: string } = {},
): { readonly [name: string]: string } {
  return {
    ...more,
    ...Object.fromEntries(Object.entries(values).map(([name, bytes]) => [name, bytes.toString("hex")])),
  };
}

/** SPEC 6.6.4 */
function checkLeafMacs(
  body: Buffer,
  parts: readonly (readonly [number, number, number, Buffer, Buffer | null])[],
  key: Buffer,
): void {
  for (const [number, [, offset, length, macs]] of parts.entries()) {
    const leaves = Math.max(1, Math.ceil(length / 2 ** 20));
    if (macs.length !== 16 * leaves) throw new Error("leaf macs");
    for (let leaf = 0; leaf < leaves; leaf++) {
      const nonce = Buffer.alloc(12);
      nonce.writeUInt32BE(number, 0);
      nonce.writeBigUInt64BE(BigInt(leaf), 4);
      const gmac = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
      const from = offset + leaf * 2 ** 20;
      gmac.setAAD(body.subarray(from, Math.min(offset + length, from + 2 ** 20)));
      gmac.final();
      if (!gmac.getAuthTag().equals(macs.subarray(16 * leaf, 16 * leaf + 16))) throw new Error("leaf mac");
    }
  }
}
