import { expect, test } from "vitest";
import type { Cell } from "../../src/table/dual.ts";
import { type NumberFormat, UNKNOWN_FORMAT } from "../../src/table/field.ts";
import { interner } from "../../src/table/interner.ts";
import { type ColumnType, columnType } from "../../src/table/typing.ts";
import { readPlainQvd } from "../helpers/plain-qvd.ts";
import { realQvdFiles } from "../helpers/shared.ts";

function typed(cells: readonly Exclude<Cell, null>[], type = "UNKNOWN", tags: readonly string[] = []): ColumnType {
  const symbols = interner();
  for (const cell of cells) symbols.add(cell);
  const numberFormat: NumberFormat = { ...UNKNOWN_FORMAT, type };
  return columnType({ numberFormat, tags }, symbols.table());
}

test.each<[string, readonly Exclude<Cell, null>[], string, readonly string[], ColumnType["kind"]]>([
  ["no symbol", [], "DATE", ["$date"], "empty"],
  ["whole numbers", [1, -5, 2 ** 40], "UNKNOWN", [], "integer"],
  ["a fraction", [1, 0.5], "INTEGER", ["$integer"], "number"],
  ["-0, which an integer cannot hold", [1, -0], "UNKNOWN", [], "number"],
  ["beyond 2^53", [1, 2 ** 53], "UNKNOWN", [], "number"],
  ["texts that look like numbers", ["1", "007"], "INTEGER", ["$numeric"], "text"],
  ["texts under a date format", ["2020-01-01"], "DATE", ["$date"], "text"],
  ["texts and numbers", [1, "1"], "REAL", [], "mixed"],
  ["an empty text among dates", [36526, ""], "DATE", ["$date"], "mixed"],
  ["whole days", [36526, { number: 36527, text: "x" }], "DATE", [], "date"],
  ["fractional days under a date format", [36526, 36526.5], "DATE", ["$date"], "timestamp"],
  ["fractional days tagged as dates", [36526.5], "UNKNOWN", ["$numeric", "$timestamp", "$date"], "timestamp"],
  ["whole days tagged as both", [36526], "UNKNOWN", ["$numeric", "$integer", "$timestamp", "$date"], "date"],
  ["whole days tagged as timestamps", [36526], "UNKNOWN", ["$timestamp"], "timestamp"],
  ["whole days under a timestamp format", [36526], "TIMESTAMP", [], "timestamp"],
  ["a number format beside a date tag", [36526], "INTEGER", ["$date"], "integer"],
  ["days beyond the year 9999", [2958466], "DATE", [], "integer"],
  ["days before the year 1", [-693594.5], "TIMESTAMP", [], "number"],
  ["parts of a day", [0, 0.25], "TIME", [], "time"],
  ["a time of a whole day", [0.25, 1], "TIME", [], "timestamp"],
  ["a time too great for a date", [1e9], "TIME", [], "integer"],
  ["a duration", [0.25, -3], "INTERVAL", [], "interval"],
  ["an amount", [5, 5.25], "MONEY", [], "money"],
  ["not a number among dates", [36526, Number.NaN], "DATE", [], "number"],
])("%s", (_, cells, type, tags, kind) => expect(typed(cells, type, tags).kind).toBe(kind));

test("the range, and what is unusual, is told", () => {
  expect(typed([3, -2, { number: 7.5, text: "x" }])).toEqual({
    kind: "number",
    duals: true,
    integral: false,
    min: -2,
    max: 7.5,
    unusual: false,
  });
  expect(typed([Number.POSITIVE_INFINITY])).toMatchObject({ kind: "number", unusual: true, min: 0, max: 0 });
  expect(typed(["a"])).toMatchObject({ kind: "text", duals: false, min: 0, max: 0 });
});

test("real columns: a date holds whole days only, and a column of texts is text whatever its tags say", () => {
  const files = realQvdFiles();
  if (files === undefined) return;
  let dates = 0;
  let texts = 0;
  for (const file of files) {
    for (const field of readPlainQvd(file) ?? []) {
      const { kind } = typed(field.symbols, field.numberFormat.type, field.tags);
      const numbers = field.symbols
        .filter((s) => typeof s !== "string")
        .map((s) => (typeof s === "number" ? s : s.number));
      if (kind === "date") {
        dates++;
        expect(numbers.length, field.name).toBe(field.symbols.length);
        expect(numbers.every(Number.isInteger), field.name).toBe(true);
      }
      if (field.symbols.length > 0 && numbers.length === 0) {
        texts++;
        expect(kind, field.name).toBe("text");
      }
    }
  }
  expect(dates).toBeGreaterThanOrEqual(71);
  expect(texts).toBeGreaterThan(300);
});
