import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { concat } from "../../src/bytes/concat.ts";
import { isQErr } from "../../src/errors.ts";
import { type ParquetOptions, writeParquet } from "../../src/output/parquet.ts";
import { type TypedColumn, typedColumns } from "../../src/output/typed-column.ts";
import type { Cell } from "../../src/table/dual.ts";
import { type NumberFormat, UNKNOWN_FORMAT } from "../../src/table/field.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import type { Table } from "../../src/table/table.ts";
import { anyTable, made } from "../helpers/made-tables.ts";

let folder: string;
let path: string;
let files = 0;
let duck: DuckDBConnection;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "qvault-parquet-"));
  duck = await (await DuckDBInstance.create(":memory:")).connect();
});
afterAll(async () => {
  duck.closeSync();
  await rm(folder, { recursive: true });
});

async function parquet(table: Table, options: ParquetOptions = {}): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  await writeParquet(table, { write: async (bytes) => void pieces.push(bytes.slice()) }, options);
  return concat(pieces);
}

interface Read {
  readonly types: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** What DuckDB makes of a Parquet file, dates and times as their numbers. */
async function duckRead(bytes: Uint8Array): Promise<Read> {
  // A new name each time: DuckDB keeps what it read of a path.
  path = join(folder, `${++files}.parquet`);
  await writeFile(path, bytes);
  const reader = await duck.runAndReadAll(`select * from read_parquet('${path}')`);
  const plain = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if ("micros" in value) return value.micros;
    return "days" in value ? value.days : value;
  };
  return { types: reader.columnTypes().map(String), rows: reader.getRows().map((row) => row.map(plain)) };
}

/** The values the columns should hold, row by row, straight from the cells' own symbols. */
async function expectedRows(table: Table, columns: readonly TypedColumn[]): Promise<unknown[][]> {
  const rows: unknown[][] = [];
  for await (const batch of table.scan()) {
    for (let r = 0; r < batch.rows; r++) {
      rows.push(columns.map((column) => column.value(batch.indexes[column.ordinal]![r]!) ?? null));
    }
  }
  return rows;
}

const DUCK_TYPE = {
  int32: "INTEGER",
  int64: "BIGINT",
  double: "DOUBLE",
  date: "DATE",
  time: "TIME",
  timestamp: "TIMESTAMP",
  string: "VARCHAR",
} as const;

const format = (type: string, fmt = ""): NumberFormat => ({ ...UNKNOWN_FORMAT, type, fmt, dec: ".", thou: "," });

