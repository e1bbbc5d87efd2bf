import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concat } from "../../src/bytes/concat.ts";
import { isQErr } from "../../src/errors.ts";
import { type CsvOptions, writeCsv } from "../../src/output/csv.ts";
import { writeJson, writeNdjson } from "../../src/output/json.ts";
import type { ExportOptions, ExportSink } from "../../src/output/options.ts";
import type { Cell } from "../../src/table/dual.ts";
import { UNKNOWN_FORMAT } from "../../src/table/field.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import type { Table } from "../../src/table/table.ts";
import { anyTable, type MadeTable } from "../helpers/made-tables.ts";
import { plainCsv, plainJson, plainNdjson } from "../helpers/plain-output.ts";

type Writer = (table: Table, sink: ExportSink, options?: ExportOptions) => Promise<number>;

async function output(write: Writer, table: Table, options: ExportOptions = {}): Promise<string> {
  const pieces: Uint8Array[] = [];
  // Copies, since a writer may use its buffer again.
  const sink: ExportSink = {
    async write(bytes) {
      pieces.push(bytes.slice());
    },
  };
  await write(table, sink, options);
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(concat(pieces));
}
const csv = (table: Table, options: CsvOptions = {}): Promise<string> => output(writeCsv, table, options);

async function codeOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
  } catch (error) {
    return isQErr(error) ? error.code : String(error);
  }
  return "no error";
}

describe.each<[string, Writer, (made: MadeTable) => string]>([
  ["csv", writeCsv, plainCsv],
  ["json", writeJson, plainJson],
  ["ndjson", writeNdjson, plainNdjson],
])("%s", (_, write, plain) => {
  test.each([
    ["with a cache", undefined],
    ["without one", 0],
    ["with a cache that some fields fit", 120],
  ])("is what its slow twin writes, %s", async (__, cacheBytes) => {
    await fc.assert(
      fc.asyncProperty(anyTable, fc.integer({ min: 1, max: 5 }), async (made, batchRows) => {
        expect(await output(write, made.table, { cacheBytes, scan: { batchRows } })).toBe(plain(made));
      }),
      { numRuns: 150 },
    );
  });

  test("a projection and a range of rows are those fields and rows", async () => {
    await fc.assert(
      fc.asyncProperty(anyTable, fc.nat(12), fc.nat(12), async (made, a, b) => {
        const [from, to] = [Math.min(a, b, made.rows.length), Math.min(Math.max(a, b), made.rows.length)];
        const fields = made.names.map((__, k) => k).reverse();
        const part = {
          table: made.table,
          names: fields.map((k) => made.names[k]!),
          formats: fields.map((k) => made.formats[k]!),
          rows: made.rows.slice(from, to).map((row) => fields.map((k) => row[k]!)),
        };
        expect(await output(write, made.table, { scan: { from, to, fields } })).toBe(plain(part));
      }),
      { numRuns: 60 },
    );
  });

  test("cells longer than a piece of output, and many pieces, come out whole", async () => {
    const long = "x".repeat(600_000);
    const column: Cell[] = Array.from({ length: 3000 }, (__, r) =>
      r % 1000 === 7 ? long : `row ${r} ${"y".repeat(r % 300)}`,
    );
    const made = {
      names: ["t"],
      formats: [UNKNOWN_FORMAT],
      rows: column.map((cell) => [cell]),
      table: memoryTable("t", ["t"], [column]),
    };
    expect(await output(write, made.table)).toBe(plain(made));
    expect(await output(write, made.table, { cacheBytes: 0 })).toBe(plain(made));
  });

  test("a damaged text is refused, in the cache and out of it", async () => {
    const table = memoryTable("t", ["a"], [["aé"]]);
    const symbols = await table.symbols(0);
    symbols.bytes[3] = 0xff;
    expect(await codeOf(() => output(write, table))).toBe("BYTES_UTF8");
    expect(await codeOf(() => output(write, table, { cacheBytes: 0 }))).toBe("BYTES_UTF8");
  });

  test("an unknown field is refused", async () => {
    const table = memoryTable("t", ["a"], [[1]]);
    expect(await codeOf(() => output(write, table, { scan: { fields: [1] } }))).toBe("TABLE_NO_FIELD");
  });

  test("the number of rows written is told", async () => {
    const table = memoryTable("t", ["a"], [[1, 2, 3]]);
    const sink = { write: async () => {} };
    expect(await write(table, sink)).toBe(3);
    expect(await write(table, sink, { scan: { from: 2, to: 9 } })).toBe(1);
  });
});

