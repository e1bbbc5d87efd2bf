import { type CivilDate, civilDate, dayTicks, FIRST_DAY, LAST_DAY } from "./day-number.ts";

const MONTHS = "January February March April May June July August September October November December".split(" ");
const DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(" ");

/** Units of a pattern, each with its number of letters, and literal text. */
export type DateToken =
  | { readonly unit: "Y" | "M" | "D" | "W" | "h" | "m" | "s" | "f" | "T"; readonly width: number }
  | { readonly unit: "literal"; readonly width: 0; readonly text: string }
  /** `[.fff]`: shown only if the fraction is not zero. */
  | { readonly unit: "optional"; readonly width: 0; readonly tokens: readonly DateToken[] };

const TOKEN = /\[|\]|[Yy]+|M+|[Dd]+|[Ww]+|[Hh]+|m+|[Ss]+|[Ff]+|[Tt]{2}|./gsu;

/** Cuts a date, time or interval pattern into tokens. Only `M` (month) and `m` (minute) differ by case. */
export function dateTokens(pattern: string): readonly DateToken[] {
  const outer: DateToken[] = [];
  let inner: DateToken[] | undefined;
  for (const [text] of pattern.matchAll(TOKEN)) {
    if (text === "[" && inner === undefined) {
      inner = [];
    } else if (text === "]" && inner !== undefined) {
      outer.push({ unit: "optional", width: 0, tokens: inner });
      inner = undefined;
    } else {
      (inner ?? outer).push(dateToken(text));
    }
  }
  if (inner !== undefined) outer.push({ unit: "literal", width: 0, text: "[" }, ...inner);
  return outer;
}

function dateToken(text: string): DateToken {
  const letter = text[0]!;
  const width = text.length;
  if (letter === "M" || letter === "m") return { unit: letter, width };
  const upper = letter.toUpperCase();
  if (upper === "Y" || upper === "D" || upper === "W") return { unit: upper, width };
  if (upper === "H") return { unit: "h", width };
  if (upper === "S") return { unit: "s", width };
  if (upper === "F") return { unit: "f", width };
  if (upper === "T" && width === 2) return { unit: "T", width };
  return { unit: "literal", width: 0, text };
}

/** Digits of a second that have to be told apart: three at the least, so that noise below a millisecond never shows. */
export function secondDigits(tokens: readonly DateToken[]): number {
  let digits = 3;
  for (const token of tokens) {
    if (token.unit === "f") digits = Math.max(digits, Math.min(token.width, 6));
    if (token.unit === "optional") digits = Math.max(digits, secondDigits(token.tokens));
  }
  return digits;
}

/**
 * Compiles a pattern of dates, times and timestamps: `D DD` day, `M MM MMM MMMM` month, `YY YYYY` year, `W WW WWW WWWW`
 * weekday (0 = Monday), `h hh` hour (1-12 with `TT`), `m mm`, `s ss`, `f fff` fraction, `TT` AM/PM, `[.fff]`. Everything
 * else is literal.
 *
 * The value is rounded to the millisecond (finer if the pattern has more than three `f`) and cut below the units shown:
 * 44205.999999988424 (23:59:59) is that day under `M/D/YYYY`. Names are English: Qlik takes them from the script that
 * loads, and a file does not say which. Verified: `M/D/YYYY` and `MMM-YY` against CSV stored by Qlik; the other units
 * against texts that real files carry beside the number. Not verified: `W`, `[...]`, names in other cases.
 *
 * @returns a function that gives `undefined` for a number that is no date (not finite, or outside years 1-9999)
 */
export function compileDatePattern(pattern: string): (value: number) => string | undefined {
  const tokens = dateTokens(pattern);
  const digits = secondDigits(tokens);
  const perSecond = 10 ** digits;
  const half = tokens.some((token) => token.unit === "T");
  return (value) => {
    if (!(value >= FIRST_DAY && value < LAST_DAY + 1)) return undefined;
    const { day, ticks } = dayTicks(value, perSecond);
    if (day > LAST_DAY) return undefined;
    return renderTokens(tokens, { date: civilDate(day), ticks, perSecond, digits, half });
  };
}

interface Moment {
  readonly date: CivilDate;
  readonly ticks: number;
  readonly perSecond: number;
  readonly digits: number;
  readonly half: boolean;
}

function renderTokens(tokens: readonly DateToken[], t: Moment): string {
  let out = "";
  for (const token of tokens) out += renderToken(token, t);
  return out;
}

function renderToken(token: DateToken, t: Moment): string {
  const width = token.width;
  const seconds = Math.floor(t.ticks / t.perSecond);
  switch (token.unit) {
    case "literal":
      return token.text;
    case "optional":
      return t.ticks % t.perSecond === 0 ? "" : renderTokens(token.tokens, t);
    case "Y":
      return width >= 4 ? padded(t.date.year, width) : padded(t.date.year, 4).slice(-width);
    case "M":
      return width <= 2 ? padded(t.date.month, width) : name(MONTHS, t.date.month - 1, width);
    case "D":
      return padded(t.date.day, width);
    case "W":
      return width <= 2 ? padded(t.date.weekday, width) : name(DAYS, t.date.weekday, width);
    case "h": {
      const hour = Math.floor(seconds / 3600);
      return padded(t.half ? hour % 12 || 12 : hour, width);
    }
    case "m":
      return padded(Math.floor(seconds / 60) % 60, width);
    case "s":
      return padded(seconds % 60, width);
    case "f":
      return fraction(t.ticks % t.perSecond, t.digits, width);
    case "T":
      return seconds < 43_200 ? "AM" : "PM";
  }
}

function name(names: readonly string[], index: number, width: number): string {
  return width === 3 ? names[index]!.slice(0, 3) : names[index]!;
}

export function padded(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

/** `width` digits of a fraction given in units of `10^-digits`. */
export function fraction(ticks: number, digits: number, width: number): string {
  return padded(ticks, digits).slice(0, width).padEnd(width, "0");
}
