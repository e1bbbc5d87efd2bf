import { type DateToken, dateTokens, fraction, padded, secondDigits } from "./date-format.ts";
import { dayTicks } from "./day-number.ts";

/** Longest interval shown as one; beyond it a double no longer tells seconds apart. */
const LONGEST_DAYS = 1e8;

/**
 * Compiles an interval pattern: the largest unit takes all that is above it, so 1.375 days are `33:00` under `hh:mm` and
 * `1 09` under `D hh`. Units below those shown are cut off, a negative interval has a minus sign. The results table of
 * Qlik's help on Interval() is a test; no file with intervals was ever seen.
 *
 * @returns a function that gives `undefined` for what is not finite or longer than 1e8 days
 */
export function compileIntervalPattern(pattern: string): (value: number) => string | undefined {
  const tokens = dateTokens(pattern);
  const digits = secondDigits(tokens);
  const perSecond = 10 ** digits;
  const has = (unit: DateToken["unit"]): boolean => tokens.some((token) => token.unit === unit);
  const largest = has("D") ? "D" : has("h") ? "h" : has("m") ? "m" : "s";
  return (value) => {
    if (!(Math.abs(value) <= LONGEST_DAYS)) return undefined;
    const { day, ticks } = dayTicks(Math.abs(value), perSecond);
    const seconds = Math.floor(ticks / perSecond);
    const units: Units = {
      D: day,
      h: Math.floor(seconds / 3600) + (largest === "h" ? day * 24 : 0),
      m: largest === "m" ? Math.floor(seconds / 60) + day * 1440 : Math.floor(seconds / 60) % 60,
      s: largest === "s" ? seconds + day * 86_400 : seconds % 60,
      f: ticks % perSecond,
    };
    const text = renderUnits(tokens, units, digits);
    return value < 0 && (day > 0 || ticks > 0) ? `-${text}` : text;
  };
}

interface Units {
  readonly D: number;
  readonly h: number;
  readonly m: number;
  readonly s: number;
  readonly f: number;
}

function renderUnits(tokens: readonly DateToken[], units: Units, digits: number): string {
  let out = "";
  for (const token of tokens) {
    if (token.unit === "literal") out += token.text;
    else if (token.unit === "optional") out += units.f === 0 ? "" : renderUnits(token.tokens, units, digits);
    else if (token.unit === "f") out += fraction(units.f, digits, token.width);
    else if (token.unit === "D" || token.unit === "h" || token.unit === "m" || token.unit === "s") {
      out += padded(units[token.unit], token.width);
    }
  }
  return out;
}
