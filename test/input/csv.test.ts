import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CsvReadOptions, readCsv } from "../../src/input/csv.ts";
import { csvFields } from "../../src/input/csv-record.ts";
import { MAX_FIELDS, MAX_INPUT_RECORD_BYTES } from "../../src/limits.ts";
import { writeCsv } from "../../src/output/csv.ts";
import type { Cell } from "../../src/table/dual.ts";
import { displayText, numberFormatter } from "../../src/table/number-format.ts";
import { anyTable } from "../helpers/made-tables.ts";
import { codeOf, inPieces, rowsOf, written } from "../helpers/read.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Read {
  readonly names: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

async function read(
  input: string | Uint8Array,
  options: CsvReadOptions = {},
  pieces: readonly number[] = [1 << 20],
): Promise<Read> {
  const bytes = typeof input === "string" ? utf8(input) : input;
  const reader = await readCsv(inPieces(bytes, pieces), options);
  return { names: reader.fields.map((field) => field.name), rows: await rowsOf(reader) };
}

describe("what is read", () => {
  test.each<[string, string, Read]>([
    [
      "texts stay texts",
      "a,b\r\n007,1.50\r\n1,x\r\n",
      {
        names: ["a", "b"],
        rows: [
          ["007", "1.50"],
          ["1", "x"],
        ],
      },
    ],
    [
      "LF, and no line end at the end",
      "a,b\n1,2\n3,4",
      {
        names: ["a", "b"],
        rows: [
          ["1", "2"],
          ["3", "4"],
        ],
      },
    ],
    [
      "nothing is NULL, quotes with nothing are an empty text",
      'a,b,c\n,"",x\n',
      { names: ["a", "b", "c"], rows: [[null, "", "x"]] },
    ],
    [
      "quotes, delimiters and line ends in quotes",
      'a,b\n"x ""y"", z","1\r\n2\n"\n',
      { names: ["a", "b"], rows: [['x "y", z', "1\r\n2\n"]] },
    ],
    ["a quote inside a plain field", 'a,b\n5" disk,it"s\n', { names: ["a", "b"], rows: [['5" disk', 'it"s']] }],
    [
      "a byte order mark before a quoted name with a line end",
      '\ufeff"a\nb",c\n1,2\n',
      { names: ["a\nb", "c"], rows: [["1", "2"]] },
    ],
    ["empty lines are skipped", "a,b\n\n1,2\n\r\n\n", { names: ["a", "b"], rows: [["1", "2"]] }],
    ["an empty line of a single field is NULL", "a\n\nx\n\r\n", { names: ["a"], rows: [[null], ["x"], [null]] }],
    ["a name that is missing", "a,,c\n1,2,3\n", { names: ["a", "@2", "c"], rows: [["1", "2", "3"]] }],
    ["names only", "a,b", { names: ["a", "b"], rows: [] }],
    ["spaces are kept", " a , b\n 1 ,\t\n", { names: [" a ", " b"], rows: [[" 1 ", "\t"]] }],
    ["a lone CR is a character", "a,b\n1\r2,3\n", { names: ["a", "b"], rows: [["1\r2", "3"]] }],
  ])("%s", async (_, input, expected) => {
    expect(await read(input)).toEqual(expected);
    expect(await read(input, {}, [1])).toEqual(expected);
  });

  test("without a header the fields have numbers", async () => {
    expect(await read("1,2\n3,4\n", { header: false })).toEqual({
      names: ["@1", "@2"],
      rows: [
        ["1", "2"],
        ["3", "4"],
      ],
    });
  });
  test("another delimiter", async () => {
    expect((await read('a;b\n1,5;"x;y"\n', { delimiter: ";" })).rows).toEqual([["1,5", "x;y"]]);
    expect((await read("a\tb\n1\t2\n", { delimiter: "\t" })).rows).toEqual([["1", "2"]]);
  });
  test("nothing may be an empty text", async () => {
    expect((await read("a,b\n,x\n", { empty: "text" })).rows).toEqual([["", "x"]]);
  });
  test("canonical numbers, and nothing else, become numbers", async () => {
    const numbers = ["0", "7", "-1.5", "1e+21", "0.1", "9007199254740991", "5e-324"];
    const texts = [
      "007",
      "1.50",
      "+1",
      "-0",
      "1,5",
      " 1",
      "1e3",
      ".5",
      "Infinity",
      "NaN",
      "0x10",
      "9007199254740993",
      "1_000",
    ];
    const input = `a\n${[...numbers, ...texts].map((text) => `"${text}"`).join("\n")}\n`;
    const { rows } = await read(input, { numbers: "canonical" });
    expect(rows.map(([cell]) => cell)).toEqual([...numbers.map(Number), ...texts]);
    expect((await read(input)).rows.map(([cell]) => cell)).toEqual([...numbers, ...texts]);
  });
});

test("however the input is cut into pieces, the rows are the same", async () => {
  const piece = fc.constantFrom("a", ",", '"', '""', "\r\n", "\n", "\r", "é", "\u{1f600}", "x,y", " ", "\ufeff");
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      async (parts, lengths) => {
        const input = `h1,h2\n${parts.join("")}`;
        const outcome = async (pieces: readonly number[]): Promise<unknown> =>
          read(input, {}, pieces).catch((error: Error) => error.message);
        expect(await outcome(lengths)).toEqual(await outcome([1 << 20]));
      },
    ),
    { numRuns: 400 },
  );
});

