import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readJson } from "../../src/input/json.ts";
import { type NdjsonReadOptions, readNdjson } from "../../src/input/ndjson.ts";
import { MAX_FIELDS } from "../../src/limits.ts";
import { writeJson, writeNdjson } from "../../src/output/json.ts";
import { type Cell, sameCell } from "../../src/table/dual.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { anyTable } from "../helpers/made-tables.ts";
import { codeOf, inPieces, rowsOf, written } from "../helpers/read.ts";

const bytesOf = (input: string | Uint8Array): Uint8Array =>
  typeof input === "string" ? new TextEncoder().encode(input) : input;

interface Read {
  readonly names: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

async function ndjson(
  input: string | Uint8Array,
  options: NdjsonReadOptions = {},
  pieces: readonly number[] = [1 << 20],
): Promise<Read> {
  const reader = await readNdjson(inPieces(bytesOf(input), pieces), options);
  return { names: reader.fields.map((field) => field.name), rows: await rowsOf(reader) };
}

async function json(
  input: string | Uint8Array,
  options: NdjsonReadOptions = {},
  pieces: readonly number[] = [1 << 20],
): Promise<Read & { table: string }> {
  const reader = await readJson(inPieces(bytesOf(input), pieces), options);
  return { table: reader.table, names: reader.fields.map((field) => field.name), rows: await rowsOf(reader) };
}

function expectSameCells(actual: readonly (readonly Cell[])[], expected: readonly (readonly Cell[])[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [r, row] of expected.entries()) {
    expect(actual[r]!.length).toBe(row.length);
    // Beyond equality: -0 is not 0, and a dual is not its number.
    for (const [k, cell] of row.entries()) expect(sameCell(actual[r]![k]!, cell)).toBe(true);
  }
}

describe("what is written comes back as the same cells, however it is cut into pieces", () => {
  test("JSON", async () => {
    await fc.assert(
      fc.asyncProperty(anyTable, fc.integer({ min: 1, max: 50 }), async (m, length) => {
        const back = await json(await written(writeJson, m.table), {}, [length]);
        expect(back.table).toBe(m.table.name);
        expect(back.names).toEqual(m.names);
        expectSameCells(back.rows, m.rows);
      }),
      { numRuns: 300 },
    );
  });

  test("NDJSON", async () => {
    await fc.assert(
      fc.asyncProperty(anyTable, fc.integer({ min: 1, max: 50 }), async (m, length) => {
        const back = await ndjson(
          await written(writeNdjson, m.table),
          { fields: m.rows.length === 0 ? m.names : undefined },
          [length],
        );
        expect(back.names).toEqual(m.names);
        expectSameCells(back.rows, m.rows);
      }),
      { numRuns: 300 },
    );
  });

  test("any double", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.double(), { minLength: 1 }), async (numbers) => {
        const { rows } = await ndjson(await written(writeNdjson, memoryTable("t", ["n"], [numbers])));
        const expected = numbers.map((n) => [n]);
        expectSameCells(rows, expected);
      }),
    );
  });
});

