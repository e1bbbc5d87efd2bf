import { generalText } from "./decimal.ts";

const RADIX: Readonly<Record<string, number>> = { bin: 2, oct: 8, dec: 10, hex: 16 };

const ROMAN: readonly (readonly [number, string])[] = [
  [1000, "m"],
  [900, "cm"],
  [500, "d"],
  [400, "cd"],
  [100, "c"],
  [90, "xc"],
  [50, "l"],
  [40, "xl"],
  [10, "x"],
  [9, "ix"],
  [5, "v"],
  [4, "iv"],
  [1, "i"],
];

/**
 * A formatter for the patterns that begin with `(bin)`, `(oct)`, `(dec)`, `(hex)`, `(rom)` or `(r02)`-`(r36)`, in capitals
 * for capital digits; `undefined` if the pattern is none of them. Integers only (Roman 1-3999); every other number is
 * shown without a pattern. From Qlik's help; never seen in a file.
 */
export function compileRadixPattern(pattern: string): ((value: number) => string) | undefined {
  const match = /^\((bin|oct|dec|hex|rom|r\d\d)\)/i.exec(pattern);
  const name = match?.[1];
  if (name === undefined) return undefined;
  const capitals = name === name.toUpperCase();
  const key = name.toLowerCase();
  const radix = RADIX[key] ?? (key === "rom" ? 0 : Number(key.slice(1)));
  if (radix !== 0 && (radix < 2 || radix > 36)) return undefined;
  return (value) => {
    if (!Number.isSafeInteger(value)) return generalText(value);
    const text = radix === 0 ? roman(value) : value.toString(radix);
    return capitals ? text.toUpperCase() : text;
  };
}

function roman(value: number): string {
  if (value < 1 || value > 3999) return String(value);
  let out = "";
  let rest = value;
  for (const [worth, letters] of ROMAN) {
    while (rest >= worth) {
      out += letters;
      rest -= worth;
    }
  }
  return out;
}
