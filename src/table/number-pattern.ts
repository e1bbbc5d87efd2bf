import { decimalOf, fractionDigits, generalText, roundDecimals, wholeDigits } from "./decimal.ts";

/** Separators of a pattern, as the NumberFormat of the field gives them. */
export interface Separators {
  readonly dec: string;
  readonly thou: string;
}

type WholeToken = "0" | "#" | { readonly separator: string } | { readonly literal: string };

interface Section {
  readonly prefix: string;
  readonly suffix: string;
  /** Tokens before the decimal separator, rightmost first. */
  readonly whole: readonly WholeToken[];
  /** Digits between repeated separators, 0 if there is none. */
  readonly group: number;
  readonly groupText: string;
  readonly minDecimals: number;
  readonly maxDecimals: number;
  /** Powers of ten to multiply with: 2 for a percent sign. */
  readonly shift: number;
  /** Literal text only, no digit. */
  readonly bare: boolean;
}

/**
 * Compiles a Qlik number pattern: `positive;negative;zero`, `0` = digit, `#` = digit if there is one, the field's own
 * separators, anything else literal, a percent sign multiplies by 100. Rounds half away from zero.
 *
 * - A negative number takes the second section even if it rounds to zero (-0.14 is `($0)`), else a minus sign.
 * - Nothing but `#` means a number without a pattern: 0.34 under `##############` is `0.34`.
 *
 * Both are verified against CSV stored by Qlik. Not verified: the third section, `#` after the decimal separator (drops
 * zeros here), a number without any digit to show (`0` here, e.g. 0 under `#,###`).
 */
export function compileNumberPattern(pattern: string, separators: Separators): (value: number) => string {
  const dec = separators.dec || (separators.thou === "." ? "," : ".");
  const thou = separators.thou || (dec === "," ? "." : ",");
  if (/^#*$/.test(pattern)) return (value) => generalText(value, dec);
  const [first = "", second = "", third = ""] = pattern.split(";");
  const positive = section(first, dec, thou);
  const negative = second === "" ? undefined : section(second, dec, thou);
  const zero = third === "" ? undefined : section(third, dec, thou);
  return (value) => {
    if (!Number.isFinite(value)) return generalText(value, dec);
    if (value === 0 && zero !== undefined) return render(value, zero, dec);
    if (value >= 0) return render(value, positive, dec);
    return negative === undefined ? `-${render(value, positive, dec)}` : render(value, negative, dec);
  };
}

function section(text: string, dec: string, thou: string): Section {
  let start = text.search(/[#0]/);
  if (start < 0) {
    const bare = { prefix: text, suffix: "", whole: [], group: 0, groupText: "", shift: 0, bare: true };
    return { ...bare, minDecimals: 0, maxDecimals: 0 };
  }
  if (start > 0 && text[start - 1] === dec) start--;
  const end = Math.max(text.lastIndexOf("#"), text.lastIndexOf("0")) + 1;
  const body = text.slice(start, end);
  const point = body.indexOf(dec);
  const fraction = point < 0 ? "" : body.slice(point + 1).replace(/[^#0]/g, "");
  const whole = (point < 0 ? body : body.slice(0, point))
    .split("")
    .reverse()
    .map((char) => wholeToken(char, thou));
  const firstSeparator = whole.findIndex((token) => typeof token === "object" && "separator" in token);
  const group = whole.slice(0, Math.max(firstSeparator, 0)).filter((token) => typeof token === "string").length;
  return {
    prefix: text.slice(0, start),
    suffix: text.slice(end),
    whole,
    group,
    groupText: group === 0 ? "" : thou,
    minDecimals: fraction.lastIndexOf("0") + 1,
    maxDecimals: fraction.length,
    shift: text.includes("%") ? 2 : 0,
    bare: false,
  };
}

function wholeToken(char: string, thou: string): WholeToken {
  if (char === "0" || char === "#") return char;
  return char === thou ? { separator: char } : { literal: char };
}

function render(value: number, s: Section, dec: string): string {
  if (s.bare) return s.prefix;
  const exact = decimalOf(value);
  const d = roundDecimals({ ...exact, point: exact.digits === "" ? 0 : exact.point + s.shift }, s.maxDecimals);
  const fraction = fractionDigits(d).padEnd(s.minDecimals, "0");
  const whole = placeWhole(wholeDigits(d), s);
  const digits = whole === "" && fraction === "" ? "0" : whole;
  return s.prefix + digits + (fraction === "" ? "" : dec + fraction) + s.suffix;
}

/** Puts digits into the places of the pattern from the right; digits to spare go on with the same grouping. */
function placeWhole(digits: string, s: Section): string {
  let left = digits.length;
  let places = 0;
  let sinceSeparator = 0;
  let zerosLeft = s.whole.filter((token) => token === "0").length;
  let out = "";
  for (const token of s.whole) {
    if (typeof token === "string") {
      // eslint-disable-next-line security/detect-possible-timing-attacks -- a token of a number pattern
      if (token === "0") zerosLeft--;
      places++;
      sinceSeparator++;
      if (left > 0) out = digits[--left] + out;
      else if (token === "0" || zerosLeft > 0) out = `0${out}`;
    } else if (left > 0 || zerosLeft > 0) {
      if ("separator" in token) {
        out = token.separator + out;
        sinceSeparator = 0;
      } else if (places > 0) out = token.literal + out;
    }
  }
  for (; left > 0; sinceSeparator++) {
    if (s.group > 0 && sinceSeparator === s.group) {
      out = s.groupText + out;
      sinceSeparator = 0;
    }
    out = digits[--left] + out;
  }
  return out;
}
