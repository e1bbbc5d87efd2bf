import { type Cursor, cursor, readBytes, readI32, readU32 } from "../../bytes/cursor.ts";
import { type ByteWriter, byteWriter, writeBytes, writeI32, writeU32, written } from "../../bytes/writer.ts";
import { needs, QErr } from "../../errors.ts";
import { MAX_SYMBOLS } from "../../limits.ts";
import { type Blob, readBlob, writeBlob } from "./blob.ts";
import { encodeFieldTail, type FieldTail, parseFieldTail } from "./field-tail.ts";
import { readText, writeText } from "./text.ts";

/** `u32 type, u32 nDec, u32 useThou, str fmt, str dec, str thou, i32` */
export interface QvfNumberFormat {
  /** 0 unknown 1 ascii 2 real 3 date 5 timestamp 6 interval or time 10 integer 11 fix 12 money (read off the formats). */
  readonly type: number;
  readonly nDec: number;
  readonly useThou: number;
  readonly fmt: string;
  readonly dec: string;
  readonly thou: string;
  /** 0 in every file seen; kept. */
  readonly last: number;
}

/** How the symbols of a field are stored. The class says which kinds may come; the symbols carry their kind anyway. */
export const FIELD_CLASS = {
  any: 0,
  text: 1,
  int: 2,
  double: 3,
  textDouble: 4,
  textInt: 5,
  /** int32 times a negative power of ten. */
  decimals: 6,
  /** `base`, `base` + 1, … */
  consecutive: 7,
} as const;

export type FieldClass = (typeof FIELD_CLASS)[keyof typeof FIELD_CLASS];

/** The symbols of a field as stored, not decoded. */
export type StoredSymbols =
  /** `u32 0, u32 count, symbols`, or just `u32 count` for consecutive integers and synthetic keys. */
  | { readonly kind: "blob"; readonly blob: Blob }
  /** int32 little endian each. */
  | { readonly kind: "decimals"; readonly count: number; readonly bytes: Uint8Array };

/**
 * One field of the data model (`data/field_N`, or inline in `qvapp_qaccess`):
 * `number format x 2, u32 class, i32 base, symbols, tail`.
 */
export interface FieldStream {
  /** The field's own format, and a second one that is mostly equal. */
  readonly formats: readonly [QvfNumberFormat, QvfNumberFormat];
  readonly fieldClass: FieldClass;
  /** First value of class `consecutive`; power of ten of class `decimals`; else 0. */
  readonly base: number;
  readonly symbols: StoredSymbols;
  readonly tail: FieldTail;
}

function readNumberFormat(c: Cursor): QvfNumberFormat {
  return {
    type: readU32(c),
    nDec: readU32(c),
    useThou: readU32(c),
    fmt: readText(c),
    dec: readText(c),
    thou: readText(c),
    last: readI32(c),
  };
}

function writeNumberFormat(w: ByteWriter, format: QvfNumberFormat): void {
  writeU32(w, format.type);
  writeU32(w, format.nDec);
  writeU32(w, format.useThou);
  writeText(w, format.fmt);
  writeText(w, format.dec);
  writeText(w, format.thou);
  writeI32(w, format.last);
}

/** What comes before the symbols of a field. */
export type FieldHead = Pick<FieldStream, "formats" | "fieldClass" | "base">;

/** Reads what comes before the symbols. Throws `QVF_FIELD` (the cursor's code). */
export function readFieldHead(c: Cursor): FieldHead {
  const formats = [readNumberFormat(c), readNumberFormat(c)] as const;
  const at = c.offset;
  const stated = readU32(c);
  const fieldClass = Object.values(FIELD_CLASS).find((known) => known === stated);
  if (fieldClass === undefined) {
    throw new QErr(c.code, `${c.part}: symbol class ${stated} is not known`, { part: c.part, offset: c.base + at });
  }
  return { formats, fieldClass, base: readI32(c) };
}

/** Reads one field at the cursor, nothing inflated. Throws `QVF_FIELD` (the cursor's code). */
export function readField(c: Cursor): FieldStream {
  const head = readFieldHead(c);
  const decimals = head.fieldClass === FIELD_CLASS.decimals;
  const symbols = decimals ? readDecimals(c) : { kind: "blob" as const, blob: readBlob(c) };
  return { ...head, symbols, tail: parseFieldTail(c) };
}

function readDecimals(c: Cursor): StoredSymbols {
  const count = readDecimalsCount(c);
  return { kind: "decimals", count, bytes: readBytes(c, count * 4) };
}

/** The number of decimals that follow, four bytes each. Throws the cursor's code, `LIMIT_EXCEEDED`. */
export function readDecimalsCount(c: Cursor): number {
  const place = { part: c.part, offset: c.base + c.offset };
  needs(readU32(c) === 0, c.code, `${c.part}: decimals do not begin with 0`, place);
  const count = readU32(c);
  needs(count <= MAX_SYMBOLS, "LIMIT_EXCEEDED", `${c.part} states ${count} symbols`, place);
  return count;
}

/** @throws `QVF_FIELD` if `bytes`, the stream `part`, is not a field. Stale bytes after its end are ignored. */
export function parseFieldStream(bytes: Uint8Array, part: string): FieldStream & { readonly end: number } {
  const c = cursor(bytes, part, { code: "QVF_FIELD" });
  const field = readField(c);
  return { ...field, end: c.offset };
}

/** What {@link encodeFieldStream} needs: the symbols as bytes before compression. */
export interface FieldContent extends Omit<FieldStream, "symbols"> {
  /** For class `decimals` the int32s; else the content of the blob. */
  readonly symbols: Uint8Array;
}

/** Twin of {@link parseFieldStream}; gives Qlik's own bytes for what was read from a real file. */
export function encodeFieldStream(field: FieldContent): Uint8Array {
  const w = byteWriter();
  writeField(w, field);
  return written(w);
}

export function writeField(w: ByteWriter, field: FieldContent): void {
  for (const format of field.formats) writeNumberFormat(w, format);
  writeU32(w, field.fieldClass);
  writeI32(w, field.base);
  if (field.fieldClass === FIELD_CLASS.decimals) {
    writeU32(w, 0);
    writeU32(w, field.symbols.byteLength / 4);
    writeBytes(w, field.symbols);
  } else {
    writeBlob(w, field.symbols);
  }
  encodeFieldTail(w, field.tail);
}