describe("csv options", () => {
  const dual = { number: 36526, text: "1/1/2000" };
  const cells: Cell[] = [dual, 1.5, "a;b", null, ""];

  test("as Qlik stores: byte order mark, CR LF, quotes round a comma or an apostrophe only", async () => {
    const table = memoryTable(
      "t",
      ["a b", "c"],
      [
        ["$1,555", "LEESON'S", " lead", "(x)"],
        [1, 2.5, null, -3],
      ],
    );
    expect(await csv(table)).toBe(`\ufeffa b,c\r\n"$1,555",1\r\n"LEESON'S",2.5\r\n lead,\r\n(x),-3\r\n`);
  });

  test("delimiter, newline and byte order mark may be chosen", async () => {
    const table = memoryTable("t", ["a", "b"], [cells, cells]);
    const text = await csv(table, { delimiter: ";", newline: "\n", bom: false });
    expect(text).toBe(`a;b\n1/1/2000;1/1/2000\n1.5;1.5\n"a;b";"a;b"\n;\n"";""\n`);
    for (const delimiter of ["", ",,", '"', "\n", "é"]) {
      expect(await codeOf(() => csv(table, { delimiter }))).toBe("USAGE");
    }
  });

  test("either side of a dual, or both", async () => {
    const table = memoryTable("t", ["d", "d.number", "n"], [cells, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]);
    const lines = async (options: CsvOptions): Promise<string[]> =>
      (await csv(table, { bom: false, newline: "\n", ...options })).split("\n");
    expect((await lines({ duals: "number" })).slice(0, 3)).toEqual(["d,d.number,n", "36526,1,1", "1.5,2,2"]);
    expect((await lines({ duals: "both" })).slice(0, 6)).toEqual([
      "d,d.number.number,d.number,n",
      "1/1/2000,36526,1,1",
      "1.5,1.5,2,2",
      "a;b,,3,3",
      ",,4,4",
      '"",,5,5',
    ]);
  });

  test("exact numbers read back as themselves", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 5 }), async (numbers) => {
        const text = await csv(memoryTable("t", ["n"], [numbers]), { exact: true, bom: false, newline: "\n" });
        expect(text.trimEnd().split("\n").slice(1).map(Number)).toEqual(numbers);
      }),
      { numRuns: 100 },
    );
  });

  test("the guard defuses formulas, and leaves numbers alone", async () => {
    const texts = ["=1+1", "+cmd", "-cmd", "@x", "\tx", "-5", "+1,234.5", "-", "plain", `=${"1".repeat(99)}`];
    const table = memoryTable("t", ["a"], [[...texts, -7, { number: 1, text: "=A1" }]]);
    const guarded = (await csv(table, { guard: true, bom: false, newline: "\n" })).split("\n").slice(1, -1);
    expect(guarded).toEqual([
      `"'=1+1"`,
      `"'+cmd"`,
      `"'-cmd"`,
      `"'@x"`,
      `"'\tx"`,
      "-5",
      '"+1,234.5"',
      `"'-"`,
      "plain",
      `"'=${"1".repeat(99)}"`,
      "-7",
      `"'=A1"`,
    ]);
    expect(await csv(table)).toContain("\r\n=1+1\r\n");
  });

  test("the guard defuses formulas behind what separates cells elsewhere, where quotes inside a cell mean nothing", async () => {
    const cells = async (text: string, delimiter?: string) => {
      const table = memoryTable("t", ["n", "a"], [[1], [text]]);
      const made = await csv(table, { guard: true, bom: false, newline: "\n", delimiter });
      return made.slice("n,a\n1,".length, -1);
    };
    for (const [text, written] of [
      ["x;=1+1", "x;'=1+1"],
      ["x\t@SUM(A1);y", "x\t'@SUM(A1);y"],
      ["x\n=cmd|' /C calc'!A0;y", "x\n'=cmd|' /C calc'!A0;y"],
      ["\n=1", "'\n'=1"],
      ['x;"=1"', `x;'""=1""`],
      ["\uff1d1+1", "'\uff1d1+1"],
    ] as const)
      expect(await cells(text), text).toBe(`"${written}"`);
    for (const same of ["a;b", "a-b; c", "x; =1", "1;2"]) expect(await cells(same)).toBe(same);
    expect(await cells("x,-1+1")).toBe('"x,-1+1"');
    expect(await cells("x,-1+1", "|")).toBe(`"x,'-1+1"`);
  });

  test("the guard defuses what a format, which is the file's, makes of a number", async () => {
    const shown = async (fmt: string, value: number, type = "REAL") => {
      const table = memoryTable("t", ["a"], [[value]]);
      const numberFormat = { ...table.fields[0]!.numberFormat, type, fmt };
      const formatted = { ...table, fields: [{ ...table.fields[0]!, numberFormat }] };
      return (await csv(formatted, { guard: true, bom: false, newline: "\n" })).split("\n")[1];
    };
    expect(await shown("=cmd|'/C calc'!A0", 1)).toBe(`"'=cmd|'/C calc'!A1"`);
    expect(await shown("@0", 1)).toBe(`"'@1"`);
    expect(await shown("=D", 44_000, "DATE")).toBe(`"'=18"`);
    expect(await shown("0+1", -2)).toBe(`"'-2+1"`);
    expect(await shown("0;-0|x", -2)).toBe(`"'-2|x"`);
    // Numbers in the formats of real files stay as they are.
    for (const [fmt, value, same] of [
      ["0%", -0.05, "-5%"],
      ["0.00 €", -5, "-5.00 €"],
      ["$0.00", -5, "-$5.00"],
      ["($0)", 5, "($5)"],
      ["0", -5, "-5"],
    ] as const)
      expect(await shown(fmt, value)).toBe(same);
    expect(await shown("", -1e-9)).toBe("-1e-09");
  });
});

