import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_FORMAT_CHARACTERS, MAX_SEPARATOR_CHARACTERS } from "../../src/limits.ts";
import { slowGeneralText } from "../../src/table/decimal.ts";
import { type NumberFormat, UNKNOWN_FORMAT } from "../../src/table/field.ts";
import { displayText, numberFormatter } from "../../src/table/number-format.ts";
import { readPlainQvd } from "../helpers/plain-qvd.ts";
import { realQvdFiles } from "../helpers/shared.ts";

function shown(value: number, format: Partial<NumberFormat>): string {
  return numberFormatter({ ...UNKNOWN_FORMAT, ...format })(value);
}
const money = (value: number): string => shown(value, { type: "MONEY", fmt: "$#,##0;($#,##0)", dec: ".", thou: "," });
const real = (value: number, fmt: string, dec = ".", thou = ","): string =>
  shown(value, { type: "REAL", fmt, dec, thou });

describe("formats that stand in a file once and would be in each cell", () => {
  test("are used up to a length, and separators up to another", () => {
    const pattern = (length: number) => `0${"x".repeat(length - 1)}`;
    expect(real(7, pattern(MAX_FORMAT_CHARACTERS))).toHaveLength(MAX_FORMAT_CHARACTERS);
    expect(real(7.5, pattern(MAX_FORMAT_CHARACTERS + 1))).toBe("7.5");
    for (const type of ["DATE", "INTERVAL", "MONEY"]) {
      const fmt = "D".repeat(MAX_FORMAT_CHARACTERS + 1);
      expect(shown(7.5, { type, fmt, dec: ",", thou: "." }), type).toBe("7,5");
    }
    const separator = (length: number) => "'".repeat(length);
    expect(real(1234, "#'##0", ".", "'")).toBe("1'234");
    const most = separator(MAX_SEPARATOR_CHARACTERS);
    expect(real(1234, `#${most}##0`, ".", most)).toBe(`1${most}234`);
    const more = separator(MAX_SEPARATOR_CHARACTERS + 1);
    expect(real(1234, `#${more}##0`, ".", more)).toBe("1234");
    expect(shown(1.5, { type: "FIX", nDec: 1, dec: more })).toBe("1.5");
  });
});

describe("numbers without a pattern", () => {
  // Each of these pairs was seen in a QVD and the CSV that Qlik stored from the same table.
  test.each([
    [6346.030000000001, "6346.03"],
    [72047.17999999992, "72047.18"],
    [98.2637445123485, "98.263744512349"],
    [-91.64436633810186, "-91.644366338102"],
    [-0.009999999999990905, "-0.0099999999999909"],
    [0.4304477311908306, "0.43044773119083"],
    [-100, "-100"],
    [0.34, "0.34"],
  ])("%d is shown as %s, as Qlik stored it", (value, text) => {
    expect(shown(value, {})).toBe(text);
    expect(real(value, "##############")).toBe(text);
  });

  test.each([
    [0, "0"],
    [-0, "0"],
    [99999999999999, "99999999999999"],
    [1e14, "1e+14"],
    [123456789012345, "1.2345678901235e+14"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [1e300, "1e+300"],
    [9.99999999999999, "10"],
    [Number.NaN, "NaN"],
  ])("%d is shown as %s by the rule", (value, text) => expect(shown(value, {})).toBe(text));

  test("a comma is the decimal separator where the format says so", () => {
    expect(shown(1.5, { type: "REAL", dec: ",", thou: "." })).toBe("1,5");
  });

  test("the quick way agrees with the rule, also half way between two texts", () => {
    const agrees = (value: number): boolean => shown(value, {}) === slowGeneralText(value);
    fc.assert(fc.property(fc.double(), agrees), { numRuns: 2000 });
    fc.assert(fc.property(fc.double({ min: -1e15, max: 1e15 }), agrees), { numRuns: 2000 });
    fc.assert(fc.property(fc.double({ min: -1, max: 1 }), agrees), { numRuns: 2000 });
    const half = fc.tuple(fc.bigInt({ min: 10n ** 13n, max: 10n ** 14n - 1n }), fc.integer({ min: -2, max: 20 }));
    fc.assert(
      fc.property(half, ([digits, scale]) => agrees(Number(`${digits}5e-${scale}`.replace("--", "")))),
      { numRuns: 2000 },
    );
    for (const value of [99999999999999.9, 9999999999999.95, 1e14 - 0.5, 0.0001]) {
      expect(agrees(value)).toBe(true);
    }
  });

  test("a number of up to 14 digits reads back as itself, and every number within half a unit of digit 14", () => {
    fc.assert(
      fc.property(fc.integer({ min: -99999999999999, max: 99999999999999 }), fc.nat(18), (digits, scale) => {
        const value = Number(`${digits}e-${scale}`);
        return Number(shown(value, {})) === value;
      }),
    );
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const back = Number(shown(value, {}));
        if (Math.abs(value) < 1e-300) return true;
        return Math.abs(back - value) <= Math.abs(value) * 5.0001e-14;
      }),
    );
  });
});

