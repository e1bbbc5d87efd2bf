import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { exportTable } from "../../src/engine/export.ts";
import { readParquet } from "../../src/input/parquet.ts";
import { checkPages, checkValueCount, parquetBudget } from "../../src/input/parquet-pages.ts";
import { checkDeltas, checkRuns, sumDeltas } from "../../src/input/parquet-runs.ts";
import { readThrift } from "../../src/input/parquet-thrift.ts";
import {
  INFLATED_A_BYTE,
  MAX_PARQUET_FOOTER_BYTES,
  MAX_PARQUET_FREE_BYTES,
  MAX_PARQUET_FREE_VALUES,
  MAX_PARQUET_PAGE_BYTES,
  PARQUET_VALUES_A_BYTE,
} from "../../src/limits.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { failure } from "../helpers/errors.ts";
import { rowsOf } from "../helpers/read.ts";

const varint = (value: number): number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 128))];
/** An int32 of the compact protocol, one field after the last. */
const i32 = (value: number) => [0x15, ...varint(value < 0 ? -2 * value - 1 : 2 * value)];

interface Page {
  readonly length?: number;
  readonly stored?: number;
  readonly values?: number;
  readonly encoding?: number;
  readonly content: readonly number[];
}

/** A data page of the first kind by parquet.thrift: type, sizes, `data_page_header` with count and three encodings. */
function dataPage({
  content,
  values = 1,
  encoding = 0,
  length = content.length,
  stored = content.length,
}: Page): Uint8Array {
  const header = [...i32(values), ...i32(encoding), ...i32(3), ...i32(3), 0];
  return Uint8Array.from([...i32(0), ...i32(length), ...i32(stored), 0x2c, ...header, 0, ...content]);
}

const UNPACKED = { codec: "UNCOMPRESSED" } as const;
const walk = (page: Page, rows: number, optional = false) => checkPages(dataPage(page), UNPACKED, rows, optional);
const refused = (page: Page, rows: number, optional = false) =>
  failure("IMPORT_SYNTAX", () => walk(page, rows, optional));

describe("pages of a Parquet column", () => {
  it("that are sound pass", () => {
    expect(walk({ content: [1, 0, 0, 0] }, 1)).toEqual([]);
    // Four rows, NULL but for the second: levels 0 1 0 0 in one packed group.
    expect(walk({ content: [2, 0, 0, 0, 3, 0b0010, 7, 0, 0, 0], values: 4 }, 4, true)).toEqual([]);
    expect(walk({ content: [2, 6, 1], encoding: 8, values: 3 }, 3)).toEqual([]);
  });

  it("that go backwards, or beyond the column, are refused: a reader would never end", async () => {
    await refused({ content: [1, 0, 0, 0], stored: -20 }, 1);
    await refused({ content: [1, 0, 0, 0], length: -1 }, 1);
    await refused({ content: [1, 0, 0, 0], stored: 5 }, 1);
  });

  it("that have no value, or more than there are rows, are refused", async () => {
    await refused({ content: [1, 0, 0, 0], values: 0 }, 1);
    await refused({ content: [1, 0, 0, 0], values: 2 ** 30 }, 4);
    await refused({ content: [1, 0, 0, 0], values: -1 }, 4);
    await refused({ content: [1, 0, 0, 0], values: 1 }, 2);
  });

  it("may unpack to 128 MiB, and no more", async () => {
    const packed = { codec: "GZIP" } as const;
    const page = (length: number) => dataPage({ content: [1, 2, 3], length });
    expect(checkPages(page(MAX_PARQUET_PAGE_BYTES), packed, 1, false)).toHaveLength(1);
    await failure("LIMIT_EXCEEDED", () => checkPages(page(MAX_PARQUET_PAGE_BYTES + 1), packed, 1, false));
  });

  it("with a run of a thousand million values are refused before it is written out", async () => {
    const run = [...varint(2 * 1_000_000_000), 1];
    await refused({ content: [2, ...run], encoding: 8, values: 3 }, 3);
    await refused({ content: [run.length, 0, 0, 0, ...run, 0, 0], values: 3 }, 3, true);
    const packedRun = [...varint(2 * 200_000_000 + 1), 1];
    await refused({ content: [2, ...packedRun], encoding: 8, values: 3 }, 3);
  });

  it("with texts that share their beginnings may not come to more than a page", async () => {
    // 128 texts that each share 2^21 bytes with the one before: 256 MiB out of a few bytes.
    const same = (value: number) => [128, 1, 4, ...varint(128), ...varint(2 * value), 0, 0, 0, 0, 0];
    const content = [...same(2 ** 21), ...same(0)];
    await failure("LIMIT_EXCEEDED", () => walk({ content, encoding: 7, values: 128 }, 128));
    expect(walk({ content: [...same(2 ** 19), ...same(0)], encoding: 7, values: 128 }, 128)).toEqual([]);
  });
});

describe("runs and deltas", () => {
  it("say how many values there are and how many of them are 1", () => {
    expect(checkRuns(Uint8Array.of(8, 1, 3, 0b0000_0101), 0, 1, 8)).toBe(6);
    expect(checkRuns(Uint8Array.of(8, 0), 0, 1, 4)).toBe(0);
  });

  it("of no progress are refused", async () => {
    await failure("IMPORT_SYNTAX", () => checkRuns(Uint8Array.of(0, 0, 0, 0), 0, 0, 1));
    for (const head of [
      [0, 0],
      [128, 1, 0],
      [100, 3],
      [128, 1, 255, 255, 255, 255, 15],
    ]) {
      await failure("IMPORT_SYNTAX", () => checkDeltas(Uint8Array.from([...head, 4, 2, 0, 0, 0, 0, 0]), 0, 4));
    }
    await failure("IMPORT_SYNTAX", () => checkDeltas(Uint8Array.of(128, 1, 4, 3, 0), 0, 4));
  });

  it("add up to what they stand for", () => {
    // 5, then +1 +2 +3 as width 2: 5 + 6 + 8 + 11.
    const bytes = Uint8Array.from([128, 1, 4, 4, 10, 0, 2, 0, 0, 0, 0b11_10_01, ...new Array<number>(7).fill(0)]);
    expect(sumDeltas(bytes, 0, 4)).toEqual({ sum: 30, end: bytes.byteLength });
  });
});

