import type { NumberFormat } from "../../src/table/field.ts";
import { numberFormatter } from "../../src/table/number-format.ts";
import { must, type Target } from "./target.ts";

const TYPES = ["UNKNOWN", "ASCII", "INTEGER", "REAL", "FIX", "MONEY", "DATE", "TIME", "TIMESTAMP", "INTERVAL"];
const VALUES = [
  0,
  -0,
  1,
  -1,
  0.5,
  1e-7,
  1234567.891,
  -98765.4321,
  45000.75,
  2958465.99999,
  1e15,
  2 ** 53,
  1e21,
  1e308,
  -1e308,
  5e-324,
  Number.NaN,
  Infinity,
  -Infinity,
];

/** Type, decimals and flags in the first three bytes, then pattern, decimal and thousands separator between NULs. */
export const numberFormat: Target = {
  name: "number-format",
  files: [
    "table/number-format.ts",
    "table/number-pattern.ts",
    "table/date-format.ts",
    "table/interval-format.ts",
    "table/radix-format.ts",
    "table/decimal.ts",
    "table/day-number.ts",
  ],
  maxBytes: 4096,
  mutators: [],
  words: [
    "#",
    "##0",
    "0.00",
    "#,##0",
    ";",
    "(0)",
    "YYYY",
    "MM",
    "DD",
    "hh",
    "mm",
    "ss",
    "[.fff]",
    "TT",
    "WWW",
    "'",
    '"',
    "(bin)",
    "(oct)",
    "(hex)",
    "(R36)",
    "E+00",
    "%",
    "\u00a0",
    "\ud83d\ude00",
  ],
  seeds: async () =>
    [
      "#,##0.00;(#,##0.00)\u0000.\u0000,",
      "YYYY-MM-DD hh:mm:ss[.fff]",
      "h:mm:ss TT",
      "D h:mm",
      "(hex)",
      "0.0E+00",
      "",
      "MMM WWW",
      "0.000\u0000,\u0000.",
    ].flatMap((pattern) =>
      TYPES.map((_, type) => new TextEncoder().encode(`${String.fromCharCode(type)}\u0002\u0001${pattern}`)),
    ),
  run(data) {
    const [fmt = "", dec = "", thou = ""] = new TextDecoder().decode(data.subarray(3)).split("\u0000");
    const format: NumberFormat = {
      type: TYPES[(data[0] ?? 0) % TYPES.length]!,
      nDec: data[1] ?? 0,
      useThou: (data[2] ?? 0) & 1,
      fmt,
      dec,
      thou,
    };
    const show = numberFormatter(format);
    for (const value of VALUES) {
      const shown = show(value);
      must(typeof shown === "string", "a number is shown as nothing");
      must(shown.length <= 2000 + 40 * (fmt.length + dec.length + 330 * thou.length), "a number is shown endlessly");
      must(
        !/undefined|\[object/.test(shown) || /undefined|\[object/.test(fmt + dec + thou),
        "a number is shown as a slip",
      );
    }
  },
};
