import { type ByteWriter, byteWriter, reserve, writeF64, writeI32, writeU8 } from "../bytes/writer.ts";
import { needs } from "../errors.ts";
import { MAX_SYMBOL_BYTES, MAX_SYMBOLS } from "../limits.ts";
import { type Cell, isDual } from "./dual.ts";
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

/**
 * @throws `QVD_VALUE` from `add` on a text with a lone surrogate, `LIMIT_EXCEEDED` beyond {@link MAX_SYMBOLS} symbols or
 *   {@link MAX_SYMBOL_BYTES} bytes
 */
export function interner(): Interner {
  const numbers = new Map<number, number>();
  const texts = new Map<string, number>();
  const duals = new Map<string, number>();
  const out = byteWriter(1024);
  let negativeZero = -1;
  let starts = new Uint32Array(64);
  let count = 0;

  function begin(): number {
    needs(count < MAX_SYMBOLS, "LIMIT_EXCEEDED", `over ${MAX_SYMBOLS} symbols in one field`);
    if (count + 1 >= starts.length) {
      const grown = new Uint32Array(starts.length * 2);
      grown.set(starts);
      starts = grown;
    }
    starts[count] = out.length;
    count += 1;
    return count - 1;
  }

  function end(): void {
    needs(out.length <= MAX_SYMBOL_BYTES, "LIMIT_EXCEEDED", `over ${MAX_SYMBOL_BYTES} bytes of symbols in one field`);
  }

  function addNumber(number: number): number {
    if (Object.is(number, -0)) {
      if (negativeZero < 0) {
        negativeZero = begin();
        appendNumber(out, number, INT, DOUBLE);
      }
      return negativeZero;
    }
    const known = numbers.get(number);
    if (known !== undefined) return known;
    const index = begin();
    appendNumber(out, number, INT, DOUBLE);
    end();
    numbers.set(number, index);
    return index;
  }

  return {
    get count() {
      return count;
    },
    add(cell) {
      if (typeof cell === "number") return addNumber(cell);
      if (!isDual(cell)) {
        const known = texts.get(cell);
        if (known !== undefined) return known;
        const index = begin();
        writeU8(out, TEXT);
        appendText(out, cell);
        end();
        texts.set(cell, index);
        return index;
      }
      const key = `${Object.is(cell.number, -0) ? "-0" : cell.number}\0${cell.text}`;
      const known = duals.get(key);
      if (known !== undefined) return known;
      const index = begin();
      appendNumber(out, cell.number, DUAL_INT, DUAL_DOUBLE);
      appendText(out, cell.text);
      end();
      duals.set(key, index);
      return index;
    },
    table() {
      starts[count] = out.length;
      return { bytes: out.bytes.subarray(0, out.length), starts: starts.subarray(0, count + 1), count };
    },
  };
}

/** Qlik stores a number as int32 whenever it is one (format notes 1.3); -0 is none. */
function appendNumber(out: ByteWriter, number: number, intKind: number, doubleKind: number): void {
  const isInt = (number | 0) === number && !Object.is(number, -0);
  writeU8(out, isInt ? intKind : doubleKind);
  if (isInt) writeI32(out, number);
  else writeF64(out, number);
}

function appendText(out: ByteWriter, text: string): void {
  needs(text.isWellFormed(), "QVD_VALUE", "a text holds a lone surrogate, which UTF-8 cannot carry");
  // Three bytes a UTF-16 unit is the most UTF-8 takes; the closing NUL follows the text.
  const at = reserve(out, text.length * 3 + 1);
  const { written } = encoder.encodeInto(text, out.bytes.subarray(at));
  out.bytes[at + written] = 0;
  // What is behind the text was reserved, not written: it may hold an earlier attempt's bytes, never read.
  out.length = at + written + 1;
}
