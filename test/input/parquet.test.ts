import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { gzip } from "pako";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ParquetReadOptions, readParquet } from "../../src/input/parquet.ts";
import { parquetCompressors } from "../../src/input/parquet-codec.ts";
import { MAX_PARQUET_CHUNK_BYTES } from "../../src/limits.ts";
import { writeParquet } from "../../src/output/parquet.ts";
import { typedColumns } from "../../src/output/typed-column.ts";
import { memorySource } from "../../src/source/memory.ts";
import { dayOfUnixMicros, UNIX_EPOCH_DAY } from "../../src/table/day-number.ts";
import type { Cell } from "../../src/table/dual.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { anyTable } from "../helpers/made-tables.ts";
import { codeOf, rowsOf, written } from "../helpers/read.ts";

let folder: string;
let duck: DuckDBConnection;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "qvault-import-"));
  duck = await (await DuckDBInstance.create(":memory:")).connect();
});
afterAll(async () => {
  duck.closeSync();
  await rm(folder, { recursive: true });
});

/** What real DuckDB writes for a query. */
async function duckParquet(query: string, options = ""): Promise<Uint8Array> {
  const path = join(folder, "t.parquet");
  await duck.run(`copy (${query}) to '${path}' (format parquet${options})`);
  return readFile(path);
}

async function read(bytes: Uint8Array, options: ParquetReadOptions = {}) {
  const reader = await readParquet(memorySource(bytes), options);
  return { fields: reader.fields, rows: await rowsOf(reader) };
}

/** The one cell of a query of one value. */
async function cell(value: string, options: ParquetReadOptions = {}): Promise<Cell> {
  const { rows } = await read(await duckParquet(`select ${value} as x`), options);
  return rows[0]![0]!;
}

