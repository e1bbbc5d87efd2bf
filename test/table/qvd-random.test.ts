import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomTable } from "../../fixtures/random-table.ts";
import { packField, RECORD_SLACK } from "../../src/bytes/bitfield.ts";
import { digestTable } from "../../src/engine/digest.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import type { Cell } from "../../src/table/dual.ts";
import { openQvdTable, type QvdTable } from "../../src/table/qvd-table.ts";
import { verifyQvd } from "../../src/table/qvd-verify.ts";
import { rewriteQvd } from "../../src/table/qvd-write.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { entry, type RawField, rawQvd } from "../helpers/raw-qvd.ts";
import { type PlainTable, qvdOf, transpose } from "../helpers/tables.ts";

/** Text without U+0000 and lone surrogates, which a QVD cannot hold. */
const anyText = fc
  .oneof(
    fc.string({ unit: "grapheme", maxLength: 12 }),
    fc.constantFrom("", " ", "\u00a0", "007", "a&b<c>\"d'", "x\r\ny", "\ufeffbom", "&amp;", "日本語", "\u{1F600}"),
  )
  .map((text) => text.replaceAll("\0", ""));

const anyNumber = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: false }),
  fc.constantFrom(0, -0, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, Number.MAX_VALUE, 5e-324, 0.1 + 0.2),
);

const anyCell: fc.Arbitrary<Cell> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 3, arbitrary: anyNumber },
  { weight: 3, arbitrary: anyText },
  { weight: 3, arbitrary: fc.record({ number: anyNumber, text: anyText }) },
);

/** What the header can carry: no control character but tab and line ends. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters that XML 1.0 forbids are meant
const anyName = anyText.map((text) => text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, ""));

const anyFormat = fc.record({
  type: fc.constantFrom("UNKNOWN", "REAL", "DATE", "MONEY", "0"),
  nDec: fc.integer({ min: 0, max: 20 }),
  useThou: fc.integer({ min: 0, max: 1 }),
  fmt: anyName,
  dec: fc.constantFrom("", ".", ","),
  thou: fc.constantFrom("", ".", ",", " ", "\u00a0"),
});

const anyColumn = (rows: number) =>
  fc.tuple(
    fc.record({
      name: anyName,
      comment: anyName,
      tags: fc.array(anyName, { maxLength: 3 }),
      numberFormat: anyFormat,
    }),
    fc.oneof(
      fc.array(anyCell, { minLength: rows, maxLength: rows }),
      // Few symbols, often constant or all NULL.
      fc
        .tuple(
          fc.array(anyCell, { minLength: 1, maxLength: 3 }),
          fc.array(fc.nat(2), { minLength: rows, maxLength: rows }),
        )
        .map(([pool, picks]) => picks.map((pick) => pool[pick % pool.length]!)),
    ),
  );

const anyTable: fc.Arbitrary<PlainTable> = fc
  .tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 6 }))
  .chain(([rows, width]) =>
    fc.record({ name: anyName, columns: fc.array(anyColumn(rows), { minLength: width, maxLength: width }) }),
  )
  .map(({ name, columns }) => ({ name, fields: columns.map(([f]) => f), columns: columns.map(([, cells]) => cells) }));

async function opened(bytes: Uint8Array): Promise<QvdTable> {
  return openQvdTable(memorySource(bytes));
}

async function rewritten(bytes: Uint8Array): Promise<Uint8Array> {
  const sink = memorySink();
  await rewriteQvd(sink, await opened(bytes));
  await sink.commit();
  return sink.result();
}

/** Cells as text, so that NaN, -0 and the type of each are compared. */
const exact = (rows: readonly (readonly Cell[])[]) =>
  JSON.stringify(rows, (_, v: unknown) => (typeof v === "number" ? `n${Object.is(v, -0) ? "-0" : v}` : v));

async function holds(table: PlainTable): Promise<void> {
  const bytes = await qvdOf(table);
  const qvd = await opened(bytes);
  expect(exact(transpose(await readRows(qvd), table.fields.length))).toBe(exact(table.columns));
  expect(qvd.name).toBe(table.name ?? "T");
  for (const [k, field] of table.fields.entries()) {
    const { name, comment, tags, numberFormat } = qvd.fields[k]!;
    expect({ name, comment, numberFormat }).toEqual({
      name: field.name,
      comment: field.comment,
      numberFormat: field.numberFormat,
    });
    expect(tags).toEqual(field.tags);
  }
  expect((await verifyQvd(memorySource(bytes))).findings).toEqual([]);
  expect(Buffer.compare(await rewritten(bytes), bytes)).toBe(0);
}

