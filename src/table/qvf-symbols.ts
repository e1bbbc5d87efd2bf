import { cursor, readU32, remaining, take } from "../bytes/cursor.ts";
import { byteWriter, writeBytes, writeU8, writeU32, written } from "../bytes/writer.ts";
import { FIELD_CLASS, type FieldClass } from "../container/qvf/field-stream.ts";
import { readSymbolLength } from "../container/qvf/text.ts";
import { needs, QErr } from "../errors.ts";
import { MAX_QVF_IMPLICIT_SYMBOLS } from "../limits.ts";
import {
  DOUBLE,
  DUAL_DOUBLE,
  DUAL_INT,
  INT,
  type SymbolTable,
  symbolKind,
  symbolNumber,
  symbolTextBytes,
  TEXT,
} from "./symbols.ts";

/** What decides how the content of a field's symbols is read. */
export interface SymbolSource {
  /** For messages, e.g. `data/field_3`. */
  readonly part: string;
  readonly fieldClass: FieldClass;
  readonly base: number;
  /** Inflated content of the blob; for class `decimals` the int32s. */
  readonly content: Uint8Array;
}

const NUMBER_BYTES = { [INT]: 4, [DOUBLE]: 8, [TEXT]: 0, [DUAL_INT]: 4, [DUAL_DOUBLE]: 8 } as const;
/** Beyond 10^22 a power of ten is no exact double, so a quotient by it would be rounded twice. */
const MAX_POWER = 22;

/**
 * Brings the symbols of a QVF field into the form in memory. A QVF puts the text before the number and states its
 * length (`01 int32 | 02 float64 | 04 text | 05 text int32 | 06 text float64`); consecutive integers, decimals and the
 * values of synthetic keys (their own numbers: Qlik stores none) are written out, `implicitLimit` of them at the most.
 * @throws `QVF_SYMBOL` if the symbols are damaged, `LIMIT_EXCEEDED` if more are stated than are held in memory.
 */
export function decodeSymbols(source: SymbolSource, implicitLimit = MAX_QVF_IMPLICIT_SYMBOLS): SymbolTable {
  const { content, fieldClass, part, base } = source;
  if (fieldClass === FIELD_CLASS.decimals) return decimals(content, base, part);
  const c = cursor(content, part, { code: "QVF_SYMBOL" });
  if (fieldClass === FIELD_CLASS.consecutive) return integers(base, onlyCount(content, part), part, implicitLimit);
  if (fieldClass === FIELD_CLASS.any && content.byteLength === 4)
    return integers(0, onlyCount(content, part), part, implicitLimit);
  needs(readU32(c) === 0, "QVF_SYMBOL", `symbols of ${part} do not begin with 0`, { part });
  const count = readU32(c);
  needs(count * 2 <= remaining(c), "QVF_SYMBOL", `symbols of ${part}: ${count} do not fit in what is left`, { part });
  const starts = new Uint32Array(count + 1);
  // No symbol is longer here than in the file: the NUL takes the place of the length.
  const bytes = new Uint8Array(remaining(c));
  let at = 0;
  for (let i = 0; i < count; i++) {
    starts[i] = at;
    const kind = content[take(c, 1)]!;
    const numberBytes = NUMBER_BYTES[kind as keyof typeof NUMBER_BYTES];
    needs(numberBytes !== undefined, "QVF_SYMBOL", () => `symbol ${i} of ${part} has the type byte ${kind}`, { part });
    bytes[at] = kind;
    const text = kind >= TEXT ? readSymbolLength(c) : 0;
    const textAt = take(c, text);
    copy(content, take(c, numberBytes), bytes, at + 1, numberBytes);
    at += 1 + numberBytes;
    if (kind < TEXT) continue;
    copy(content, textAt, bytes, at, text);
    at += text + 1;
  }
  needs(remaining(c) === 0, "QVF_SYMBOL", `${remaining(c)} bytes follow the symbols of ${part}`, { part });
  starts[count] = at;
  return { bytes: bytes.subarray(0, at), starts, count };
}

/** Most texts are short: a loop is quicker for them than a view and a call. */
const SHORT = 24;

function copy(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, length: number): void {
  if (length > SHORT) to.set(from.subarray(fromAt, fromAt + length), toAt);
  else for (let k = 0; k < length; k++) to[toAt + k] = from[fromAt + k]!;
}

