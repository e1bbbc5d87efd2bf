import { decodeUtf8, isUtf8 } from "../bytes/utf8.ts";
import type { Cell } from "./dual.ts";

/**
 * The symbol table of a field, undecoded: the entries one after the other in the QVD encoding (SPEC 3.4), and where
 * each begins. Nothing is decoded before it is asked for.
 *
 *     01 int32 | 02 float64 | 04 text 00 | 05 int32 text 00 | 06 float64 text 00        (little endian, UTF-8)
 *
 * Entry `i` is `bytes[starts[i], starts[i + 1])`. The end of a text is taken from `starts`, so a table made in memory
 * may hold U+0000 in a text; only writing it to a QVD refuses that.
 */
export interface SymbolTable {
  readonly bytes: Uint8Array;
  /** `count + 1` offsets into `bytes`. */
  readonly starts: Uint32Array;
  readonly count: number;
}

export const INT = 1;
export const DOUBLE = 2;
export const TEXT = 4;
export const DUAL_INT = 5;
export const DUAL_DOUBLE = 6;

/** Type byte of a symbol (SPEC 3.4). */
export type SymbolKind = typeof INT | typeof DOUBLE | typeof TEXT | typeof DUAL_INT | typeof DUAL_DOUBLE;

export const EMPTY_SYMBOLS: SymbolTable = { bytes: new Uint8Array(0), starts: new Uint32Array(1), count: 0 };

/** Bytes before the text of an entry, by kind: the type byte and the number, if there is one. */
export function textOffset(kind: SymbolKind): number {
  return kind === TEXT ? 1 : kind === DUAL_INT ? 5 : 9;
}

export function symbolKind(t: SymbolTable, i: number): SymbolKind {
  return t.bytes[t.starts[i]!] as SymbolKind;
}

/** The number of a symbol, or `undefined` if it is a text. */
export function symbolNumber(t: SymbolTable, i: number): number | undefined {
  const at = t.starts[i]! + 1;
  const kind = t.bytes[at - 1];
  if (kind === TEXT) return undefined;
  const view = new DataView(t.bytes.buffer, t.bytes.byteOffset + at);
  return kind === INT || kind === DUAL_INT ? view.getInt32(0, true) : view.getFloat64(0, true);
}

/** The UTF-8 text of a symbol as a view, or `undefined` if it is a number without a text of its own. */
export function symbolTextBytes(t: SymbolTable, i: number): Uint8Array | undefined {
  const start = t.starts[i]!;
  const kind = t.bytes[start] as SymbolKind;
  if (kind === INT || kind === DOUBLE) return undefined;
  return t.bytes.subarray(start + textOffset(kind), t.starts[i + 1]! - 1);
}

/** The text of a symbol, or `undefined` if it is a number without a text of its own. Throws `BYTES_UTF8`. */
export function symbolText(t: SymbolTable, i: number): string | undefined {
  const bytes = symbolTextBytes(t, i);
  return bytes === undefined ? undefined : decodeUtf8(bytes, "a symbol");
}

/** The value of a symbol: number, text, or dual. Throws `BYTES_UTF8`. */
export function symbolCell(t: SymbolTable, i: number): Exclude<Cell, null> {
  const text = symbolText(t, i);
  const number = symbolNumber(t, i);
  if (number === undefined) return text!;
  return text === undefined ? number : { number, text };
}

/** The first symbol whose text is not valid UTF-8, or -1. Decodes nothing that is plain ASCII. */
export function firstNotUtf8(symbols: SymbolTable): number {
  for (let i = 0; i < symbols.count; i++) {
    const text = symbolTextBytes(symbols, i);
    if (text !== undefined && !isAscii(text) && !isUtf8(text)) return i;
  }
  return -1;
}

function isAscii(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.byteLength; i++) if (bytes[i]! > 0x7f) return false;
  return true;
}