describe("NDJSON", () => {
  test.each<[string, string, Read]>([
    [
      "values of every kind",
      '{"a":1,"b":"x","c":null,"d":[1.5,"one"],"e":true,"f":false}\n',
      {
        names: ["a", "b", "c", "d", "e", "f"],
        rows: [
          [1, "x", null, { number: 1.5, text: "one" }, { number: -1, text: "true" }, { number: 0, text: "false" }],
        ],
      },
    ],
    ["texts stay texts", '{"a":"007"}\n{"a":"1"}', { names: ["a"], rows: [["007"], ["1"]] }],
    [
      "missing keys, new keys, another order",
      '{"a":1,"b":2}\n{"c":3,"b":4}\n{}\n',
      {
        names: ["a", "b", "c"],
        rows: [
          [1, 2, null],
          [null, 4, 3],
          [null, null, null],
        ],
      },
    ],
    [
      "keys that look like numbers keep their order",
      '{"2":1,"1":2,"__proto__":3}\n',
      { names: ["2", "1", "__proto__"], rows: [[1, 2, 3]] },
    ],
    [
      "empty lines, white space, CR LF, a byte order mark",
      '\ufeff \t{ "a" : [ 1 , "x" ] }\r\n\r\n  \n{"a":2}',
      { names: ["a"], rows: [[{ number: 1, text: "x" }], [2]] },
    ],
    [
      "escapes",
      '{"a\\"\\u0062":"\\\\","c":"\\ud83d\\ude00\\n"}',
      { names: ['a"b', "c"], rows: [["\\", "\u{1f600}\n"]] },
    ],
    [
      "the greatest whole numbers",
      '{"a":9007199254740992,"b":-9007199254740991,"c":1e400000000000000000,"d":100000000000000000000}'.replace(
        ',"c":1e400000000000000000',
        "",
      ),
      { names: ["a", "b", "d"], rows: [[2 ** 53, -(2 ** 53) + 1, 1e20]] },
    ],
  ])("%s", async (_, input, expected) => {
    expect(await ndjson(input)).toEqual(expected);
    expect(await ndjson(input, {}, [1])).toEqual(expected);
  });

  test("whole numbers of too many digits are refused, kept as texts, or rounded", async () => {
    const input = '{"id":681522998130651137}\n';
    expect(await codeOf(() => ndjson(input))).toBe("IMPORT_VALUE");
    expect((await ndjson(input, { bigIntegers: "text" })).rows).toEqual([["681522998130651137"]]);
    expect((await ndjson(input, { bigIntegers: "number" })).rows).toEqual([[681522998130651100]]);
    const huge = `{"id":${"9".repeat(400)}}`;
    expect(await codeOf(() => ndjson(huge))).toBe("IMPORT_VALUE");
    expect(await codeOf(() => ndjson(huge, { bigIntegers: "number" }))).toBe("IMPORT_VALUE");
    expect((await ndjson(huge, { bigIntegers: "text" })).rows).toEqual([["9".repeat(400)]]);
    expect(await codeOf(() => ndjson('{"id":[681522998130651137,"x"]}', { bigIntegers: "text" }))).toBe("IMPORT_VALUE");
  });

  test("fields may be named beforehand, also for no rows at all", async () => {
    expect(await ndjson("", { fields: ["a"] })).toEqual({ names: ["a"], rows: [] });
    expect(await ndjson('{"b":1}', { fields: ["a", "b"] })).toEqual({ names: ["a", "b"], rows: [[null, 1]] });
  });

  test("a field that appears late is refused, unless it was named", async () => {
    const rows = Array.from({ length: 20_000 }, (_, r) => `{"a":${r}}`);
    const input = `${rows.join("\n")}\n{"a":1,"late":2}\n`;
    expect(await codeOf(() => ndjson(input, {}, [65_536]))).toBe("IMPORT_SYNTAX");
    const named = await ndjson(input, { fields: ["a", "late"] }, [65_536]);
    expect(named.rows).toHaveLength(20_001);
    expect(named.rows.at(-1)).toEqual([1, 2]);
    expect(named.rows[4567]).toEqual([4567, null]);
  });

  test.each<[string, string | Uint8Array, string]>([
    ["no row", "", "IMPORT_SYNTAX"],
    ["rows without a field", "{}\n{}\n", "IMPORT_SYNTAX"],
    ["an array", "[1]\n", "IMPORT_SYNTAX"],
    ["two objects in a line", '{"a":1}{"a":2}', "IMPORT_SYNTAX"],
    ["an object that is not closed", '{"a":1', "IMPORT_SYNTAX"],
    ["a key without quotes", "{a:1}", "IMPORT_SYNTAX"],
    ["a key that comes twice", '{"a":1,"a":2}', "IMPORT_SYNTAX"],
    ["a comma too many", '{"a":1,}', "IMPORT_SYNTAX"],
    ["a nested object", '{"a":{"b":1}}', "IMPORT_SYNTAX"],
    ["an empty object", '{"a":{}}', "IMPORT_SYNTAX"],
    ["a special number that is none", '{"a":{"number":"5"}}', "IMPORT_SYNTAX"],
    ["an array that is no dual", '{"a":[1,2]}', "IMPORT_SYNTAX"],
    ["a dual the wrong way round", '{"a":["x",1]}', "IMPORT_SYNTAX"],
    ["a dual of three", '{"a":[1,"x",2]}', "IMPORT_SYNTAX"],
    ["a number with a leading zero", '{"a":01}', "IMPORT_SYNTAX"],
    ["a number with a plus", '{"a":+1}', "IMPORT_SYNTAX"],
    ["NaN as a word", '{"a":NaN}', "IMPORT_SYNTAX"],
    ["null misspelt", '{"a":nul}', "IMPORT_SYNTAX"],
    ["a string that is not closed", '{"a":"x}', "IMPORT_SYNTAX"],
    ["a string that ends in an escaped quote", '{"a":"x\\"}', "IMPORT_SYNTAX"],
    ["a control character in a string", '{"a":"\t"}', "IMPORT_SYNTAX"],
    ["a bad escape", '{"a":"\\x"}', "IMPORT_SYNTAX"],
    ["half a surrogate pair", '{"a":"\\ud83d"}', "IMPORT_VALUE"],
    ["a number beyond a double", '{"a":1e999}', "IMPORT_VALUE"],
    ["bytes that are no UTF-8", Uint8Array.of(0x7b, 0x22, 0xff, 0x22), "BYTES_UTF8"],
    ["UTF-16", Uint8Array.of(0xff, 0xfe, 0x7b, 0), "IMPORT_UNSUPPORTED"],
  ])("refused: %s", async (_, input, code) => expect(await codeOf(() => ndjson(input))).toBe(code));

  test("over the limit of fields", async () => {
    const row = (count: number): string => `{${Array.from({ length: count }, (_, k) => `"${k}":1`).join(",")}}`;
    expect((await ndjson(row(MAX_FIELDS))).names).toHaveLength(MAX_FIELDS);
    expect(await codeOf(() => ndjson(row(MAX_FIELDS + 1)))).toBe("LIMIT_EXCEEDED");
    const head = (count: number): string => {
      return `{"fields":[${Array.from({ length: count }, (_, k) => `"${k}"`).join(",")}],"rows":[]}`;
    };
    expect((await json(head(MAX_FIELDS))).names).toHaveLength(MAX_FIELDS);
    expect(await codeOf(() => json(head(MAX_FIELDS + 1)))).toBe("LIMIT_EXCEEDED");
  });

  test("a row or head of any number of names: no more are read than tell, so what is wrong behind them is not met", async () => {
    const names = Array.from({ length: MAX_FIELDS + 1 }, (_, k) => `"${k}"`);
    expect(await codeOf(() => ndjson(`{${names.map((name) => `${name}:1`).join(",")},?`))).toBe("LIMIT_EXCEEDED");
    expect(await codeOf(() => json(`{"fields":[${names.join(",")},?],"rows":[]}`))).toBe("LIMIT_EXCEEDED");
  });

  test("a line over the limit", async () => {
    const line = `{"a":"${"x".repeat(90)}"}\n`;
    expect((await ndjson(line, { recordBytes: line.length })).rows).toHaveLength(1);
    expect(await codeOf(() => ndjson(line, { recordBytes: line.length - 1 }))).toBe("LIMIT_EXCEEDED");
  });

  test("messages name record and place, never the content", async () => {
    const error: unknown = await ndjson('{"a":1}\n{"a":"secret" "x"}\n').catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "IMPORT_SYNTAX", offset: 8 });
    expect(String(error)).toContain("record 2, character 15");
    expect(String(error)).not.toContain("secret");
  });
});

