import { describe, expect, it } from "vitest";
import { fileSpool } from "../../src/source/file-spool.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import { tableBuilder } from "../../src/table/builder.ts";
import type { Cell } from "../../src/table/dual.ts";
import { UNKNOWN_FORMAT } from "../../src/table/field.ts";
import { interner } from "../../src/table/interner.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { verifyQvd } from "../../src/table/qvd-verify.ts";
import { type ColumnToWrite, rewriteQvd, rewriteSelected, writeQvd } from "../../src/table/qvd-write.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { failure } from "../helpers/errors.ts";
import { editHeader, entry, headerAndBody, packWithBigInt, rawQvd } from "../helpers/raw-qvd.ts";
import { CREATED, qvdOf, rowsOf, transpose } from "../helpers/tables.ts";

const SECRET = "secret";

function column(name: string, cells: readonly Exclude<Cell, null>[], nullable: boolean): ColumnToWrite {
  const symbols = interner();
  for (const cell of cells) symbols.add(cell);
  return { name, numberFormat: UNKNOWN_FORMAT, comment: "", tags: [], symbols: symbols.table(), nullable };
}

async function write(columns: readonly ColumnToWrite[], indexes: readonly number[][], rows = indexes[0]!.length) {
  const sink = memorySink();
  const batch = { rowStart: 0, rows: indexes[0]!.length, indexes: indexes.map((list) => Int32Array.from(list)) };
  await writeQvd(sink, { name: "T", columns, rows, batches: [batch], createdUtc: CREATED });
  await sink.commit();
  return sink.result();
}

describe("writing a new QVD", () => {
  it("gives the header the elements, order and form of Qlik's newest builds", async () => {
    const bytes = await qvdOf(
      {
        name: "R&D <x>",
        fields: [
          { name: 'a "b"', comment: "c\r\nd", tags: ["$key"], numberFormat: { ...UNKNOWN_FORMAT, thou: "\u00a0" } },
        ],
        columns: [[1, null, "x"]],
      },
      { comment: "it's", creatorDoc: "doc", lineage: [{ discriminator: "DISK;", statement: "LOAD\r\n*" }] },
    );
    expect(headerAndBody(bytes).header.split("\r\n")).toEqual([
      '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>',
      " <QvdTableHeader>",
      "   <QvBuildNo>50689</QvBuildNo>",
      "   <CreatorDoc>doc</CreatorDoc>",
      "   <CreateUtcTime>2024-02-29 12:34:56</CreateUtcTime>",
      "   <SourceCreateUtcTime></SourceCreateUtcTime>",
      "   <SourceFileUtcTime></SourceFileUtcTime>",
      "   <SourceFileSize>-1</SourceFileSize>",
      "   <StaleUtcTime></StaleUtcTime>",
      "   <TableName>R&amp;D &lt;x&gt;</TableName>",
      "   <Fields>",
      "     <QvdFieldHeader>",
      "       <FieldName>a &quot;b&quot;</FieldName>",
      "       <BitOffset>0</BitOffset>",
      "       <BitWidth>8</BitWidth>",
      "       <Bias>-2</Bias>",
      "       <NumberFormat>",
      "         <Type>UNKNOWN</Type>",
      "         <nDec>0</nDec>",
      "         <UseThou>0</UseThou>",
      "         <Fmt></Fmt>",
      "         <Dec></Dec>",
      "         <Thou>\u00a0</Thou>",
      "       </NumberFormat>",
      "       <NoOfSymbols>2</NoOfSymbols>",
      "       <Offset>0</Offset>",
      "       <Length>8</Length>",
      "       <Comment>c",
      "d</Comment>",
      "       <Tags>",
      "         <String>$key</String>",
      "       </Tags>",
      "     </QvdFieldHeader>",
      "   </Fields>",
      "   <Compression></Compression>",
      "   <RecordByteSize>1</RecordByteSize>",
      "   <NoOfRecords>3</NoOfRecords>",
      "   <Offset>8</Offset>",
      "   <Length>3</Length>",
      "   <Lineage>",
      "     <LineageInfo>",
      "       <Discriminator>DISK;</Discriminator>",
      "       <Statement>LOAD",
      "*</Statement>",
      "     </LineageInfo>",
      "   </Lineage>",
      "   <Comment>it's</Comment>",
      "   <EncryptionInfo></EncryptionInfo>",
      "   <TableTags></TableTags>",
      "   <ProfilingData></ProfilingData>",
      " </QvdTableHeader>",
      "",
    ]);
    expect([...headerAndBody(bytes).body]).toEqual([1, 1, 0, 0, 0, 4, 0x78, 0, 2, 0, 3]);
  });

  it("writes an empty table as Qlik does: no symbols, records of one byte owned by one field", async () => {
    const table = await openQvdTable(
      memorySource(await qvdOf({ fields: [{ name: "a" }, { name: "b" }], columns: [[], []] })),
    );
    expect([table.rows, table.header.recordByteSize, table.header.length]).toEqual([0, 1, 0]);
    expect(table.header.fields.map((f) => [f.bitOffset, f.bitWidth, f.bias, f.noOfSymbols, f.length])).toEqual([
      [0, 0, 0, 0, 0],
      [0, 8, 0, 0, 0],
    ]);
  });

  it("takes any negative index for NULL and never writes the reserved index -1", async () => {
    const bytes = await write(
      [column("a", ["x", "y"], true), column("b", [1], false)],
      [
        [-1, 0, -2, 1, -2147483648],
        [0, 0, 0, 0, 0],
      ],
    );
    expect(await rowsOf(bytes)).toEqual([
      [null, 1],
      ["x", 1],
      [null, 1],
      ["y", 1],
      [null, 1],
    ]);
    expect((await verifyQvd(memorySource(bytes))).findings).toEqual([]);
  });

  it("refuses an index without a symbol and a NULL where none was announced, which would spill over neighbours", async () => {
    await failure("QVD_VALUE", () => write([column("a", ["x"], false), column("b", [1], false)], [[1], [0]]));
    await failure("QVD_VALUE", () => write([column("a", ["x"], false), column("b", [1], false)], [[-2], [0]]));
  });

  it("refuses batches that give another number of rows than was said", async () => {
    await failure("QVD_VALUE", () => write([column("a", ["x"], false)], [[0, 0]], 3));
    await failure("QVD_VALUE", () => write([column("a", ["x"], false)], [[0, 0]], 1));
  });

  it("refuses a table without fields", async () => {
    await failure("QVD_VALUE", () => qvdOf({ fields: [], columns: [] }));
  });

  it("refuses U+0000 in a text, without quoting it", async () => {
    for (const cell of [`${SECRET}\0`, "\0", { number: 1, text: `a\0${SECRET}` }, { number: 0.5, text: "\0" }]) {
      const error = await failure("QVD_VALUE", () => qvdOf({ fields: [{ name: "f" }], columns: [["ok", cell]] }));
      expect(error.message).not.toContain(SECRET);
    }
  });

  it("refuses what XML cannot carry, wherever it stands in the header", async () => {
    const plain = { fields: [{ name: "a" }], columns: [["x"]] };
    for (const bad of ["a\0b", "a\u0001b", "a\u000bb", "\uffff", "\ud800"]) {
      const field = { name: "a" };
      const tables = [
        { ...plain, name: bad },
        { ...plain, fields: [{ name: bad }] },
        { ...plain, fields: [{ ...field, comment: bad }] },
        { ...plain, fields: [{ ...field, tags: ["$key", bad] }] },
        { ...plain, fields: [{ ...field, numberFormat: { ...UNKNOWN_FORMAT, fmt: bad } }] },
        { ...plain, fields: [{ ...field, numberFormat: { ...UNKNOWN_FORMAT, type: bad } }] },
        { ...plain, fields: [{ ...field, numberFormat: { ...UNKNOWN_FORMAT, dec: bad } }] },
        { ...plain, fields: [{ ...field, numberFormat: { ...UNKNOWN_FORMAT, thou: bad } }] },
      ];
      for (const table of tables) await failure("QVD_VALUE", () => qvdOf(table));
      const more = [
        { comment: bad },
        { creatorDoc: bad },
        { lineage: [{ discriminator: bad, statement: "" }] },
        { lineage: [{ discriminator: "", statement: bad }] },
      ];
      for (const part of more) await failure("QVD_VALUE", () => qvdOf(plain, part));
    }
  });
});