describe("number patterns", () => {
  test.each([
    [389.5, "$390"],
    [238.5, "$239"],
    [-460.5, "($461)"],
    [785.4999999999999, "$785"],
    [-0.46, "($0)"],
    [0.029999999999999995, "$0"],
    [-99000, "($99,000)"],
    [5318767.53, "$5,318,768"],
    [9999999, "$9,999,999"],
  ])("money %d is %s, as Qlik stored it", (value, text) => expect(money(value)).toBe(text));

  test.each([
    [1234567.891, "#,##0.00", "1,234,567.89"],
    [0, "#,##0.00", "0.00"],
    [-1.005, "#,##0.00", "-1.01"],
    [-0.001, "0.00", "-0.00"],
    [0.256, "0.0%", "25.6%"],
    [1.005, "0%", "101%"],
    [7, "000", "007"],
    [12345, "###0", "12345"],
    [0, "0;-0;none", "none"],
    [5, "0;-0;none", "5"],
    [-5, "0;minus 0", "minus 5"],
    [12.5, "0.0## kg", "12.5 kg"],
    [12, "0.### kg", "12 kg"],
    [0.5, "#.00", ".50"],
    [0, "#,###", "0"],
    [1e21, "#,##0", "1,000,000,000,000,000,000,000"],
    [999.9999, "#,##0.00", "1,000.00"],
    [Number.NaN, "0.00", "NaN"],
  ])("%d under %s is %s", (value, fmt, text) => expect(real(value, fmt)).toBe(text));

  test("separators come from the format, not from a locale", () => {
    expect(real(1234567.5, "#\u00a0##0,00", ",", "\u00a0")).toBe("1\u00a0234\u00a0567,50");
    expect(real(1234567.5, "#.##0,0 \u20ac;-#.##0,0 \u20ac", ",", ".")).toBe("1.234.567,5 \u20ac");
    expect(real(-5.25, "###0,00", ",", "")).toBe("-5,25");
    expect(real(123456789012, "0000-0000-0000", ".", "-")).toBe("1234-5678-9012");
    expect(real(1245678912, "0000-0000-0000", ".", "-")).toBe("0012-4567-8912");
    expect(real(1, "(00) 0000", ".", "")).toBe("(00) 0001");
  });

  test("FIX without a pattern shows its decimals, unless their number is a filler", () => {
    expect(shown(1234.5, { type: "FIX", nDec: 2, useThou: 1, dec: ",", thou: "." })).toBe("1.234,50");
    expect(shown(1234.5, { type: "FIX", nDec: 2, useThou: 0, dec: ".", thou: "," })).toBe("1234.50");
    expect(shown(1234.5, { type: "FIX", nDec: 14, dec: "." })).toBe("1234.5");
  });

  test.each([
    [199, "(bin)", "11000111"],
    [199, "(oct)", "307"],
    [199, "(hex)", "c7"],
    [199, "(HEX)", "C7"],
    [199, "(R36)", "5J"],
    [1999, "(rom)", "mcmxcix"],
    [14, "(ROM)", "XIV"],
    [1.5, "(hex)", "1.5"],
  ])("%d under %s is %s", (value, fmt, text) => expect(real(value, fmt)).toBe(text));

  test("#,##0.00 agrees with exact integer arithmetic on cents", () => {
    const grouped = (whole: bigint): string => whole.toString().replace(/\B(?=(\d{3})+$)/g, ",");
    fc.assert(
      fc.property(fc.integer({ min: -(10 ** 13), max: 10 ** 13 }), (cents) => {
        const abs = BigInt(Math.abs(cents));
        const expected = `${cents < 0 ? "-" : ""}${grouped(abs / 100n)}.${String(abs % 100n).padStart(2, "0")}`;
        return real(Number(`${cents}e-2`), "#,##0.00") === expected;
      }),
    );
  });

  test("a pattern of n decimals is within half a unit of the last place", () => {
    fc.assert(
      fc.property(fc.double({ min: -1e9, max: 1e9, noNaN: true }), fc.integer({ min: 1, max: 6 }), (value, n) => {
        const back = Number(real(value, `0.${"0".repeat(n)}`));
        return Math.abs(back - value) <= 0.5 * 10 ** -n + Math.abs(value) * 3e-16;
      }),
    );
  });
});

