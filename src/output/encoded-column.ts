import { type ByteWriter, byteWriter, writeBytes } from "../bytes/writer.ts";
import type { SymbolTable } from "../table/symbols.ts";

/** Appends the encoded form of symbol `index`, or of NULL if it is negative. */
export type CellEncoder = (out: ByteWriter, index: number) => void;

/** One column of the output; two of them may show two sides of one field. */
export interface OutputColumn {
  readonly ordinal: number;
  /** Bytes before each cell: a delimiter, a key. */
  readonly lead: Uint8Array;
  readonly encoder: (symbols: SymbolTable) => CellEncoder;
}

/**
 * A column of which every symbol is encoded, lead included: entry 0 is NULL, entry `i + 1` is symbol `i`. Short entries
 * stand in slots of `step` words, little-endian, with the length in the highest byte of the last word: one look at memory
 * instead of three, and copying goes by words. Long ones are packed.
 */
export type Encoded =
  | { readonly form: "slots"; readonly words: Uint32Array; readonly step: 4 | 8; readonly longest: number }
  | { readonly form: "packed"; readonly bytes: Uint8Array; readonly starts: Uint32Array; readonly longest: number };

export function encodedBytes(encoded: Encoded): number {
  return encoded.form === "slots" ? encoded.words.byteLength : encoded.bytes.byteLength + encoded.starts.byteLength;
}

/** Encodes NULL and every symbol, or gives up when `budget` bytes do not hold them. */
export function encodeColumn(
  symbols: SymbolTable,
  lead: Uint8Array,
  encode: CellEncoder,
  budget: number,
): Encoded | undefined {
  const { count } = symbols;
  const startBytes = (count + 2) * 4;
  const least = symbols.bytes.byteLength + count * lead.length;
  // Numbers may come out shorter than they are stored, so the first look is generous.
  if (least / 4 + startBytes > budget) return undefined;
  const out = byteWriter(Math.min(least + count * 4, budget) + 64);
  const starts = new Uint32Array(count + 2);
  let longest = 0;
  for (let index = -1; index < count; index++) {
    const start = out.length;
    starts[index + 1] = start;
    writeBytes(out, lead);
    encode(out, index);
    longest = Math.max(longest, out.length - start);
    if (out.length + startBytes > budget) return undefined;
  }
  starts[count + 1] = out.length;
  const bytes = out.bytes.subarray(0, out.length);
  const step = longest < 16 ? 4 : longest < 32 ? 8 : undefined;
  return step !== undefined && (count + 1) * step * 4 <= budget
    ? { form: "slots", words: slotsOf(bytes, starts, step), step, longest }
    : { form: "packed", bytes, starts, longest };
}

function slotsOf(bytes: Uint8Array, starts: Uint32Array, step: 4 | 8): Uint32Array {
  const entries = starts.length - 1;
  const words = new Uint32Array(entries * step);
  for (let entry = 0; entry < entries; entry++) {
    const start = starts[entry]!;
    const length = starts[entry + 1]! - start;
    const base = entry * step;
    for (let i = 0; i < length; i++) words[base + (i >> 2)]! |= bytes[start + i]! << ((i & 3) << 3);
    words[base + step - 1]! |= length << 24;
  }
  return words;
}