describe("the builder", () => {
  it("gives what it was given, whether runs stay in memory or go to a spool, however batches fall", async () => {
    const rows = 150_000;
    const columns: Cell[][] = [
      Array.from({ length: rows }, (_, i) => (i % 7 === 3 ? null : i % 100)),
      Array.from({ length: rows }, (_, i) => `t${i % 70_000}`),
      Array.from({ length: rows }, (_, i) => (i < 66_000 ? "early" : i % 2 === 0 ? "late" : null)),
    ];
    const fields = [{ name: "a" }, { name: "b" }, { name: "c" }];
    const expected = await qvdOf({ fields, columns });
    for (const [indexBytes, step] of [
      [undefined, 65_536],
      [0, 1_000],
      [100_000, 149_999],
    ] as const) {
      let spools = 0;
      const spool = () => {
        spools += 1;
        return fileSpool();
      };
      const builder = tableBuilder(fields, { indexBytes, spool });
      for (let from = 0; from < rows; from += step) {
        await builder.add(columns.map((cells) => cells.slice(from, from + step)));
      }
      const built = builder.finish();
      const sink = memorySink();
      await writeQvd(sink, { name: "T", createdUtc: CREATED, ...built, batches: built.batches() });
      await sink.commit();
      await built.close();
      expect(spools).toBe(indexBytes === undefined ? 0 : 1);
      expect(Buffer.compare(sink.result(), expected)).toBe(0);
    }
  });

  it("refuses batches of another shape", async () => {
    const builder = tableBuilder([{ name: "a" }, { name: "b" }]);
    await failure("TABLE_ROWS", () => builder.add([[1]]));
    await failure("TABLE_ROWS", () => builder.add([[1], [1, 2]]));
    await builder.add([[], []]);
    expect(builder.finish().rows).toBe(0);
  });

  it("tags columns by their content, unless tags are given", async () => {
    const table = await openQvdTable(
      memorySource(
        await qvdOf({
          fields: ["i", "n", "t", "m", "e"]
            .map((name) => ({ name }))
            .concat([{ name: "g", tags: ["$x"] } as { name: string }]),
          columns: [
            [1, null],
            [1, 0.5],
            ["a", "1"],
            ["a", 1],
            [null, null],
            [1, 1],
          ],
        }),
      ),
    );
    expect(table.fields.map((f) => f.tags)).toEqual([
      ["$numeric", "$integer"],
      ["$numeric"],
      ["$text"],
      [],
      [],
      ["$x"],
    ]);
  });
});

