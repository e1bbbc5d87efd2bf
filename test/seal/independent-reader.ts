/**
 * A second reader of sealed QVDs, written from SPEC 6 alone: no line of src is used. It is short and reads whole files; what it is for is to disagree.
 */
import type { KeyObject } from "node:crypto";
import { type OpenRegion, openRegion } from "./independent-region.ts";

export type Value = null | number | string | { readonly number: number; readonly text: string };

export interface Independent {
  readonly names: readonly string[];
  /** By field name: values in row order; undefined if no given key opens the field. */
  readonly columns: ReadonlyMap<string, readonly Value[]>;
  readonly originalHeader: Buffer | undefined;
  readonly region: OpenRegion;
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
  const length = Number(tag(rest, "Offset")) - symbolsEnd;
  const region = await openRegion(file, base + symbolsEnd, length, keys);
  const columns = new Map<string, readonly Value[]>();
  let originalHeader: Buffer | undefined;
  for (const { n, name, parts } of region.items) {
    if (n === 0xffffffff) {
      originalHeader = parts[0]!.bytes.subarray(0, parts[0]!.bytes.indexOf(0) + 1);
      continue;
    }
    const meta = parts[0]!.meta() as { rows: number; bytes: number; width: number; field: string };
    const symbols = symbolsOf(parts[1]!.bytes.subarray(0, meta.bytes));
    const bias = Number(tag(meta.field, "Bias"));
    columns.set(
      name,
      Array.from({ length: meta.rows }, (_, row) => {
        const index = (meta.width === 0 ? 0 : parts[2]!.bytes.readUIntLE(row * meta.width, meta.width)) + bias;
        return index < 0 ? null : symbols[index]!;
      }),
    );
  }
  if (region.mode === "open") plainColumns(file, base, rest, names, fields, columns);
  return { names, columns, originalHeader, region };
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