describe("tables of random values", () => {
  it("come back from a QVD cell by cell and word by word, with every invariant", async () => {
    await fc.assert(fc.asyncProperty(anyTable, holds), { numRuns: 200 });
  });

  for (const [fields, rows] of [
    [1, 0],
    [7, 0],
    [1, 1],
    [40, 3],
    [12, 1_000],
    [3, 70_000],
    [150, 300],
  ] as const) {
    it(`of ${fields} fields and ${rows} rows do so, too`, async () => {
      const table = randomTable(fields * 1000 + rows, { fields, rows });
      const bytes = await qvdOf(table);
      const qvd = await opened(bytes);
      expect(qvd.rows).toBe(rows);
      expect(exact(transpose(await readRows(qvd), fields))).toBe(exact(table.columns));
      expect((await verifyQvd(memorySource(bytes))).findings).toEqual([]);
      expect(Buffer.compare(await rewritten(bytes), bytes)).toBe(0);
    });
  }

  it("take widths from 0 to over 16 bits by the number of their symbols", async () => {
    for (const count of [1, 2, 3, 4, 5, 255, 256, 257, 65_536, 65_537]) {
      for (const nullable of [false, true]) {
        const cells: Cell[] = Array.from({ length: count }, (_, i) => i);
        if (nullable) cells.push(null);
        // A second column takes the padding, so that the first keeps its narrowest width.
        const other = cells.map(() => "constant");
        const bytes = await qvdOf({ fields: [{ name: "a" }, { name: "b" }], columns: [cells, other] });
        const qvd = await opened(bytes);
        const values = count + (nullable ? 2 : 0);
        expect(qvd.fields[0]!.bitWidth, `${count} ${nullable}`).toBe(values <= 1 ? 0 : Math.ceil(Math.log2(values)));
        expect(exact(transpose(await readRows(qvd), 2))).toBe(exact([cells, other]));
      }
    }
  });
});

/** Fields in any order of bits, some wide, in records of up to 200 bytes; one symbol table each. */
const anyLayout = fc
  .record({
    rows: fc.integer({ min: 0, max: 20 }),
    fields: fc.array(
      fc.record({
        width: fc.integer({ min: 0, max: 32 }),
        gap: fc.integer({ min: 0, max: 40 }),
        nullable: fc.boolean(),
        symbols: fc.integer({ min: 1, max: 5 }),
        seed: fc.nat(),
      }),
      { minLength: 1, maxLength: 10 },
    ),
    order: fc.infiniteStream(fc.nat()),
    tail: fc.integer({ min: 0, max: 20 }),
    eol: fc.constantFrom("\r\n", "\n"),
  })
  .map(({ rows, fields, order, tail, eol }) => {
    const ranks = fields.map((_, i) => ({ i, rank: order.next().value as number }));
    const offsets = new Array<number>(fields.length).fill(0);
    let bit = 0;
    for (const { i } of ranks.sort((a, b) => a.rank - b.rank)) {
      bit += fields[i]!.gap;
      offsets[i] = bit;
      bit += fields[i]!.width;
    }
    const recordBytes = Math.min(200, Math.max(1, Math.ceil(bit / 8) + tail));
    const records = new Uint8Array(rows * recordBytes + RECORD_SLACK);
    const expected: Cell[][] = [];
    const raw = fields.map((f, i): RawField => {
      const bias = f.nullable && f.width >= 2 ? -2 : 0;
      const room = Math.min(f.symbols, 2 ** f.width + bias);
      const indexes = Int32Array.from({ length: rows }, (_, row) => {
        const pick = (f.seed + row * 7919) % (room + (bias < 0 ? 1 : 0));
        return pick === room ? -2 : pick;
      });
      packField(records, recordBytes, rows, offsets[i]!, f.width, bias, indexes);
      expected.push(Array.from(indexes, (index) => (index < 0 ? null : `s${index}`)));
      const symbols = Array.from({ length: f.symbols }, (_, s) => entry.text(`s${s}`));
      return { name: `f${i}`, symbols, bitOffset: offsets[i]!, bitWidth: f.width, bias };
    });
    const bytes = rawQvd({ fields: raw, rows, recordBytes, records: records.slice(0, rows * recordBytes), eol });
    return { bytes, expected };
  });

describe("layouts that other writers may choose", () => {
  it("bit order other than header order, gaps, 32 bits at any bit, long records: are read and rewritten", async () => {
    await fc.assert(
      fc.asyncProperty(anyLayout, async ({ bytes, expected }) => {
        const qvd = await opened(bytes);
        const rows = await readRows(qvd);
        expect(transpose(rows, expected.length)).toEqual(expected);
        expect((await digestTable(qvd)).rows).toBe(rows.length);
        expect(Buffer.compare(await rewritten(bytes), bytes)).toBe(0);
        const { findings } = await verifyQvd(memorySource(bytes));
        expect(findings.filter((finding) => finding.level === "damage")).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it("records longer than 200 bytes, and an index over five bytes", async () => {
    const records = new Uint8Array(300 * 3 + RECORD_SLACK);
    packField(records, 300, 3, 2395, 5, 0, Int32Array.of(0, 4, 2));
    packField(records, 300, 3, 7, 32, -2, Int32Array.of(1, -2, 0));
    const bytes = rawQvd({
      fields: [
        { name: "a", symbols: [0, 1, 2, 3, 4].map((n) => entry.int(n)), bitOffset: 2395, bitWidth: 5 },
        { name: "b", symbols: [entry.text("x"), entry.text("y")], bitOffset: 7, bitWidth: 32, bias: -2 },
      ],
      rows: 3,
      recordBytes: 300,
      records: records.slice(0, 900),
    });
    expect(await readRows(await opened(bytes))).toEqual([
      [0, "y"],
      [4, null],
      [2, "x"],
    ]);
  });
});
