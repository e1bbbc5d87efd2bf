import * as arrow from "apache-arrow";
import { type Table as ArrowTable, type DataType, Dictionary, tableFromIPC } from "apache-arrow";
import fc from "fast-check";
import { expect, test } from "vitest";
import { concat } from "../../src/bytes/concat.ts";
import { type ErrorCode, isQErr } from "../../src/errors.ts";
import { MAX_ARROW_TEXT_BYTES } from "../../src/limits.ts";
import { writeArrow } from "../../src/output/arrow.ts";
import { textDictionary } from "../../src/output/arrow-column.ts";
import type { ExportOptions } from "../../src/output/options.ts";
import { typedColumns } from "../../src/output/typed-column.ts";
import type { Cell } from "../../src/table/dual.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import type { Table } from "../../src/table/table.ts";
import { anyTable } from "../helpers/made-tables.ts";

async function arrowOf(table: Table, options: ExportOptions = {}): Promise<ArrowTable> {
  const pieces: Uint8Array[] = [];
  await writeArrow(table, { write: async (bytes) => void pieces.push(bytes.slice()) }, options);
  return tableFromIPC(concat(pieces));
}

async function codeOf(run: () => Promise<unknown>): Promise<ErrorCode | "no error"> {
  const error = await run().catch((cause: unknown) => cause);
  return isQErr(error) ? error.code : "no error";
}

const ARROW_TYPE = {
  int32: "Int32",
  int64: "Int64",
  double: "Float64",
  date: "Date32<DAY>",
  time: "Time64<MICROSECOND>",
  timestamp: "Timestamp<MICROSECOND>",
  string: "Dictionary<Int32, Utf8>",
} as const;

/** The raw number of a value: the getters of apache-arrow turn dates and timestamps into milliseconds. */
function rawValues(table: ArrowTable, k: number): unknown[] {
  const values: unknown[] = [];
  for (const data of table.getChildAt(k)!.data) {
    for (let row = 0; row < data.length; row++) {
      if (!data.getValid(row)) values.push(null);
      else if (data.type instanceof Dictionary) {
        // Its own decoder drops a leading U+FEFF.
        const texts = (data.dictionary as arrow.Vector<arrow.Utf8>).data[0]!;
        const index = data.values[row] as number;
        const bytes = texts.values.subarray(texts.valueOffsets[index], texts.valueOffsets[index + 1]);
        values.push(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
      } else values.push(data.values[row]);
    }
  }
  return values;
}

test("any table comes back from the Arrow reader, cell by cell", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyTable,
      fc.constantFrom("both", "text", "number"),
      fc.integer({ min: 1, max: 20 }),
      async (m, duals, batchRows) => {
        // apache-arrow writes an empty name as a missing one and reads a name without its leading U+FEFF.
        fc.pre(m.names.every((name) => /^[^\ufeff]/.test(name)));
        const columns = await typedColumns(m.table, { duals });
        const back = await arrowOf(m.table, { duals, scan: { batchRows } });
        expect(back.schema.fields.map((field) => field.name)).toEqual(columns.map((column) => column.name));
        expect(back.schema.fields.map((field) => String(field.type as DataType))).toEqual(
          columns.map((column) => ARROW_TYPE[column.kind]),
        );
        expect(back.numRows).toBe(m.rows.length);
        for (const [k, column] of columns.entries()) {
          const expected: unknown[] = [];
          for await (const batch of m.table.scan({ fields: [column.ordinal] })) {
            for (let r = 0; r < batch.rows; r++) expected.push(column.value(batch.indexes[0]![r]!) ?? null);
          }
          expect(rawValues(back, k)).toEqual(expected);
        }
      },
    ),
    { numRuns: 100 },
  );
});

test("a text field is written as one dictionary, whatever the number of batches", async () => {
  const words: Cell[] = Array.from({ length: 1000 }, (_, r) => `word ${r % 3}`);
  const back = await arrowOf(memoryTable("t", ["w"], [words]), { scan: { batchRows: 100 } });
  expect(back.batches).toHaveLength(10);
  expect(back.getChildAt(0)!.data[0]!.dictionary?.length).toBe(3);
  expect([...back.getChildAt(0)!]).toEqual(words);
});

test("a range of rows of some fields", async () => {
  const table = memoryTable(
    "t",
    ["a", "b"],
    [
      [1, 2, 3, 4],
      ["w", "x", "y", "z"],
    ],
  );
  const back = await arrowOf(table, { scan: { fields: [1, 0], from: 1, to: 3 } });
  expect(back.toArray().map((row) => [...Object.values(row.toJSON())])).toEqual([
    ["x", 2],
    ["y", 3],
  ]);
});

test("what Arrow cannot hold is refused", async () => {
  const table = memoryTable("t", ["a"], [["text"]]);
  expect(await codeOf(() => arrowOf(table, { scan: { fields: [0, 0] } }))).toBe("OUTPUT_VALUE");
  expect(await codeOf(() => arrowOf(table, { scan: { fields: [] } }))).toBe("USAGE");
  const [column] = await typedColumns(table, {});
  expect(textDictionary(arrow, column!, 4).toArray()).toEqual(["text"]);
  expect(await codeOf(async () => textDictionary(arrow, column!, 3))).toBe("OUTPUT_VALUE");
  expect(MAX_ARROW_TEXT_BYTES).toBe(2147483647);
});

test("without apache-arrow the error says what to install", async () => {
  const table = memoryTable("t", ["a"], [[1]]);
  const missing = async (): Promise<never> => {
    throw new Error("Cannot find package 'apache-arrow'");
  };
  const error: unknown = await writeArrow(table, { write: async () => {} }, {}, missing).catch(
    (cause: unknown) => cause,
  );
  expect(error).toMatchObject({
    code: "OUTPUT_UNAVAILABLE",
    hint: expect.stringContaining("npm install apache-arrow"),
  });
});
