/**
 * A second reader of sealed QVDs, written from SPEC 6 alone: no line of src is used, nor msgpackr, nor its JWE
 * code (jose opens the slots). It is short and reads whole files; what it is for is to disagree.
 */
import { createDecipheriv, createHash, createHmac, type KeyObject } from "node:crypto";
import { generalDecrypt } from "jose";

export type Value = null | number | string | { readonly number: number; readonly text: string };

export interface Independent {
  readonly names: readonly string[];
  /** By field name: values in row order; undefined if no given key opens the field. */
  readonly columns: ReadonlyMap<string, readonly Value[]>;
  readonly originalHeader: Buffer | undefined;
}

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

function symbolsOf(bytes: Buffer): Value[] {
  const values: Value[] = [];
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    const type = bytes[at]!;
    let number: number | undefined;
    at += 1;
    if (type === 1 || type === 5) number = bytes.readInt32LE((at += 4) - 4);
    if (type === 2 || type === 6) number = bytes.readDoubleLE((at += 8) - 8);
    if (type < 4) {
      values.push(number!);
      continue;
    }
    const end = bytes.indexOf(0, at);
    const text = bytes.subarray(at, end).toString("utf8");
    at = end + 1;
    values.push(number === undefined ? text : { number, text });
  }
  return values;
}

const tag = (xml: string, name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? "";

export async function readIndependently(file: Buffer, keys: readonly KeyObject[]): Promise<Independent> {
  const base = file.indexOf(0) + 1;
  const header = file.subarray(0, base).toString("utf8");
  const fieldXml = header.match(/<QvdFieldHeader>[\s\S]*?<\/QvdFieldHeader>/g) ?? [];
  const rest = header.replace(/<Fields>[\s\S]*<\/Fields>/, "");
  const names = fieldXml.map((xml) => tag(xml, "FieldName"));
  const fields = fieldXml.map((xml) =>
    Object.fromEntries(
      ["BitOffset", "BitWidth", "Bias", "NoOfSymbols", "Offset", "Length"].map((n) => [n, Number(tag(xml, n))]),
    ),
  );
  const symbolsEnd = Math.max(0, ...fields.filter((f) => f.Length! > 0).map((f) => f.Offset! + f.Length!));
  const region = file.subarray(base + symbolsEnd, base + Number(tag(rest, "Offset")));
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
  const manifest = unpack(manifestBytes) as {
    id: Buffer;
    mode: string;
    slots: string[];
    items: { n: number; name: string; slot: number; parts: [number, number, number][] }[];
    plain: [string, string, number, number, Buffer, Buffer][];
  };
  for (const [name, , offset, length, , leaves] of manifest.plain) {
    for (let i = 0; i * 32 < leaves.length; i++) {
      const leaf = file.subarray(offset + i * 2 ** 20, Math.min(offset + length, offset + (i + 1) * 2 ** 20));
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
    const mac = createHmac("sha256", expand(slotKey, named("qvault seal/v1 mac\0"), 64))
      .update("qvault seal/v1 slot\0")
      .update(prefix)
      .update(manifestBytes)
      .update(entryBytes)
      .digest();
    if (!mac.equals(proofs.subarray(slot * 32, slot * 32 + 32))) throw new Error("slot mac");
    const common = aesKw(kw, entry.common);
    const fileMac = createHmac("sha256", expand(common, named("qvault seal/v1 file mac\0"), 64))
      .update("qvault seal/v1 file\0")
      .update(prefix)
      .update(manifestBytes)
      .update(keyArea)
      .update(proofs.subarray(0, -32))
      .digest();
    if (!fileMac.equals(proofs.subarray(-32))) throw new Error("file mac");
    for (const [item, wrapped] of entry.deks) deks.set(item, aesKw(kw, wrapped));
  }
  // SPEC 6.4, 6.6
  const columns = new Map<string, readonly Value[]>();
  let originalHeader: Buffer | undefined;
  for (const [i, item] of manifest.items.entries()) {
    const dek = deks.get(i);
    if (dek === undefined) continue;
    const parts = item.parts.map(([kind, offset, length]) => {
      const fixed = Buffer.alloc(11);
      const name = Buffer.from(item.name);
      fixed.writeUInt16LE(item.slot, 0);
      fixed.writeUInt32LE(item.n, 2);
      fixed[6] = kind;
      fixed.writeUInt32LE(name.length, 7);
      return cobblestone(
        dek,
        Buffer.concat([named("qvault seal/v1 part\0"), fixed, name]),
        region.subarray(headEnd + offset, headEnd + offset + length),
      );
    });
    if (item.n === 0xffffffff) {
      originalHeader = parts[0]!.subarray(0, parts[0]!.indexOf(0) + 1);
      continue;
    }
    const meta = unpack(parts[0]!) as { rows: number; bytes: number; width: number; field: string };
    const symbols = symbolsOf(parts[1]!.subarray(0, meta.bytes));
    const bias = Number(tag(meta.field, "Bias"));
    columns.set(
      item.name,
      Array.from({ length: meta.rows }, (_, row) => {
        const index = (meta.width === 0 ? 0 : parts[2]!.readUIntLE(row * meta.width, meta.width)) + bias;
        return index < 0 ? null : symbols[index]!;
      }),
    );
  }
  if (manifest.mode === "open") plainColumns(file, base, rest, names, fields, columns);
  return { names, columns, originalHeader };
}

function plainColumns(
  file: Buffer,
  base: number,
  rest: string,
  names: readonly string[],
  fields: readonly { [name: string]: number }[],
  columns: Map<string, readonly Value[]>,
): void {
  const size = Number(tag(rest, "RecordByteSize"));
  const rows = Number(tag(rest, "NoOfRecords"));
  const start = base + Number(tag(rest, "Offset"));
  for (const [i, name] of names.entries()) {
    if (columns.has(name)) continue;
    const f = fields[i]!;
    const symbols = symbolsOf(file.subarray(base + f.Offset!, base + f.Offset! + f.Length!));
    columns.set(
      name,
      Array.from({ length: rows }, (_, row) => {
        const record = BigInt(
          `0x${Buffer.from(file.subarray(start + row * size, start + (row + 1) * size))
            .reverse()
            .toString("hex")}`,
        );
        const index = Number((record >> BigInt(f.BitOffset!)) & ((1n << BigInt(f.BitWidth!)) - 1n)) + f.Bias!;
        return index < 0 ? null : symbols[index]!;
      }),
    );
  }
}
