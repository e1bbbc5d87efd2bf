/**
 * A finite number as decimal digits: `0.digits * 10^point`, with no leading and no trailing zero in `digits`
 * (zero is the empty string). The digits are the shortest that give back the same double.
 */
export interface Decimal {
  readonly negative: boolean;
  readonly digits: string;
  readonly point: number;
}

/** Digits of a finite number; of -0 they are those of 0. */
export function decimalOf(value: number): Decimal {
  if (value === 0) return { negative: false, digits: "", point: 0 };
  const text = Math.abs(value).toExponential();
  const e = text.indexOf("e");
  const digits = text[0] + text.slice(2, e);
  return { negative: value < 0, digits, point: Number(text.slice(e + 1)) + 1 };
}

/**
 * Keeps `count` digits, rounding half away from zero on the decimal digits, not on the binary value: Qlik writes
 * 98.2637445123485, which is below the half in binary, as 98.263744512349 (seen in its own CSV), and 238.5 as `239`.
 */
export function keepDigits(d: Decimal, count: number): Decimal {
  if (count >= d.digits.length) return d;
  if (count < 0) return { negative: d.negative, digits: "", point: 0 };
  const up = d.digits.charCodeAt(count) >= 0x35;
  let end = count;
  if (!up) {
    while (end > 0 && d.digits[end - 1] === "0") end--;
    return end === 0 ? { negative: d.negative, digits: "", point: 0 } : { ...d, digits: d.digits.slice(0, end) };
  }
  while (end > 0 && d.digits[end - 1] === "9") end--;
  if (end === 0) return { negative: d.negative, digits: "1", point: d.point + 1 };
  const last = String.fromCharCode(d.digits.charCodeAt(end - 1) + 1);
  return { ...d, digits: d.digits.slice(0, end - 1) + last };
}

/** Rounds to `decimals` digits after the point. */
export function roundDecimals(d: Decimal, decimals: number): Decimal {
  return keepDigits(d, d.point + decimals);
}

/** Digits before the point, without leading zeros: empty for a number below 1. */
export function wholeDigits(d: Decimal): string {
  if (d.point <= 0) return "";
  return d.digits.slice(0, d.point).padEnd(d.point, "0");
}

/** Digits after the point, without trailing zeros. */
export function fractionDigits(d: Decimal): string {
  if (d.digits === "" || d.point >= d.digits.length) return "";
  return d.point >= 0 ? d.digits.slice(d.point) : "0".repeat(-d.point) + d.digits;
}

/** Significant digits that Qlik shows of a number without a pattern. */
const GENERAL_DIGITS = 14;

/**
 * A number without a pattern, as C's `%.14g` writes it except for the rounding of {@link keepDigits}: 14 significant
 * digits, no trailing zeros, an exponent of two digits at the least below 1e-4 and from 1e14.
 *
 * The 14 digits and the plain notation are verified (9,181 doubles in 43 CSV files stored by Qlik, build 50689); the form
 * of the exponent, of -0 (`0`), NaN and infinity is not, since no such value was found in a file with a known text.
 */
export function generalText(value: number, decimalSeparator = "."): string {
  const text = quickGeneralText(value) ?? slowGeneralText(value);
  return decimalSeparator === "." ? text : text.replace(".", decimalSeparator);
}

/**
 * The common case: a fraction between 1e-4 and 1e14, by the engine's own conversions. Its `toPrecision` rounds the binary
 * value, {@link keepDigits} the shortest decimal; they differ only where the shortest decimal is exactly half way, which
 * takes 15 digits that end in 5. (If a half way point lay strictly between the two, it would itself read back as the
 * value, with no more digits, and closer: it would be the shortest.)
 */
function quickGeneralText(value: number): string | undefined {
  const size = Math.abs(value);
  if (Number.isInteger(value)) return size < 1e14 ? String(value) : undefined;
  if (!(size >= 1e-4 && size < 1e14)) return undefined;
  const shortest = String(value);
  const zeros = size >= 1 ? 0 : size >= 0.1 ? 1 : size >= 0.01 ? 2 : size >= 0.001 ? 3 : 4;
  const digits = shortest.length - (value < 0 ? 2 : 1) - zeros;
  if (digits <= GENERAL_DIGITS) return shortest;
  if (digits === GENERAL_DIGITS + 1 && shortest.endsWith("5")) return undefined;
  const rounded = value.toPrecision(GENERAL_DIGITS);
  if (rounded.includes("e")) return undefined;
  if (!rounded.includes(".")) return rounded;
  let end = rounded.length;
  while (rounded.charCodeAt(end - 1) === 0x30) end--;
  return rounded.slice(0, rounded.charCodeAt(end - 1) === 0x2e ? end - 1 : end);
}

/** {@link generalText} with a point, digit by digit: the rule itself, and the test of the quick way. */
export function slowGeneralText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const d = keepDigits(decimalOf(value), GENERAL_DIGITS);
  const sign = d.negative ? "-" : "";
  const exponent = d.point - 1;
  if (d.digits === "") return "0";
  if (exponent >= -4 && exponent < GENERAL_DIGITS) {
    const fraction = fractionDigits(d);
    return sign + (wholeDigits(d) || "0") + (fraction === "" ? "" : `.${fraction}`);
  }
  const rest = d.digits.slice(1);
  const power = String(Math.abs(exponent)).padStart(2, "0");
  return `${sign}${d.digits[0]}${rest === "" ? "" : `.${rest}`}e${exponent < 0 ? "-" : "+"}${power}`;
}

/** Shortest decimal text that reads back as the same double; -0 is `-0`, the rest is as JavaScript writes it. */
export function exactText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}
