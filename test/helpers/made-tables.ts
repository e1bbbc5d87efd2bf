import fc from "fast-check";
import type { Cell } from "../../src/table/dual.ts";
import { type NumberFormat, UNKNOWN_FORMAT } from "../../src/table/field.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import type { Table } from "../../src/table/table.ts";

/** A table and the cells it was made of. */
export interface MadeTable {
  readonly table: Table;
  readonly names: readonly string[];
  readonly formats: readonly NumberFormat[];
  readonly rows: readonly (readonly Cell[])[];
}

const FORMATS: readonly NumberFormat[] = [
  UNKNOWN_FORMAT,
  { ...UNKNOWN_FORMAT, type: "MONEY", fmt: "$#,##0;($#,##0)", dec: ".", thou: "," },
  { ...UNKNOWN_FORMAT, type: "REAL", fmt: "#.##0,00", dec: ",", thou: "." },
  { ...UNKNOWN_FORMAT, type: "DATE", fmt: "YYYY-MM-DD" },
  { ...UNKNOWN_FORMAT, type: "TIMESTAMP", fmt: "M/D/YYYY h:mm:ss TT" },
];

const text = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.string({ unit: "grapheme", maxLength: 6 }),
  fc.constantFrom(
    "",
    '"',
    ",",
    "a,b",
    "it's",
    "\r\n",
    "\n",
    "\r",
    "007",
    "=1+1",
    "\u2028",
    "\0",
    "\ud83d\ude00",
    "\ufeff",
    "-",
  ),
);
const number = fc.oneof(
  fc.integer(),
  fc.integer({ min: 0, max: 50_000 }),
  fc.double(),
  fc.constantFrom(0, -0, 0.1, 1e21, 2 ** 53, -(2 ** 31), 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY, -5e-324),
);

export const anyCell: fc.Arbitrary<Cell> = fc.oneof(fc.constant(null), number, text, fc.record({ number, text }));

export const anyTable: fc.Arbitrary<MadeTable> = fc
  .record({
    name: text,
    names: fc.uniqueArray(fc.oneof(text, fc.constantFrom("1", "10", "__proto__", "a.number", "a.text")), {
      minLength: 1,
      maxLength: 5,
    }),
    rowCount: fc.nat(12),
  })
  .chain(({ name, names, rowCount }) =>
    fc
      .record({
        formats: fc.array(fc.constantFrom(...FORMATS), { minLength: names.length, maxLength: names.length }),
        // Few distinct cells, so that symbols repeat.
        columns: fc.array(
          fc
            .array(anyCell, { minLength: 1, maxLength: 4 })
            .chain((few) => fc.array(fc.constantFrom(...few), { minLength: rowCount, maxLength: rowCount })),
          { minLength: names.length, maxLength: names.length },
        ),
      })
      .map(({ formats, columns }) => made(name, names, formats, columns)),
  );

export function made(
  name: string,
  names: readonly string[],
  formats: readonly NumberFormat[],
  columns: readonly (readonly Cell[])[],
): MadeTable {
  const fields = names.map((fieldName, k) => ({ name: fieldName, numberFormat: formats[k]! }));
  const rows = (columns[0] ?? []).map((_, r) => columns.map((column) => column[r]!));
  return { table: memoryTable(name, fields, columns), names, formats, rows };
}