describe("json", () => {
  test("either side of a dual, and numbers that JSON has no form for", async () => {
    const table = memoryTable(
      "t",
      ["d"],
      [[{ number: -0, text: "zero" }, -0, Number.NaN, "x", { number: Number.NEGATIVE_INFINITY, text: "" }]],
    );
    const rows = async (duals: "text" | "number" | "both"): Promise<string> =>
      (await output(writeNdjson, table, { duals })).replaceAll("\n", "");
    expect(await rows("both")).toBe(
      '{"d":[-0.0,"zero"]}{"d":-0.0}{"d":{"number":"NaN"}}{"d":"x"}{"d":[{"number":"-Infinity"},""]}',
    );
    expect(await rows("text")).toBe('{"d":"zero"}{"d":-0.0}{"d":{"number":"NaN"}}{"d":"x"}{"d":""}');
    expect(await rows("number")).toBe(
      '{"d":-0.0}{"d":-0.0}{"d":{"number":"NaN"}}{"d":"x"}{"d":{"number":"-Infinity"}}',
    );
  });

  test("a table without rows, and a projection without fields, are still JSON", async () => {
    expect(JSON.parse(await output(writeJson, memoryTable("t", ["a"], [[]])))).toEqual({
      table: "t",
      fields: ["a"],
      rows: [],
    });
    const table = memoryTable("t", ["a"], [[1, 2]]);
    expect(JSON.parse(await output(writeJson, table, { scan: { fields: [] } }))).toEqual({
      table: "t",
      fields: [],
      rows: [[], []],
    });
  });

  test("NDJSON refuses a field asked for twice, JSON does not", async () => {
    const table = memoryTable("t", ["a"], [[1]]);
    expect(await codeOf(() => output(writeNdjson, table, { scan: { fields: [0, 0] } }))).toBe("OUTPUT_VALUE");
    expect(JSON.parse(await output(writeJson, table, { scan: { fields: [0, 0] } }))).toMatchObject({ rows: [[1, 1]] });
  });
});
