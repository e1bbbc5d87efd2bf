/**
 * A second reader of apps, sealed or not, written from SPEC 4 and 6 alone: no line of src is used. It reads whole files;
 * what it is for is to disagree.
 */
import { createHash, type KeyObject } from "node:crypto";
import { inflateSync } from "node:zlib";
import type { Value } from "./independent-reader.ts";
import { type OpenRegion, openRegion } from "./independent-region.ts";

export interface IndependentTable {
  readonly name: string;
  /** By field name: values in row order. */
  readonly columns: ReadonlyMap<string, readonly Value[]>;
}

export interface IndependentApp {
  /** Every stream by its path, those of the seal in their places. */
  readonly streams: ReadonlyMap<string, Buffer>;
  /** Paths that came from the seal. */
  readonly opened: ReadonlySet<string>;
  readonly tables: readonly IndependentTable[];
  readonly region: OpenRegion | undefined;
}

/** SPEC 4.1 */
function streamsOf(file: Buffer): Map<string, { readonly bytes: Buffer; readonly offset: number }> {
  const u64 = (at: number) => Number(file.readBigUInt64LE(at));
  if (file.readUInt32LE(0) !== 0x0001ffff || file.readUInt32LE(4) !== 1729) throw new Error("no app");
  const content = (inode: number) => {
    const size = u64(inode);
    const extents: Buffer[] = [];
    let offset = -1;
    const table = (start: number, length: number) => {
      for (let at = start; at < start + length; at += 16) {
        const bytes = file.readBigUInt64LE(at + 8);
        if (bytes === 0n) return;
        if (bytes >> 63n) table(u64(at), Number(BigInt.asUintN(63, bytes)));
        else {
          if (offset < 0) offset = u64(at);
          extents.push(file.subarray(u64(at), u64(at) + Number(bytes)));
        }
      }
    };
    table(inode + 32, 16);
    return { bytes: Buffer.concat(extents).subarray(0, size), offset };
  };
  const found = new Map<string, { readonly bytes: Buffer; readonly offset: number }>();
  const walk = (inode: number, path: string) => {
    const { bytes } = content(inode);
    for (let at = 0; at + 64 <= bytes.length; at += 64) {
      const flags = bytes.readUInt32LE(at);
      if ((flags & 3) !== 3) continue;
      const more = bytes.readUInt32LE(at + 4);
      const rest = Array.from({ length: more }, (_, k) => bytes.subarray(at + 64 * (k + 1) + 4, at + 64 * (k + 2)));
      const body = Buffer.concat([bytes.subarray(at + 32, at + 64), ...rest]);
      const name = path + body.toString("utf8", 4, 4 + body.readUInt32LE(0));
      const own = Number(bytes.readBigUInt64LE(at + 16));
      if (flags & 4) walk(own, `${name}/`);
      else found.set(name, content(own));
      at += 64 * more;
    }
  };
  walk(u64(0x40), "");
  return found;
}

/** SPEC 4.2: a framed stream without the stale bytes behind its end; another one whole. */
export function withoutStale(stream: Buffer): Buffer {
  const json = stream.length > 12 ? stream.readUInt32LE(0) : 0;
  if (json < 2 || json > 64 || stream[4] !== 0x7b || stream[3 + json] !== 0) return stream;
  return stream.subarray(0, 12 + json + stream.readUInt32LE(8 + json));
}

/** SPEC 4.3: numbers and texts one after the other. */
function reader(bytes: Buffer) {
  let at = 0;
  const take = (n: number) => bytes.subarray(at, (at += n));
  const u8 = () => take(1)[0]!;
  const u32 = () => take(4).readUInt32LE();
  const text = () => {
    let length = u8();
    if (length === 0xff) length = take(2).readUInt16LE();
    if (length === 0xffff) length = u32();
    return take(length).toString("utf8");
  };
  const cell = () => take(u8Or32()).toString("utf8");
  const u8Or32 = () => {
    const length = u8();
    return length === 0xff ? u32() : length;
  };
  return { take, u8, u32, i32: () => take(4).readInt32LE(), f64: () => take(8).readDoubleLE(), text, cell };
}

function symbolsOf(stream: Buffer): Value[] {
  const r = reader(stream);
  for (let k = 0; k < 2; k++) {
    r.take(12);
    for (let t = 0; t < 3; t++) r.text();
    r.take(4);
  }
  const kind = r.u32();
  const base = r.i32();
  const raw = r.u32();
  if (kind === 6) {
    if (raw !== 0) throw new Error("decimals");
    return Array.from({ length: r.u32() }, () => r.i32() / 10 ** base);
  }
  r.u32();
  const pieces: Buffer[] = [];
  for (let left = raw; left > 0; left -= pieces.at(-1)!.length) pieces.push(inflateSync(r.take(r.u32())));
  const blob = reader(Buffer.concat(pieces));
  if (kind === 7) return Array.from({ length: blob.u32() }, (_, i) => base + i);
  if (raw === 4) return [];
  blob.u32();
  return Array.from({ length: blob.u32() }, () => {
    const type = blob.u8();
    if (type === 1) return blob.i32();
    if (type === 2) return blob.f64();
    const text = blob.cell();
    return type === 4 ? text : { text, number: type === 5 ? blob.i32() : blob.f64() };
  });
}

