import { MAX_FORMAT_CHARACTERS, MAX_SEPARATOR_CHARACTERS } from "../limits.ts";
import { compileDatePattern } from "./date-format.ts";
import { generalText } from "./decimal.ts";
import { type Cell, isDual } from "./dual.ts";
import type { NumberFormat } from "./field.ts";
import { compileIntervalPattern } from "./interval-format.ts";
import { compileNumberPattern } from "./number-pattern.ts";
import { compileRadixPattern } from "./radix-format.ts";

/** Shows a number that has no text of its own. */
export type NumberFormatter = (value: number) => string;

/** Patterns for a date, time or interval format without one. Qlik takes those of the script; a file does not hold them. */
const DEFAULT_PATTERN: Readonly<Record<string, string>> = {
  DATE: "YYYY-MM-DD",
  TIME: "hh:mm:ss",
  TIMESTAMP: "YYYY-MM-DD hh:mm:ss[.fff]",
  INTERVAL: "h:mm:ss",
};

/** Decimals that FIX may ask for; greater counts in real files are fillers (10, 14, 20). */
const MAX_FIX_DECIMALS = 9;

/**
 * The formatter of a field, compiled once: what Qlik's STORE into text writes for a number without a text of its own.
 * Numbers that the pattern cannot show (a date in the year 12000) are shown without a pattern, and so are those of a
 * pattern over `MAX_FORMAT_CHARACTERS` or of separators over `MAX_SEPARATOR_CHARACTERS`. What is verified is said
 * at each compile function; the default patterns for dates, times and intervals without one are ISO, not Qlik's, and
 * what Qlik does with FIX and MONEY without a pattern is not known.
 */
export function numberFormatter(format: NumberFormat): NumberFormatter {
  const { fmt, dec: ownDec, thou: ownThou } = format;
  const long = Math.max(ownDec.length, ownThou.length) > MAX_SEPARATOR_CHARACTERS;
  const dec = long ? "." : ownDec || ".";
  const general: NumberFormatter = (value) => generalText(value, dec);
  if (long || fmt.length > MAX_FORMAT_CHARACTERS) return general;
  switch (format.type) {
    case "DATE":
    case "TIME":
    case "TIMESTAMP":
      return orElse(compileDatePattern(format.fmt || DEFAULT_PATTERN[format.type]!), general);
    case "INTERVAL":
      return orElse(compileIntervalPattern(format.fmt || DEFAULT_PATTERN[format.type]!), general);
  }
  if (format.fmt !== "") {
    const radix = compileRadixPattern(format.fmt);
    if (radix !== undefined) return radix;
    return /[#0]/.test(format.fmt) ? compileNumberPattern(format.fmt, format) : general;
  }
  if (format.type === "FIX" && format.nDec > 0 && format.nDec <= MAX_FIX_DECIMALS) {
    const thou = format.useThou === 1 && format.thou !== "" ? format.thou : "";
    const whole = thou === "" ? "0" : `#${thou}##0`;
    return compileNumberPattern(whole + dec + "0".repeat(format.nDec), { dec, thou });
  }
  return general;
}

function orElse(special: (value: number) => string | undefined, general: NumberFormatter): NumberFormatter {
  return (value) => special(value) ?? general(value);
}

/** What Qlik shows of a cell: its own text, else the number in its format; NULL is the empty string. */
export function displayText(cell: Cell, format: NumberFormatter): string {
  if (cell === null) return "";
  if (typeof cell === "string") return cell;
  return isDual(cell) ? cell.text : format(cell);
}