describe("Thrift", () => {
  it("is read with numbers and structs by field", () => {
    const found = readThrift(Uint8Array.from([...i32(7), 0x1c, ...i32(-3), 0, 0x18, 2, 65, 66, 0]), 0);
    expect(found.numbers.get(1)).toBe(7);
    expect(found.structs.get(2)!.numbers.get(1)).toBe(-3);
    expect(found.end).toBe(11);
  });

  it("is refused where it claims more than is there, or goes too deep", async () => {
    const bad = [
      [0x18, 0xff, 0xff, 3],
      [0x19, 0xfc, 0xff, 0xff, 0xff, 0x7f],
      [0x15, 255, 255, 255, 255, 255, 1],
      [0x1b, 0],
      [0x15],
      new Array<number>(100).fill(0x1c),
      new Array<number>(100).fill(0x19),
    ];
    for (const bytes of bad) await failure("IMPORT_SYNTAX", () => readThrift(Uint8Array.from(bytes), 0));
  });
});

describe("a Parquet file as a whole", () => {
  const ending = (length: number, size: number) => ({
    name: "f.parquet",
    size,
    read: async (offset: number, count: number) => {
      const tail = new Uint8Array(8);
      new DataView(tail.buffer).setUint32(0, length, true);
      return offset === size - 8 ? tail.subarray(0, count) : new Uint8Array(count);
    },
    readInto: async () => {},
    close: async () => {},
  });

  it("may have a footer of 64 MiB, and no more", async () => {
    await failure("LIMIT_EXCEEDED", () => readParquet(ending(MAX_PARQUET_FOOTER_BYTES + 1, 2 ** 30)));
    // A byte less is read; these zeros are no footer.
    await failure("IMPORT_SYNTAX", () => readParquet(ending(MAX_PARQUET_FOOTER_BYTES, 2 ** 30)));
  });

  it("has no more values than its bytes make likely", async () => {
    expect(checkValueCount(MAX_PARQUET_FREE_VALUES + 2 * PARQUET_VALUES_A_BYTE, 2)).toBeUndefined();
    await failure("LIMIT_EXCEEDED", () => checkValueCount(MAX_PARQUET_FREE_VALUES + 1 + 2 * PARQUET_VALUES_A_BYTE, 2));
  });

  it("unpacks, and writes out, no more than its bytes make likely, all pages together", async () => {
    const packed = { codec: "GZIP" } as const;
    const page = (length: number) => dataPage({ content: [1, 2, 3], length });
    const walkAll = (...lengths: readonly number[]) => {
      const spend = parquetBudget(2);
      for (const length of lengths) checkPages(page(length), packed, 1, false, spend);
    };
    const most = MAX_PARQUET_FREE_BYTES + 2 * INFLATED_A_BYTE;
    walkAll(most - 1000, 1000);
    await failure("LIMIT_EXCEEDED", () => walkAll(MAX_PARQUET_FREE_BYTES + 1 + 2 * INFLATED_A_BYTE));
    await failure("LIMIT_EXCEEDED", () => walkAll(most - 1000, 1001));
    // Texts that share their beginnings count as they are written out.
    const shared = (value: number) => [128, 1, 4, ...varint(128), ...varint(2 * value), 0, 0, 0, 0, 0];
    const texts = dataPage({ content: [...shared(2 ** 18), ...shared(0)], encoding: 7, values: 128 });
    const spend = parquetBudget(2);
    checkPages(texts, UNPACKED, 128, false, spend);
    await failure("LIMIT_EXCEEDED", () => checkPages(texts, UNPACKED, 128, false, spend));
  });

  it("is asked for what it unpacks to when it is read: 40 MiB of a letter in 40 KB", async () => {
    const page = (bytes: number) => [{ name: "a", data: ["x".repeat(bytes)], type: "STRING" as const }];
    const written = (bytes: number) => {
      const columnData = page(bytes);
      return new Uint8Array(
        parquetWriteBuffer({ columnData, codec: "GZIP", compressors: { GZIP: (b) => gzipSync(b) } }),
      );
    };
    expect(await rowsOf(await readParquet(memorySource(written(2 ** 20))))).toHaveLength(1);
    await failure("LIMIT_EXCEEDED", async () => rowsOf(await readParquet(memorySource(written(40 * 2 ** 20)))));
  });
});

describe("a row group that has a column twice", () => {
  it("is refused, and of the second nothing is read that was not checked", async () => {
    const sink = memorySink();
    const columns = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    await exportTable(memoryTable("t", ["aa", "ab"], columns), sink, { format: "parquet" });
    await sink.commit();
    const bytes = sink.result().slice();
    const text = new TextDecoder("latin1").decode(bytes);
    bytes[text.lastIndexOf("ab") + 1] = 97;
    // Behind the magic number are the pages of both, and then what is told of them.
    for (let at = 4; at < text.indexOf("aa"); at++) {
      const damaged = bytes.slice();
      damaged[at]! ^= 0xff;
      const read = async () => rowsOf(await readParquet(memorySource(damaged)));
      await expect(read(), `${at}`).rejects.toMatchObject({ code: "IMPORT_SYNTAX" });
    }
  });
});
