import { type ByteWriter, byteWriter, reserve, writeF64, writeI32, writeU8 } from "../bytes/writer.ts";
import { needs, QErr } from "../errors.ts";
import { MAX_SYMBOL_BYTES, MAX_SYMBOLS } from "../limits.ts";
import { type Cell, type Dual, isDual } from "./dual.ts";
import { type NumberIndex, numberIndex } from "./number-index.ts";
import { DOUBLE, DUAL_DOUBLE, DUAL_INT, INT, type SymbolTable, TEXT } from "./symbols.ts";

/**
 * Values to symbol indexes, in the order of first occurrence. Two cells are one symbol only if they are the same value:
 * 1 and "1" are two symbols, and so are the duals (1, "01") and (1, "1"), and 0 and -0.
 */
export interface Interner {
  /** The index of `cell`; a new one if it was not seen. NULL is not a symbol. */
  add(cell: Exclude<Cell, null>): number;
  readonly count: number;
  /** What was added so far. The table keeps the buffers: do not add afterwards. */
  table(): SymbolTable;
}

const encoder = new TextEncoder();

export interface InternerLimits {
  /** {@link MAX_SYMBOLS} if left out. */
  readonly symbols?: number | undefined;
  /** {@link MAX_SYMBOL_BYTES} if left out. */
  readonly bytes?: number | undefined;
}

/**
 * @throws `QVD_VALUE` from `add` on a text with a lone surrogate, `LIMIT_EXCEEDED` beyond the limits; a value that was
 *   refused leaves no trace, so adding may go on
 */
export function interner(limits: InternerLimits = {}): Interner {
  const maxSymbols = limits.symbols ?? MAX_SYMBOLS;
  const maxBytes = limits.bytes ?? MAX_SYMBOL_BYTES;
  // Made when there is something to put in: of ten thousand columns most may have one kind of value, or none.
  let numbers: NumberIndex | undefined;
  const texts = new Map<string, number>();
  const duals = new Map<string, number>();
  const out = byteWriter(64);
  let negativeZero = -1;
  let starts = new Uint32Array(16);
  let count = 0;

  /** Appends one entry and returns its index. */
  function append(number: number | undefined, text: string | undefined): number {
    needs(count < maxSymbols, "LIMIT_EXCEEDED", `over ${maxSymbols} symbols in one field`);
    const wellFormed = text === undefined || text.isWellFormed();
    needs(wellFormed, "QVD_VALUE", "a text holds a lone surrogate, which UTF-8 cannot carry");
    const start = out.length;
    if (number === undefined) writeU8(out, TEXT);
    else if (text === undefined) appendNumber(out, number, INT, DOUBLE);
    else appendNumber(out, number, DUAL_INT, DUAL_DOUBLE);
    if (text !== undefined) appendText(out, text);
    if (out.length > maxBytes) {
      out.length = start;
      throw new QErr("LIMIT_EXCEEDED", `over ${maxBytes} bytes of symbols in one field`);
    }
    if (count + 1 >= starts.length) {
      const grown = new Uint32Array(starts.length * 2);
      grown.set(starts);
      starts = grown;
    }
    starts[count] = start;
    count += 1;
    return count - 1;
  }

  function addNumber(number: number): number {
    if (Object.is(number, -0)) {
      // The index takes -0 for 0.
      if (negativeZero < 0) negativeZero = append(number, undefined);
      return negativeZero;
    }
    numbers ??= numberIndex();
    const known = numbers.find(number);
    if (known >= 0) return known;
    const index = append(number, undefined);
    numbers.set(index);
    return index;
  }

  return {
    get count() {
      return count;
    },
    add(cell) {
      if (typeof cell === "number") return addNumber(cell);
      const dual = isDual(cell);
      const known = dual ? duals.get(dualKey(cell)) : texts.get(cell);
      if (known !== undefined) return known;
      const index = dual ? append(cell.number, cell.text) : append(undefined, cell);
      if (dual) duals.set(dualKey(cell), index);
      else texts.set(cell, index);
      return index;
    },
    table() {
      starts[count] = out.length;
      return { bytes: out.bytes.subarray(0, out.length), starts: starts.subarray(0, count + 1), count };
    },
  };
}

/** Unique for a dual: a number as text has no U+0000, and only -0 needs its sign put back. */
function dualKey({ number, text }: Dual): string {
  return `${Object.is(number, -0) ? "-0" : number}\0${text}`;
}

/** Qlik stores a number as int32 whenever it is one (format notes 1.3); -0 is none. */
function appendNumber(out: ByteWriter, number: number, intKind: number, doubleKind: number): void {
  const isInt = (number | 0) === number && !Object.is(number, -0);
  writeU8(out, isInt ? intKind : doubleKind);
  if (isInt) writeI32(out, number);
  else writeF64(out, number);
}

function appendText(out: ByteWriter, text: string): void {
  // Three bytes a UTF-16 unit is the most UTF-8 takes; the closing NUL follows the text.
  const at = reserve(out, text.length * 3 + 1);
  const { written } = encoder.encodeInto(text, out.bytes.subarray(at));
  out.bytes[at + written] = 0;
  // What is behind the text was reserved, not written: it may hold an earlier attempt's bytes, never read.
  out.length = at + written + 1;
}