describe("files that DuckDB wrote", () => {
  test.each<[string, Cell]>([
    ["42::tinyint", 42],
    ["-42::smallint", -42],
    ["42::integer", 42],
    ["42::bigint", 42],
    ["250::utinyint", 250],
    ["65000::usmallint", 65000],
    ["4000000000::uinteger", 4000000000],
    ["9000000000::ubigint", 9000000000],
    ["9007199254740992::bigint", 2 ** 53],
    ["0.1::float", Math.fround(0.1)],
    ["0.1::double", 0.1],
    ["'-0.0'::double", -0],
    ["'NaN'::double", Number.NaN],
    ["'-Infinity'::double", Number.NEGATIVE_INFINITY],
    ["'007'", "007"],
    ["''", ""],
    ["'\u00e9\u{1f600}'", "\u00e9\u{1f600}"],
    ["'\ufeffx'", "\ufeffx"],
    ["null::varchar", null],
    ["true", { number: -1, text: "true" }],
    ["false", { number: 0, text: "false" }],
    ["date '2000-01-01'", 36526],
    ["date '1756-01-01'", -52593],
    ["time '12:00:00'", 0.5],
    ["timestamp '2000-01-01 12:00:00'", 36526.5],
    ["timestamp '1899-12-29 18:00:00'", -0.25],
    ["timestamp_s '2000-01-01 06:00:00'", 36526.25],
    ["timestamp_ms '2000-01-01 06:00:00.000'", 36526.25],
    ["timestamp_ns '2000-01-01 06:00:00.000000000'", 36526.25],
    ["timestamptz '2000-01-01 12:00:00+00'", 36526.5],
    ["1.10::decimal(4,2)", 1.1],
    ["-1.10::decimal(9,2)", -1.1],
    ["123456789.123456::decimal(18,6)", 123456789.123456],
    ["-12.5::decimal(38,4)", -12.5],
    ["12::decimal(38,0)", 12],
    ["1.1::decimal(38,20)", 1.1],
    ["1234567890123.456::decimal(16,3)", 1234567890123.456],
    ["1152921504606846976::decimal(38,2)", 2 ** 60],
    ["0.0000000000000000012::decimal(38,30)", 1.2e-18],
    ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    ["'{\"a\":1}'::json", '{"a":1}'],
    ["'b'::enum('a','b')", "b"],
  ])("%s", async (value, expected) => {
    expect(await cell(value)).toEqual(expected);
  });

  test("numbers of too many digits are refused, kept as texts, or rounded", async () => {
    const cases: readonly (readonly [string, string, number])[] = [
      ["9007199254740993::bigint", "9007199254740993", 9007199254740992],
      ["18446744073709551615::ubigint", "18446744073709551615", 18446744073709552000],
      ["-0.1234567890123456789::decimal(19,19)", "-0.1234567890123456789", -0.12345678901234568],
      ["12345678901234567.89::decimal(19,2)", "12345678901234567.89", 12345678901234568],
      // Their digits are below 2^53, or a double by themselves, and still another number is nearest.
      ["8796093022208.001::decimal(16,3)", "8796093022208.001", 8796093022208.002],
      ["1152921504606846.976::decimal(19,3)", "1152921504606846.976", 1152921504606847],
    ];
    for (const [value, text, number] of cases) {
      expect(await codeOf(() => cell(value))).toBe("IMPORT_VALUE");
      expect(await cell(value, { bigIntegers: "text" })).toBe(text);
      expect(await cell(value, { bigIntegers: "number" })).toBe(number);
    }
  });

  test("dates and times get a format and tags, other fields are left to their values", async () => {
    const { fields } = await read(
      await duckParquet("select date '2000-01-01' d, timestamp '2000-01-01' ts, time '12:00' t, 1 n, 'x' s"),
    );
    expect(fields.map((field) => [field.name, field.numberFormat?.type, field.numberFormat?.fmt, field.tags])).toEqual([
      ["d", "DATE", "YYYY-MM-DD", ["$numeric", "$integer", "$timestamp", "$date"]],
      ["ts", "TIMESTAMP", "YYYY-MM-DD hh:mm:ss[.fff]", ["$numeric", "$timestamp"]],
      ["t", "TIME", "hh:mm:ss", ["$numeric"]],
      ["n", "UNKNOWN", "", undefined],
      ["s", "UNKNOWN", "", undefined],
    ]);
  });

  test.each(["snappy", "gzip", "uncompressed"])("many row groups, dictionaries and NULLs, %s", async (codec) => {
    const query =
      "select i, case when i % 7 = 0 then null else 'word ' || (i % 100) end w, i / 8.0 d from range(20000) t(i)";
    const { rows } = await read(await duckParquet(query, `, codec '${codec}', row_group_size 4096`));
    expect(rows).toHaveLength(20_000);
    expect(rows).toEqual(Array.from({ length: 20_000 }, (_, i) => [i, i % 7 === 0 ? null : `word ${i % 100}`, i / 8]));
  });

  test.each<[string, string, string]>([
    ["a list", "select [1, 2] x", ""],
    ["a struct", "select {'a': 1} x", ""],
    ["an interval", "select interval 1 day x", ""],
    ["zstd", "select 1 x", ", codec 'zstd'"],
  ])("refused: %s", async (_, query, options) => {
    const bytes = await duckParquet(query, options);
    expect(await codeOf(() => read(bytes))).toBe("IMPORT_UNSUPPORTED");
  });

  test("bytes that are no text are refused", async () => {
    expect(await cell("'abc'::blob")).toBe("abc");
    expect(await codeOf(() => cell("'\\xff'::blob"))).toBe("BYTES_UTF8");
  });

  test("an empty table", async () => {
    const { fields, rows } = await read(await duckParquet("select 1 a, 'x' b limit 0"));
    expect([fields.length, rows.length]).toEqual([2, 0]);
  });
});

test("what the Parquet writer writes comes back as its typed values", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyTable,
      fc.constantFrom<"both" | "text" | "number">("both", "text", "number"),
      async (m, duals) => {
        const columns = await typedColumns(m.table, { duals });
        const expected: Cell[][] = [];
        for await (const batch of m.table.scan()) {
          for (let r = 0; r < batch.rows; r++) {
            expected.push(
              columns.map((column) => {
                const value = column.value(batch.indexes[column.ordinal]![r]!);
                if (value === undefined) return null;
                if (column.kind === "date") return (value as number) + UNIX_EPOCH_DAY;
                if (column.kind === "timestamp") return dayOfUnixMicros(value as bigint);
                return typeof value === "bigint" ? Number(value) : value;
              }),
            );
          }
        }
        // hyparquet reads names with a decoder that drops a leading U+FEFF.
        fc.pre(m.names.every((name) => !name.startsWith("\ufeff")));
        const { rows } = await read(await written((t, s, o) => writeParquet(t, s, o), m.table, { duals }));
        expect(rows).toEqual(expected);
      },
    ),
    { numRuns: 150 },
  );
});