describe("DuckDB reads what was written", () => {
  test("every kind of column, cell by cell, against values worked out by hand", async () => {
    const { table } = made(
      "kinds",
      ["int", "long", "num", "day", "stamp", "clock", "span", "cash", "name", "mix", "none"],
      ["UNKNOWN", "UNKNOWN", "REAL", "DATE", "DATE", "TIME", "INTERVAL", "MONEY", "UNKNOWN", "UNKNOWN", "UNKNOWN"].map(
        (t) => format(t),
      ),
      [
        [1, null, -(2 ** 31)],
        [2 ** 40, null, -(2 ** 53) + 1],
        [0.1, -0, Number.NaN],
        [36526, null, -52593],
        [36526.5, null, 36526],
        [0, 0.5, 0.99999999999999],
        [1.5, null, -3],
        [5, 0.25, null],
        ["007", "", null],
        ["a", 1.5, { number: 2, text: "two" }],
        [null, null, null],
      ],
    );
    const { types, rows } = await duckRead(await parquet(table));
    expect(types).toEqual([
      "INTEGER",
      "BIGINT",
      "DOUBLE",
      "DATE",
      "TIMESTAMP",
      "TIME",
      "DOUBLE",
      "DOUBLE",
      "VARCHAR",
      "VARCHAR",
      "DOUBLE",
      "VARCHAR",
    ]);
    expect(rows).toEqual([
      [1, 1099511627776n, 0.1, 10957, 946728000000000n, 0n, 1.5, 5, "007", "a", null, null],
      [null, null, -0, null, null, 43200000000n, null, 0.25, "", "1.5", 1.5, null],
      [
        -2147483648,
        -9007199254740991n,
        Number.NaN,
        -78162,
        946684800000000n,
        86399999999n,
        -3,
        null,
        null,
        "two",
        2,
        null,
      ],
    ]);
  });

  test("any table, cell by cell", async () => {
    await fc.assert(
      fc.asyncProperty(
        anyTable,
        fc.constantFrom("both", "text", "number"),
        fc.integer({ min: 1, max: 7 }),
        async (m, duals, rowGroupRows) => {
          fc.pre(m.names.every((name) => name !== ""));
          const columns = await typedColumns(m.table, { duals });
          const { types, rows } = await duckRead(
            await parquet(m.table, { duals, rowGroupRows, cacheBytes: rowGroupRows === 1 ? 0 : undefined }),
          );
          expect(types).toEqual(columns.map((column) => DUCK_TYPE[column.kind]));
          // The binding decodes with a TextDecoder that drops a leading U+FEFF; the next test looks at the bytes.
          const seen = (await expectedRows(m.table, columns)).map((row) =>
            row.map((value) => (typeof value === "string" ? value.replace(/^\ufeff/, "") : value)),
          );
          expect(rows).toEqual(seen);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("a text that begins with U+FEFF or holds U+0000 is kept byte by byte", async () => {
    await duckRead(await parquet(memoryTable("t", ["a"], [["\ufeffx", "a\0b", ""]])));
    const hex = await duck.runAndReadAll(`select hex(encode(a)) from read_parquet('${path}')`);
    expect(hex.getRows()).toEqual([["EFBBBF78"], ["610062"], [""]]);
  });

  test("strings of many row groups are dictionaries, and -0 is not taken for 0", async () => {
    const words: Cell[] = Array.from({ length: 5000 }, (_, r) => (r % 11 === 0 ? null : `word ${r % 7}`));
    const zeros: Cell[] = words.map((_, r) => (r % 2 === 0 ? 0 : -0));
    const table = memoryTable("t", ["w", "z"], [words, zeros]);
    const bytes = await parquet(table, { rowGroupRows: 2000 });
    const { rows } = await duckRead(bytes);
    expect(rows).toEqual(words.map((word, r) => [word, zeros[r]]));
    const meta = await duck.runAndReadAll(`select path_in_schema, encodings from parquet_metadata('${path}')`);
    const encodings = meta.getRows().map(([path, list]) => `${path}: ${list}`);
    expect(encodings).toHaveLength(6);
    expect(encodings.filter((line) => line.startsWith("w"))).toEqual(Array(3).fill("w: PLAIN, RLE_DICTIONARY"));
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
    const scan = { fields: [1, 0], from: 1, to: 3 };
    expect((await duckRead(await parquet(table, { scan }))).rows).toEqual([
      ["x", 2],
      ["y", 3],
    ]);
  });

  test("a table without rows", async () => {
    const read = await duckRead(await parquet(memoryTable("t", ["a", "b"], [[], []])));
    expect(read).toEqual({ types: ["VARCHAR", "VARCHAR"], rows: [] });
  });
});

describe("sides of duals", () => {
  const dates: Cell[] = [{ number: 36526, text: "2000-01-01" }, 36527, null];
  const months: Cell[] = [{ number: 1, text: "Jan" }, { number: 2, text: "Feb" }, 3];
  const plain: Cell[] = [{ number: 1, text: "1" }, { number: 0.5, text: "0.5" }, 2];
  const table = made(
    "t",
    ["d", "m", "p", "m.text"],
    [format("DATE", "YYYY-MM-DD"), UNKNOWN_FORMAT, UNKNOWN_FORMAT, UNKNOWN_FORMAT],
    [dates, months, plain, ["", "", ""]],
  ).table;
  const shape = async (duals: "text" | "number" | "both"): Promise<string[]> =>
    (await typedColumns(table, { duals })).map((column) => `${column.name} ${column.kind}`);

  test("both adds a text column only where the texts say more than the value", async () => {
    expect(await shape("both")).toEqual(["d date", "m int32", "m.text.text string", "p double", "m.text string"]);
  });
  test("number leaves texts out, text makes strings of fields with duals", async () => {
    expect(await shape("number")).toEqual(["d date", "m int32", "p double", "m.text string"]);
    expect(await shape("text")).toEqual(["d string", "m string", "p string", "m.text string"]);
  });
  test("a mixed field under number shows exact numbers and its texts", async () => {
    const mixed = memoryTable("t", ["x"], [["a", { number: 0.1, text: "tenth" }, null]]);
    const [column] = await typedColumns(mixed, { duals: "number" });
    expect([0, 1, -1].map((index) => column!.value(index))).toEqual(["a", "0.1", undefined]);
  });
  test("texts in ISO form under a timestamp or time say no more than the value", async () => {
    const of = (type: string, cell: Cell): Table => made("t", ["x"], [format(type)], [[cell]]).table;
    const count = async (t: Table): Promise<number> => (await typedColumns(t, {})).length;
    expect(await count(of("TIMESTAMP", { number: 36526.5, text: "2000-01-01 12:00:00" }))).toBe(1);
    expect(await count(of("TIMESTAMP", { number: 36526.5, text: "noon" }))).toBe(2);
    expect(await count(of("TIME", { number: 0.5, text: "12:00:00" }))).toBe(1);
    expect(await count(of("TIME", { number: 0.5, text: "12:00" }))).toBe(2);
  });
});

test("what Parquet cannot hold is refused", async () => {
  const table = memoryTable("t", ["a"], [[1]]);
  const codeOf = async (options: ParquetOptions): Promise<string> => {
    const error = await parquet(table, options).catch((cause: unknown) => cause);
    return isQErr(error) ? error.code : "no error";
  };
  expect(await codeOf({ scan: { fields: [0, 0] } })).toBe("OUTPUT_VALUE");
  expect(await codeOf({ scan: { fields: [] } })).toBe("USAGE");
});

test("of long texts no least and greatest is said, since each row would be compared; they come back all the same", async () => {
  const long = ["a", "b", null, "a"].map((end) => (end === null ? null : "x".repeat(2000) + end));
  const table = memoryTable("t", ["long", "short"], [long, ["q", "p", null, "q"]]);
  const file = join(folder, "long.parquet");
  await writeFile(file, await parquet(table));
  const said = await duck.runAndReadAll(
    `select path_in_schema, stats_min_value, stats_max_value from parquet_metadata('${file}') order by 1`,
  );
  expect(said.getRows()).toEqual([
    ["long", null, null],
    ["short", "p", "q"],
  ]);
  expect((await duck.runAndReadAll(`select long from '${file}'`)).getRows()).toEqual(long.map((text) => [text]));
});