describe("JSON", () => {
  test("white space anywhere, no name, a field called rows", async () => {
    const input = ' { "fields" : [ "rows" , "b" ] , "rows" : [ [ 1 , "]" ] , [ null , [ 2 , "[\\"" ] ] ] } ';
    expect(await json(input, {}, [1])).toEqual({
      table: "",
      names: ["rows", "b"],
      rows: [
        [1, "]"],
        [null, { number: 2, text: '["' }],
      ],
    });
    expect((await json('{"table":"rows","fields":["a"],"rows":[]}')).rows).toEqual([]);
  });

  test.each<[string, string, string]>([
    ["nothing", "", "IMPORT_SYNTAX"],
    ["another document", '{"x":1}', "IMPORT_SYNTAX"],
    ["an array", "[[1]]", "IMPORT_SYNTAX"],
    ["rows before fields", '{"rows":[[1]],"fields":["a"]}', "IMPORT_SYNTAX"],
    ["no rows", '{"table":"t","fields":["a"]}', "IMPORT_SYNTAX"],
    ["two fields of one name", '{"fields":["a","a"],"rows":[]}', "IMPORT_SYNTAX"],
    ["a row too short", '{"fields":["a","b"],"rows":[[1]]}', "IMPORT_SYNTAX"],
    ["a row too long", '{"fields":["a"],"rows":[[1,2]]}', "IMPORT_SYNTAX"],
    ["a row that is no array", '{"fields":["a"],"rows":[1]}', "IMPORT_SYNTAX"],
    ["a missing comma", '{"fields":["a"],"rows":[[1][2]]}', "IMPORT_SYNTAX"],
    ["a comma too many", '{"fields":["a"],"rows":[[1],]}', "IMPORT_SYNTAX"],
    ["something after the rows", '{"fields":["a"],"rows":[[1]],"x":1}', "IMPORT_SYNTAX"],
    ["something after the document", '{"fields":["a"],"rows":[[1]]}[[1]]', "IMPORT_SYNTAX"],
  ])("refused: %s", async (_, input, code) => {
    expect(await codeOf(() => json(input))).toBe(code);
    expect(await codeOf(() => json(input, {}, [1]))).toBe(code);
  });

  test("a document that was cut off anywhere is refused", async () => {
    const whole = '{"table":"t","fields":["a"],"rows":[\n[1],\n[[2,"x"]]\n]}';
    expect((await json(whole)).rows).toHaveLength(2);
    for (let length = 0; length < whole.length; length++) {
      expect(await codeOf(() => json(whole.slice(0, length)))).toBe("IMPORT_SYNTAX");
    }
  });
});