describe("limits and damage", () => {
  test("a column that unpacks to more than the limit, on both sides of it", async () => {
    const words = Array.from({ length: 1000 }, (_, r) => `word ${r}`);
    const bytes = await written((t, s, o) => writeParquet(t, s, o), memoryTable("t", ["w"], [words]));
    const size = words.reduce((sum, word) => sum + word.length + 4, 0);
    expect((await read(bytes, { chunkBytes: size + 200 })).rows).toHaveLength(1000);
    expect(await codeOf(() => read(bytes, { chunkBytes: size - 200 }))).toBe("LIMIT_EXCEEDED");
    expect(MAX_PARQUET_CHUNK_BYTES).toBe(2 ** 30);
  });

  test("a page that claims more than the limit, or another length than it has", async () => {
    const page = new TextEncoder().encode("x".repeat(1000));
    const unpack = (codec: "GZIP" | "SNAPPY", packed: Uint8Array, length: number): Promise<string> =>
      codeOf(async () => parquetCompressors(1000)[codec]?.(packed, length));
    expect(parquetCompressors(1000).GZIP?.(gzip(page), 1000)).toEqual(page);
    expect(await unpack("GZIP", gzip(page), 1001)).toBe("LIMIT_EXCEEDED");
    expect(await unpack("GZIP", gzip(page), 999)).toBe("IMPORT_SYNTAX");
    expect(await unpack("GZIP", gzip(page).subarray(0, 20), 1000)).toBe("IMPORT_SYNTAX");
    expect(await unpack("GZIP", gzip(page.subarray(1)), 1000)).toBe("IMPORT_SYNTAX");
    expect(await unpack("SNAPPY", page, 1001)).toBe("LIMIT_EXCEEDED");
    expect(await unpack("SNAPPY", page, -1)).toBe("IMPORT_SYNTAX");
  });

  test("what is no Parquet file", async () => {
    expect(await codeOf(() => read(new Uint8Array(0)))).toBe("IMPORT_SYNTAX");
    expect(await codeOf(() => read(new TextEncoder().encode("a,b\n1,2\n3,4\n")))).toBe("IMPORT_SYNTAX");
  });

  test("two fields of one name", async () => {
    const bytes = await written((t, s, o) => writeParquet(t, s, o), memoryTable("t", ["aa", "ab"], [[1], [2]]));
    for (let i = bytes.length - 1; i > 0; i--) if (bytes[i] === 0x62 && bytes[i - 1] === 0x61) bytes[i] = 0x61;
    expect(await codeOf(() => read(bytes))).toBe("IMPORT_SYNTAX");
  });

  test("a file that was cut off, or has a byte changed, is read or refused with a code, never more", async () => {
    const query =
      "select i, 'word ' || (i % 5) w, i / 8.0 d, date '2000-01-01' + i::integer the_day from range(50) t(i)";
    const good = await duckParquet(query);
    const seen = new Map<string, number>();
    const note = async (bytes: Uint8Array): Promise<void> => {
      const code = await codeOf(() => read(bytes));
      seen.set(code, (seen.get(code) ?? 0) + 1);
    };
    for (let length = 0; length < good.length; length += 17) await note(good.slice(0, length));
    for (let at = 0; at < good.length; at += 3) {
      const bad = new Uint8Array(good);
      bad[at]! ^= 0x55;
      await note(bad);
    }
    const known = [
      "no error",
      "IMPORT_SYNTAX",
      "IMPORT_UNSUPPORTED",
      "IMPORT_VALUE",
      "BYTES_UTF8",
      "LIMIT_EXCEEDED",
      "SOURCE_RANGE",
    ];
    expect([...seen.keys()].filter((code) => !known.includes(code))).toEqual([]);
    expect(seen.get("IMPORT_SYNTAX")).toBeGreaterThan(50);
  });
});
