import { createHmac } from "node:crypto";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { byteWriter, writeBytes, writeU8, written } from "../bytes/writer.ts";
import { EMPTY_SYMBOLS, type SymbolTable, symbolNumber, symbolTextBytes, TEXT } from "../table/symbols.ts";

/** What a plain reader sees in place of a sealed field. */
export interface MaskedColumn {
  readonly symbols: SymbolTable;
  readonly nullable: boolean;
  /** Writes the masked indexes for a run of true ones. */
  apply(indexes: Int32Array, rows: number): Int32Array;
}

/** An all-NULL field in the shape that Qlik gives one. */
export function nullMask(): MaskedColumn {
  const out = filled(-2);
  return { symbols: EMPTY_SYMBOLS, nullable: true, apply: (_, rows) => out(rows) };
}

/** One text in every row, NULLs included. */
export function constMask(text: string): MaskedColumn {
  const out = filled(0);
  return { symbols: textSymbols([encodeUtf8(text)]), nullable: false, apply: (_, rows) => out(rows) };
}

/**
 * A token for each value: HMAC-SHA-256 under `key`, cut to 128 bits, as 22 characters of base64url. Equal values have
 * equal tokens, so joins and counts still work, and equality, frequencies and NULLs are plain to see: that is the
 * price. A value is its number if it has one, else its text, as Qlik compares them.
 */
export function tokenMask(symbols: SymbolTable, key: Uint8Array): MaskedColumn {
  const to = new Int32Array(symbols.count);
  const tokens: Uint8Array[] = [];
  const known = new Map<string, number>();
  for (let i = 0; i < symbols.count; i++) {
    const token = createHmac("sha256", key)
      .update(comparable(symbols, i))
      .digest()
      .subarray(0, 16)
      .toString("base64url");
    let at = known.get(token);
    if (at === undefined) {
      at = tokens.length;
      known.set(token, at);
      tokens.push(encodeUtf8(token));
    }
    to[i] = at;
  }
  let out = new Int32Array(0);
  return {
    symbols: textSymbols(tokens),
    nullable: true,
    apply(indexes, rows) {
      if (out.length < rows) out = new Int32Array(rows);
      for (let row = 0; row < rows; row++) out[row] = indexes[row]! < 0 ? -2 : to[indexes[row]!]!;
      return out;
    },
  };
}

function comparable(symbols: SymbolTable, i: number): Uint8Array {
  const number = symbolNumber(symbols, i);
  if (number === undefined) return Uint8Array.of(0x74, ...symbolTextBytes(symbols, i)!);
  const bytes = new Uint8Array(9);
  bytes[0] = 0x6e;
  // -0 and 0 are one value.
  new DataView(bytes.buffer).setFloat64(1, number === 0 ? 0 : number, true);
  return bytes;
}

function filled(value: number): (rows: number) => Int32Array {
  let out = new Int32Array(0);
  return (rows) => {
    if (out.length < rows) out = new Int32Array(rows).fill(value);
    return out;
  };
}

function textSymbols(texts: readonly Uint8Array[]): SymbolTable {
  const w = byteWriter();
  const starts = new Uint32Array(texts.length + 1);
  texts.forEach((text, i) => {
    writeU8(w, TEXT);
    writeBytes(w, text);
    writeU8(w, 0);
    starts[i + 1] = w.length;
  });
  return { bytes: written(w), starts, count: texts.length };
}