test("what the CSV writer writes is read back as the texts it showed", async () => {
  await fc.assert(
    fc.asyncProperty(anyTable, fc.integer({ min: 1, max: 40 }), async (m, length) => {
      const formats = m.formats.map(numberFormatter);
      const names = m.names.map((name, k) => name || `@${k + 1}`);
      const expected = m.rows.map((row) =>
        row.map((cell, k) => (cell === null ? null : displayText(cell, formats[k]!))),
      );
      expect(await read(await written(writeCsv, m.table), {}, [length])).toEqual({ names, rows: expected });
    }),
    { numRuns: 200 },
  );
});

test("long inputs come in many batches, in order", async () => {
  const cells = Array.from({ length: 20_000 }, (_, r) => [String(r), r % 3 === 0 ? null : `x${r}`]);
  const input = `a,b\n${cells.map((row) => row.map((cell) => cell ?? "").join(",")).join("\n")}\n`;
  const reader = await readCsv(inPieces(utf8(input), [65_536]));
  expect(await rowsOf(reader)).toEqual(cells);
});

describe("what is refused", () => {
  test.each<[string, string | Uint8Array, string]>([
    ["no record", "", "IMPORT_SYNTAX"],
    ["a quote that is not closed", 'a,b\n1,"x\n2,3\n', "IMPORT_SYNTAX"],
    ["text after a closing quote", 'a,b\n"x"y,2\n', "IMPORT_SYNTAX"],
    ["too few fields", "a,b\n1\n", "IMPORT_SYNTAX"],
    ["too many fields", "a,b\n1,2,3\n", "IMPORT_SYNTAX"],
    ["two fields of one name", "a,a\n1,2\n", "IMPORT_SYNTAX"],
    ["lines that end with CR alone", "a,b\r1,2\r3,4\r", "IMPORT_SYNTAX"],
    ["lines that end with CR CR LF", '"a\r",b\r\r\n1,2\r\r\n', "IMPORT_SYNTAX"],
    ["UTF-16", Uint8Array.of(0xff, 0xfe, 0x61, 0, 0x0a, 0), "IMPORT_UNSUPPORTED"],
    ["UTF-16, big end first", Uint8Array.of(0xfe, 0xff, 0, 0x61, 0, 0x0a), "IMPORT_UNSUPPORTED"],
    ["bytes that are no UTF-8", Uint8Array.of(0x61, 0x0a, 0xe4, 0x0a), "BYTES_UTF8"],
  ])("%s", async (_, input, code) => {
    expect(await codeOf(() => read(input, {}, [3]))).toBe(code);
  });

  test("a bad delimiter", async () => {
    for (const delimiter of ["", ";;", '"', "\n", "ä"])
      expect(await codeOf(() => read("a\n", { delimiter }))).toBe("USAGE");
  });

  test("a record longer than the limit, on both sides of it, whatever the pieces", async () => {
    const input = `a,b\n${"x".repeat(50)},"${"y".repeat(45)}"\n`;
    for (const pieces of [[1], [7], [1000]]) {
      expect((await read(input, { recordBytes: 99 }, pieces)).rows).toHaveLength(1);
      expect(await codeOf(() => read(input, { recordBytes: 98 }, pieces))).toBe("LIMIT_EXCEEDED");
    }
    expect(MAX_INPUT_RECORD_BYTES).toBe(64 * 1024 * 1024);
  });

  test("over the limit of fields, and a record of any number of them: no more are read than tell", async () => {
    expect((await read(",".repeat(MAX_FIELDS - 1))).names).toHaveLength(MAX_FIELDS);
    expect(await codeOf(() => read(",".repeat(MAX_FIELDS)))).toBe("LIMIT_EXCEEDED");
    const place = { number: 1, offset: 0 };
    expect(csvFields(",".repeat(1000), ",", place, 3)).toHaveLength(4);
    // As many names do not fit a set.
    expect(await codeOf(() => read(",".repeat(2 ** 24)))).toBe("LIMIT_EXCEEDED");
    expect(await codeOf(() => read(`a,b\n${",".repeat(1000)}\n`))).toBe("IMPORT_SYNTAX");
  });

  test("an endless record is refused before it fills memory", async () => {
    let given = 0;
    function* endless(): Generator<Uint8Array> {
      yield utf8('a,b\n"');
      while (true) {
        given += 100_000;
        yield new Uint8Array(100_000).fill(0x78);
      }
    }
    const run = async (): Promise<unknown> => rowsOf(await readCsv(endless(), { recordBytes: 1_000_000 }));
    expect(await codeOf(run)).toBe("LIMIT_EXCEEDED");
    expect(given).toBeLessThanOrEqual(1_100_000);
  });

  test("messages name the record and its offset, never its content", async () => {
    const error: unknown = await read('a,b\n1,2\n"secret"x,3\n').catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: "IMPORT_SYNTAX",
      offset: 8,
      message: "record 3 has text after a closing quote",
    });
    expect(JSON.stringify(error)).not.toContain("secret");
  });
});