describe("rewriting", () => {
  const good = () =>
    rawQvd({
      fields: [
        { name: "a", symbols: [entry.text("x"), entry.text("y")], bitOffset: 3, bitWidth: 2, bias: -2 },
        { name: "b", symbols: [entry.int(1), entry.int(2)], bitOffset: 0, bitWidth: 1 },
      ],
      rows: 3,
      recordBytes: 1,
      records: packWithBigInt(3, 1, [
        { bitOffset: 3, raws: [1, 2, 3] },
        { bitOffset: 0, raws: [0, 1, 0] },
      ]),
      eol: "\n",
    });

  async function rewritten(bytes: Uint8Array): Promise<Uint8Array> {
    const sink = memorySink();
    await rewriteQvd(sink, await openQvdTable(memorySource(bytes)));
    await sink.commit();
    return sink.result();
  }

  it("keeps the reserved index -1, line feeds, unknown elements, attributes and odd spacing", async () => {
    const bytes = editHeader(good(), (xml) =>
      xml
        .replace("<Fields>", '<Unknown a="1">\n  <Inner/>\n</Unknown>\n<Fields  >')
        .replace("<TableName>", '<TableName lang="en">'),
    );
    expect(Buffer.compare(await rewritten(bytes), bytes)).toBe(0);
  });

  it("closes gaps and drops trailing bytes, keeping header elements and cells", async () => {
    const original = good();
    const { header, body } = headerAndBody(original);
    const shifted = header
      .replace("   <Offset>0</Offset>", "   <Offset>5</Offset>")
      .replace("   <Offset>6</Offset>", "   <Offset>11</Offset>")
      .replace("\n   <Offset>16</Offset>", "\n   <Offset>23</Offset>")
      .replace("<Fields>", "<Unknown>&amp;</Unknown><Fields>");
    const gappy = new Uint8Array([
      ...new TextEncoder().encode(`${shifted}\0`),
      ...[9, 9, 9, 9, 9],
      ...body.slice(0, 16),
      ...[9, 9],
      ...body.slice(16),
      ...[9, 9, 9],
    ]);
    const codes = (await verifyQvd(memorySource(gappy))).findings.map((f) => [f.level, f.code, f.length]);
    expect(codes).toEqual([
      ["deviation", "QVD_GAP", 5],
      ["deviation", "QVD_GAP", 2],
      ["deviation", "QVD_TRAILING_BYTES", 3],
      ["deviation", "QVD_UNOWNED_BITS", undefined],
      ["deviation", "QVD_RESERVED_INDEX", 1],
    ]);
    const closed = await rewritten(gappy);
    expect(await rowsOf(closed)).toEqual(await rowsOf(gappy));
    expect(headerAndBody(closed).header).toContain("<Unknown>&amp;</Unknown>");
    expect(headerAndBody(closed).header).not.toContain("\r");
    expect(headerAndBody(closed).body).toEqual(body);
  });

  it("gives chosen fields and rows only the symbols they use, with every invariant", async () => {
    const columns: Cell[][] = [
      ["a", "b", null, "c", "b"],
      [1, 2, 3, 2, 1],
      [null, null, 1, null, null],
    ];
    const bytes = await qvdOf({ fields: [{ name: "x", comment: "kept" }, { name: "y" }, { name: "z" }], columns });
    for (const [fields, from, to] of [
      [[0, 1, 2], 0, 5],
      [[2, 0], 1, 5],
      [[1], 3, 4],
      [[0, 1], 2, 2],
      [[0], 4, 99],
      [[1, 1], 0, 3],
    ] as const) {
      const sink = memorySink();
      await rewriteSelected(sink, await openQvdTable(memorySource(bytes)), { fields, from, to });
      await sink.commit();
      const table = await openQvdTable(memorySource(sink.result()));
      const expected = fields.map((k) => columns[k]!.slice(from, to));
      expect(transpose(await readRows(table), fields.length)).toEqual(expected);
      expect((await verifyQvd(memorySource(sink.result()))).findings).toEqual([]);
      const used = expected.map((cells) => new Set(cells.filter((cell) => cell !== null)).size);
      expect(table.fields.map((f) => f.symbolCount)).toEqual(used);
      expect(table.fields.map((f) => f.comment)).toEqual(fields.map((k) => (k === 0 ? "kept" : "")));
    }
  });
});