interface StoredColumn {
  readonly field: number;
  readonly bias: number;
  /** Index of each row, before the bias. */
  readonly indexes: readonly number[];
}

function storedTable(stream: Buffer) {
  const r = reader(stream);
  const name = r.text();
  r.text();
  r.take(8);
  const count = r.u32();
  const rows = r.u32();
  r.take(12);
  const heads = Array.from({ length: count }, () => {
    r.take(4);
    const field = r.i32();
    const bias = r.i32();
    r.take(8);
    const width = r.u32();
    r.take(3);
    return { field, bias, width };
  });
  if (rows > 0 && r.i32() !== -987) throw new Error("rows");
  const columns = heads.map(({ field, bias, width }): StoredColumn => {
    if (rows === 0 || width === 0) return { field, bias, indexes: new Array<number>(rows).fill(0) };
    r.u32();
    const vector = inflateSync(r.take(r.u32()));
    const bit = (at: number) => (vector[at >>> 3]! >>> (at & 7)) & 1;
    const indexes = Array.from({ length: rows }, (_, row) => {
      let index = 0;
      for (let k = 0; k < width; k++) index += bit(row * width + k) * 2 ** k;
      return index;
    });
    return { field, bias, indexes };
  });
  return { name, columns };
}

export async function readAppIndependently(file: Buffer, keys: readonly KeyObject[]): Promise<IndependentApp> {
  const found = streamsOf(file);
  const seal = found.get("qvault_seal");
  found.delete("qvault_seal");
  const streams = new Map([...found].map(([path, { bytes }]) => [path, bytes]));
  const opened = new Set<string>();
  const sealedColumns = new Map<string, StoredColumn>();
  let region: OpenRegion | undefined;
  if (seal !== undefined) {
    region = await openRegion(file, seal.offset, seal.bytes.length, keys);
    coversAll(file, region.plain, seal);
    for (const { n, name, parts } of region.items) {
      const meta = parts[0]!.meta() as {
        readonly bytes: number;
        readonly columns?: readonly (readonly [number, number, number, number, number, number])[];
      };
      const path = n >= 0x80000000 ? name : `data/field_${n}`;
      opened.add(path);
      streams.set(path, parts[1]!.bytes.subarray(0, meta.bytes));
      for (const [k, [table, column, rows, width, , bias]] of (meta.columns ?? []).entries()) {
        const packed = parts[2 + k]!.bytes;
        const indexes = Array.from({ length: rows }, (_, row) =>
          width === 0 ? 0 : packed.readUIntLE(row * width, width),
        );
        sealedColumns.set(`${table} ${column}`, { field: n, bias: bias - 2, indexes });
      }
    }
  }
  const model = reader(streams.get("qvapp_data")!);
  model.text();
  model.u32();
  const names = Array.from({ length: model.u32() }, () => model.text());
  const symbols = names.map((_, k) => symbolsOf(streams.get(`data/field_${k}`)!));
  const tables = Array.from({ length: model.u32() }, (_, t) => {
    const { name, columns } = storedTable(streams.get(`data/table_${t}`)!);
    return {
      name,
      columns: new Map(
        columns.map((plain, c) => {
          const { field, bias, indexes } = sealedColumns.get(`${t} ${c}`) ?? plain;
          const values = indexes.map((index) => (index + bias < 0 ? null : symbols[field]![index + bias]!));
          return [names[field]!, values];
        }),
      ),
    };
  });
  return { streams, opened, tables, region };
}

/** SPEC 6.13.2: with the region, the plain parts fill the file, and each is what the manifest says. */
function coversAll(
  file: Buffer,
  plain: readonly (readonly [string, string, number, number, Buffer, Buffer])[],
  seal: { readonly offset: number; readonly bytes: Buffer },
): void {
  const ranges = [...plain.map(([, , offset, length]) => [offset, length]), [seal.offset, seal.bytes.length]];
  let end = 0;
  for (const [offset, length] of ranges.sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]!)) {
    if (offset !== end) throw new Error(`a hole at ${end}`);
    end += length!;
  }
  if (end !== file.length) throw new Error("bytes after the last part");
  for (const [name, role, , , root, leaves] of plain) {
    if (role !== "member" && role !== "header") throw new Error(`role of ${name}`);
    if (!merkle(leaves).equals(root)) throw new Error(`root of ${name}`);
  }
}

/** RFC 6962 section 2.1, over hashes of leaves. */
function merkle(leaves: Buffer): Buffer {
  const count = leaves.length / 32;
  if (count === 1) return leaves;
  const split = 2 ** Math.ceil(Math.log2(count) - 1);
  const left = merkle(leaves.subarray(0, 32 * split));
  const right = merkle(leaves.subarray(32 * split));
  return createHash("sha256")
    .update(Buffer.from([1]))
    .update(left)
    .update(right)
    .digest();
}