describe("dates, times, timestamps", () => {
  const at = (value: number, fmt: string, type = "TIMESTAMP"): string => shown(value, { type, fmt });

  test.each([
    [44670, "M/D/YYYY", "4/19/2022"],
    [44205.999999988424, "M/D/YYYY", "1/9/2021"],
    [44562, "MMM-YY", "Jan-22"],
  ])("%d under %s is %s, as Qlik stored it", (value, fmt, text) => expect(at(value, fmt, "DATE")).toBe(text));

  test.each([
    [0, "YYYY-MM-DD", "1899-12-30"],
    [-1, "YYYY-MM-DD", "1899-12-29"],
    [25569, "YYYY-MM-DD", "1970-01-01"],
    [36526, "DD.MM.YYYY", "01.01.2000"],
    [36526, "D MMMM YYYY, WWWW", "1 January 2000, Saturday"],
    [36528, "WWW W WW", "Mon 0 00"],
    [36526.5, "M/D/YYYY h:mm:ss TT", "1/1/2000 12:00:00 PM"],
    [36526, "M/D/YYYY h:mm:ss TT", "1/1/2000 12:00:00 AM"],
    [36526.75, "h:mm tt", "6:00 PM"],
    [36526.25, "YYYY-MM-DD hh:mm:ss[.fff]", "2000-01-01 06:00:00"],
    [36526 + 1.5 / 86400, "YYYY-MM-DD hh:mm:ss[.fff]", "2000-01-01 00:00:01.500"],
    [36526 + 1.5 / 86400, "YYYY-MM-DDThh:mm:ss.ff", "2000-01-01T00:00:01.50"],
    [36526 + 0.9999999 / 86400, "hh:mm:ss", "00:00:01"],
    [36526 + 0.99 / 86400, "hh:mm:ss", "00:00:00"],
    [36525.9999999999, "YYYY-MM-DD hh:mm:ss", "2000-01-01 00:00:00"],
    [36525.9999999999, "YYYY-MM-DD", "2000-01-01"],
    [-0.25, "YYYY-MM-DD hh:mm", "1899-12-29 18:00"],
    [2958465, "YYYY-MM-DD", "9999-12-31"],
    [2958466, "YYYY-MM-DD", "2958466"],
    [-693594, "YYYY-MM-DD", "-693594"],
    [Number.NaN, "YYYY-MM-DD", "NaN"],
    [36526, "[YYYY", "[2000"],
  ])("%d under %s is %s", (value, fmt, text) => expect(at(value, fmt)).toBe(text));

  test("a format without a pattern falls back to ISO", () => {
    expect(at(36526, "", "DATE")).toBe("2000-01-01");
    expect(at(0.5, "", "TIME")).toBe("12:00:00");
    expect(at(36526.5, "", "TIMESTAMP")).toBe("2000-01-01 12:00:00");
    expect(at(1.5, "", "INTERVAL")).toBe("36:00:00");
  });

  test("the calendar agrees with counting days by the rule of leap years", () => {
    const daysBefore = (year: number): number => {
      const y = year - 1;
      return y * 365 + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
    };
    const lengths = (year: number): readonly number[] => {
      const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
      return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9999 }), fc.nat(11), fc.nat(30), (year, month, dayWish) => {
        const inMonth = lengths(year);
        const day = Math.min(dayWish, inMonth[month]! - 1);
        const before = inMonth.slice(0, month).reduce((a, b) => a + b, 0);
        const number = daysBefore(year) + before + day - 693593;
        const text = [String(year).padStart(4, "0"), month + 1, day + 1]
          .map((n) => String(n).padStart(2, "0"))
          .join("-");
        return at(number, "YYYY-MM-DD", "DATE") === text;
      }),
    );
  });

  test("every millisecond of a day, stored as a double, is shown as itself", () => {
    fc.assert(
      fc.property(fc.integer({ min: -60000, max: 60000 }), fc.integer({ min: 0, max: 86_399_999 }), (day, ms) => {
        const iso = new Date((day - 25569) * 86_400_000 + ms).toISOString();
        return at(day + ms / 86_400_000, "YYYY-MM-DD hh:mm:ss.fff") === iso.slice(0, 23).replace("T", " ");
      }),
      { numRuns: 500 },
    );
  });
});