function onlyCount(content: Uint8Array, part: string): number {
  needs(content.byteLength === 4, "QVF_SYMBOL", `${part} has ${content.byteLength} bytes where a count is`, { part });
  return new DataView(content.buffer, content.byteOffset).getUint32(0, true);
}

function integers(base: number, count: number, part: string, limit: number): SymbolTable {
  if (count > limit) {
    throw new QErr("LIMIT_EXCEEDED", `${part} states ${count} symbols, at most ${limit} are held`, { part });
  }
  needs(base + count <= 2 ** 31, "QVF_SYMBOL", `integers of ${part} do not fit in 32 bits`, { part });
  const bytes = new Uint8Array(count * 5);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < count; i++) {
    bytes[i * 5] = INT;
    view.setInt32(i * 5 + 1, base + i, true);
  }
  return { bytes, starts: everyNth(5, count), count };
}

function decimals(content: Uint8Array, power: number, part: string): SymbolTable {
  needs(Math.abs(power) <= MAX_POWER, "QVF_SYMBOL", `decimals of ${part} are scaled by 10^${-power}`, { part });
  const count = content.byteLength / 4;
  const from = new DataView(content.buffer, content.byteOffset);
  const bytes = new Uint8Array(count * 9);
  const view = new DataView(bytes.buffer);
  const scale = 10 ** Math.abs(power);
  for (let i = 0; i < count; i++) {
    const stored = from.getInt32(i * 4, true);
    bytes[i * 9] = DOUBLE;
    // A quotient of exact numbers is the nearest double of the decimal; a product with 10^-n is not.
    view.setFloat64(i * 9 + 1, power >= 0 ? stored / scale : stored * scale, true);
  }
  return { bytes, starts: everyNth(9, count), count };
}

function everyNth(step: number, count: number): Uint32Array {
  const starts = new Uint32Array(count + 1);
  for (let i = 0; i <= count; i++) starts[i] = i * step;
  return starts;
}

/** The symbols of a field as they are stored, before compression. */
export interface EncodedField {
  readonly fieldClass: FieldClass;
  readonly base: number;
  readonly content: Uint8Array;
}

/**
 * Twin of {@link decodeSymbols}: stores ascending consecutive integers as such, as Qlik does, and everything else symbol
 * by symbol with the class that Qlik gives to such symbols; never as decimals, which say the same in fewer bytes.
 */
export function encodeSymbols(t: SymbolTable): EncodedField {
  const first = consecutiveFrom(t);
  if (first !== undefined) return { fieldClass: FIELD_CLASS.consecutive, base: first, content: countOnly(t.count) };
  const w = byteWriter(t.bytes.byteLength + 64);
  writeU32(w, 0);
  writeU32(w, t.count);
  const kinds = new Set<number>();
  for (let i = 0; i < t.count; i++) {
    const kind = symbolKind(t, i);
    kinds.add(kind);
    writeU8(w, kind);
    const text = symbolTextBytes(t, i);
    if (text !== undefined) {
      if (text.byteLength < 0xff) writeU8(w, text.byteLength);
      else {
        writeU8(w, 0xff);
        writeU32(w, text.byteLength);
      }
      writeBytes(w, text);
    }
    const start = t.starts[i]! + 1;
    writeBytes(w, t.bytes.subarray(start, start + NUMBER_BYTES[kind]));
  }
  return { fieldClass: classOf(kinds), base: 0, content: written(w) };
}

/** The symbols of a synthetic key: how many there are. */
export function encodeSynthetic(count: number): EncodedField {
  return { fieldClass: FIELD_CLASS.any, base: 0, content: countOnly(count) };
}

function countOnly(count: number): Uint8Array {
  const w = byteWriter(4);
  writeU32(w, count);
  return written(w);
}

function consecutiveFrom(t: SymbolTable): number | undefined {
  if (t.count === 0) return undefined;
  for (let i = 0; i < t.count; i++) {
    if (symbolKind(t, i) !== INT || symbolNumber(t, i) !== symbolNumber(t, 0)! + i) return undefined;
  }
  return symbolNumber(t, 0);
}

function classOf(kinds: ReadonlySet<number>): FieldClass {
  if (kinds.size !== 1) return FIELD_CLASS.any;
  if (kinds.has(TEXT)) return FIELD_CLASS.text;
  if (kinds.has(INT)) return FIELD_CLASS.int;
  if (kinds.has(DOUBLE)) return FIELD_CLASS.double;
  return kinds.has(DUAL_DOUBLE) ? FIELD_CLASS.textDouble : FIELD_CLASS.textInt;
}
