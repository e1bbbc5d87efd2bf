import { type ByteWriter, writeBytes, writeU8 } from "../bytes/writer.ts";
import { symbolTextBytes } from "../table/symbols.ts";
import { appendString, checkText } from "./append-text.ts";
import type { OutputColumn } from "./encoded-column.ts";
import type { DualSides } from "./options.ts";
import { symbolNumbers } from "./symbol-numbers.ts";

/**
 * The JSON form of a cell, lossless with `both`: `null`, a number, a string, `[number, text]` for a dual. What JSON numbers
 * cannot say is `{"number":"NaN"|"Infinity"|"-Infinity"}`; -0 is `-0.0`, which `JSON.parse` and Python read as -0.
 * Whole numbers have all their digits, other numbers are the shortest decimals that read back the same.
 */
export function jsonCell(duals: DualSides): OutputColumn["encoder"] {
  return (symbols) => {
    const numberOf = symbolNumbers(symbols);
    return (out, index) => {
      if (index < 0) {
        appendString(out, "null");
        return;
      }
      const text = symbolTextBytes(symbols, index);
      const number = numberOf(index);
      if (text === undefined || (duals === "number" && number !== undefined)) {
        appendString(out, jsonNumber(number!));
      } else if (number === undefined || duals === "text") {
        appendJsonText(out, text);
      } else {
        writeU8(out, 0x5b);
        appendString(out, jsonNumber(number));
        writeU8(out, 0x2c);
        appendJsonText(out, text);
        writeU8(out, 0x5d);
      }
    };
  };
}

export function jsonNumber(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  // The shortest digits of a whole number beyond 2^53 are those of another whole number: a reader with big integers, and
  // ours, would see that one.
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21) return String(BigInt(value));
  return Number.isFinite(value) ? String(value) : `{"number":"${value}"}`;
}

const SHORT: Readonly<Record<number, string>> = {
  8: "\\b",
  9: "\\t",
  10: "\\n",
  12: "\\f",
  13: "\\r",
  34: '\\"',
  92: "\\\\",
};

/** Appends UTF-8 bytes as a JSON string, escaped exactly as `JSON.stringify` does. */
function appendJsonText(out: ByteWriter, text: Uint8Array): void {
  checkText(text);
  writeU8(out, 0x22);
  let plainFrom = 0;
  for (let i = 0; i < text.length; i++) {
    const byte = text[i]!;
    if (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) continue;
    if (i > plainFrom) writeBytes(out, text.subarray(plainFrom, i));
    appendString(out, SHORT[byte] ?? `\\u${byte.toString(16).padStart(4, "0")}`);
    plainFrom = i + 1;
  }
  if (plainFrom < text.length) writeBytes(out, plainFrom === 0 ? text : text.subarray(plainFrom));
  writeU8(out, 0x22);
}