describe("intervals", () => {
  const interval = (value: number, fmt: string): string => shown(value, { type: "INTERVAL", fmt });

  // The results table of Qlik's help page on Interval().
  test.each([
    [0.375, "9:00:00", "0 09", "09:00", "0 09:00"],
    [1.375, "33:00:00", "1 09", "33:00", "1 09:00"],
    [35.648, "855:33:07", "35 15", "855:33", "35 15:33"],
    [36.875, "885:00:00", "36 21", "885:00", "36 21:00"],
    [368.75, "8850:00:00", "368 18", "8850:00", "368 18:00"],
    [468.95, "11254:48:00", "468 22", "11254:48", "468 22:48"],
  ])("%d is as Qlik documents it", (value, hms, dh, hm, dhm) => {
    expect(interval(value, "h:mm:ss")).toBe(hms);
    expect(interval(value, "d hh")).toBe(dh);
    expect(interval(value, "hh:mm")).toBe(hm);
    expect(interval(value, "d hh:mm")).toBe(dhm);
  });

  test("a negative interval has one sign, and none when nothing is left of it", () => {
    expect(interval(-1.5, "D hh:mm:ss")).toBe("-1 12:00:00");
    expect(interval(-1e-12, "hh:mm:ss")).toBe("00:00:00");
    expect(interval(1.5, "mm:ss")).toBe("2160:00");
    expect(interval(1 + 1.25 / 86400, "s.ff")).toBe("86401.25");
    expect(interval(2.75, "s[.fff]")).toBe("237600");
    expect(interval(1e9, "hh")).toBe("1000000000");
  });

  test("hh:mm:ss.fff adds up to the value", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 86_400_000 * 5000 }), (ms) => {
        const [h, m, s] = interval(ms / 86_400_000, "hh:mm:ss.fff")
          .split(":")
          .map(Number);
        return Math.round((h! * 3600 + m! * 60 + s!) * 1000) === ms;
      }),
    );
  });
});

test("a cell shows its own text before any format, and NULL shows nothing", () => {
  const format = numberFormatter({ ...UNKNOWN_FORMAT, type: "MONEY", fmt: "$0" });
  expect(displayText(null, format)).toBe("");
  expect(displayText("007", format)).toBe("007");
  expect(displayText({ number: 7, text: "seven" }, format)).toBe("seven");
  expect(displayText(7, format)).toBe("$7");
});

/** Texts that real files carry beside a number, by their shape, and the pattern that they were written with. */
const SHAPES: readonly (readonly [RegExp, string, string, number])[] = [
  [/^\d{4}-\d\d-\d\d$/, "DATE", "YYYY-MM-DD", 90_000],
  [/^0\d\/\d\d\/\d{4}$/, "DATE", "MM/DD/YYYY", 4],
  [/^[1-9]\d?\/[1-9]\d?\/\d{4}$/, "DATE", "M/D/YYYY", 8_000],
  [/^\d\d\.\d\d\.\d{4}$/, "DATE", "DD.MM.YYYY", 2_000],
  [/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/, "TIMESTAMP", "YYYY-MM-DD hh:mm:ss", 300],
  // Qlik keeps milliseconds of such a text in the number, so no more than those can come back.
  [/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/, "TIMESTAMP", "YYYY-MM-DD hh:mm:ss.fff", 180],
  [/^\d{1,2}\/\d{1,2}\/\d{4} \d{1,2}:\d\d:\d\d [AP]M$/, "TIMESTAMP", "M/D/YYYY h:mm:ss TT", 10],
  [/^\d{4}-[A-Z][a-z]{2}$/, "DATE", "YYYY-MMM", 300],
  [/^\$\d{1,3}(,\d{3})*\.\d\d$/, "MONEY", "$#,##0.00", 100],
];

test("texts that real files hold beside a number are what the formatter makes of the number", () => {
  const files = realQvdFiles();
  if (files === undefined) return;
  const agreed = SHAPES.map(() => 0);
  const differ: string[] = [];
  const formatters = SHAPES.map(([, type, fmt]) =>
    numberFormatter({ ...UNKNOWN_FORMAT, type, fmt, dec: ".", thou: "," }),
  );
  for (const file of files) {
    for (const field of readPlainQvd(file) ?? []) {
      for (const symbol of field.symbols) {
        if (typeof symbol !== "object") continue;
        const k = SHAPES.findIndex(([shape]) => shape.test(symbol.text));
        if (k < 0) continue;
        const text = SHAPES[k]![2].endsWith(".fff") ? symbol.text.slice(0, -3) : symbol.text;
        if (formatters[k]!(symbol.number) === text) agreed[k]!++;
        else differ.push(`${SHAPES[k]![2]}: ${symbol.number}`);
      }
    }
  }
  expect(differ).toEqual([]);
  for (const [k, [, , pattern, least]] of SHAPES.entries()) expect(agreed[k], pattern).toBeGreaterThanOrEqual(least);
});
