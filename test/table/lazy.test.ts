import { open, truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { inspect } from "../../src/engine/inspect.ts";
import { MAX_ROWS, MAX_ROWS_WITHOUT_BYTES, MAX_SYMBOL_BYTES } from "../../src/limits.ts";
import { type CountingSource, countingSource } from "../../src/source/counting.ts";
import { fileSource } from "../../src/source/file.ts";
import { memorySource } from "../../src/source/memory.ts";
import type { ByteSource } from "../../src/source/source.ts";
import type { Cell } from "../../src/table/dual.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { failure } from "../helpers/errors.ts";
import { editHeader, entry, headerAndBody, packWithBigInt, rawQvd } from "../helpers/raw-qvd.ts";
import { qvdOf } from "../helpers/tables.ts";
import { temporaryFolders } from "../helpers/temp.ts";

const temporaryFolder = temporaryFolders();

const ROWS = 200_000;

async function counted(bytes: Uint8Array): Promise<CountingSource> {
  return countingSource(memorySource(bytes));
}

/** Three fields of 200,000 rows: many symbols, few, and one. */
async function wide(): Promise<Uint8Array> {
  const rows = Array.from({ length: ROWS }, (_, i) => i);
  const columns: Cell[][] = [rows.map((i) => `symbol number ${i}`), rows.map((i) => i % 50), rows.map(() => "one")];
  return qvdOf({ fields: [{ name: "many" }, { name: "few" }, { name: "one" }], columns });
}

describe("reading fetches only what is asked for", () => {
  it("opening: the header, in one fetch", async () => {
    const source = await counted(await wide());
    await openQvdTable(source);
    expect(source.count.ranges).toEqual([{ offset: 0, length: 65_536 }]);
  });

  it("a long header: by doubling, no byte twice", async () => {
    const long = editHeader(await wide(), (xml) =>
      xml.replace("<Comment></Comment>\r\n   <Enc", () => {
        return `<Comment>${"x".repeat(500_000)}</Comment>\r\n   <Enc`;
      }),
    );
    const source = await counted(long);
    const table = await openQvdTable(source);
    expect(table.comment.length).toBe(500_000);
    const { ranges } = source.count;
    expect(ranges.length).toBe(4);
    for (const [i, range] of ranges.entries()) {
      expect(range.offset).toBe(i === 0 ? 0 : ranges[i - 1]!.offset + ranges[i - 1]!.length);
    }
  });

  it("a projection: its symbol tables, once, and the records", async () => {
    const source = await counted(await wide());
    const table = await openQvdTable(source);
    source.count.ranges.length = 0;
    await readRows(table, { fields: [1], from: 0, to: ROWS });
    const symbols = table.layout.symbols[1]!;
    const { offset, length } = table.layout.records;
    expect(source.count.ranges[0]).toEqual({ offset: symbols.offset, length: symbols.length });
    const records = source.count.ranges.slice(1);
    expect(records[0]!.offset).toBe(offset);
    expect(records.reduce((sum, r) => sum + r.length, 0)).toBe(length);
    expect(records.length).toBe(Math.ceil(ROWS / 65_536));
    source.count.ranges.length = 0;
    await table.symbols(1);
    expect(source.count.ranges).toEqual([]);
  });

  it("a row range: the bytes of these rows only", async () => {
    const source = await counted(await wide());
    const table = await openQvdTable(source);
    for (const ordinal of [0, 1, 2]) await table.symbols(ordinal);
    source.count.ranges.length = 0;
    const rows = await readRows(table, { from: 150_000, to: 150_003 });
    expect(rows).toEqual([150_000, 150_001, 150_002].map((i) => [`symbol number ${i}`, i % 50, "one"]));
    const size = table.header.recordByteSize;
    expect(source.count.ranges).toEqual([{ offset: table.layout.records.offset + 150_000 * size, length: 3 * size }]);
  });

  it("no rows, and fields of no bits: no records", async () => {
    // Widened fields have bits, so this layout is made by hand.
    const qvd = rawQvd({
      fields: [
        { name: "one", symbols: [entry.text("x")], bitOffset: 0, bitWidth: 0 },
        { name: "few", symbols: [entry.int(1), entry.int(2)], bitOffset: 0, bitWidth: 8 },
      ],
      rows: 3,
      recordBytes: 1,
      records: packWithBigInt(3, 1, [{ bitOffset: 0, raws: [0, 1, 0] }]),
    });
    const source = await counted(qvd);
    const table = await openQvdTable(source);
    await table.symbols(0);
    await table.symbols(1);
    source.count.ranges.length = 0;
    expect(await readRows(table, { fields: [0] })).toEqual([["x"], ["x"], ["x"]]);
    expect(await readRows(table, { from: 2, to: 2 })).toEqual([]);
    expect(await readRows(table, { from: 3 })).toEqual([]);
    expect(source.count.ranges).toEqual([]);
  });

  it("a symbol table that could not be fetched may be asked for again", async () => {
    const inner = memorySource(await wide());
    let failing = true;
    const source: ByteSource = {
      ...inner,
      read: (offset, length) => (failing ? Promise.reject(new Error("flaky")) : inner.read(offset, length)),
    };
    const table = await openQvdTable(source);
    await expect(table.symbols(1)).rejects.toThrow("flaky");
    failing = false;
    expect((await table.symbols(1)).count).toBe(50);
  });

  it("cancelling stops before the next batch", async () => {
    const source = await counted(await wide());
    const table = await openQvdTable(source);
    const controller = new AbortController();
    let batches = 0;
    await failure("CANCELLED", async () => {
      for await (const _ of table.scan({ fields: [0], signal: controller.signal, batchRows: 1000 })) {
        batches += 1;
        if (batches === 3) controller.abort();
      }
    });
    expect(batches).toBe(3);
  });

  it("what cannot be asked is refused before anything is fetched", async () => {
    const source = await counted(await wide());
    const table = await openQvdTable(source);
    source.count.ranges.length = 0;
    for (const options of [{ fields: [3] }, { fields: [-1] }, { fields: [0.5] }]) {
      await failure("TABLE_NO_FIELD", () => readRows(table, options));
    }
    for (const options of [{ from: -1 }, { from: 0.5 }, { to: -1 }, { batchRows: 0 }, { batchRows: 1.5 }]) {
      await failure("TABLE_ROWS", () => readRows(table, { fields: [], ...options }));
    }
    await failure("TABLE_NO_FIELD", () => table.symbols(3));
    expect(source.count.ranges).toEqual([]);
  });
});

describe("batches", () => {
  it("are bounded for tables of very many fields, whatever is asked", async () => {
    const fields = Array.from({ length: 1_200 }, (_, k) => ({
      name: `f${k}`,
      symbols: [entry.text("x")],
      bitOffset: 0,
      bitWidth: 0,
    }));
    const rows = 60_000;
    const table = await openQvdTable(
      memorySource(rawQvd({ fields, rows, recordBytes: 1, records: new Uint8Array(rows) })),
    );
    let done = 0;
    for await (const batch of table.scan({ batchRows: rows })) {
      expect(batch.indexes.reduce((sum, list) => sum + list.byteLength, 0)).toBeLessThanOrEqual(64 * 1024 * 1024);
      done += batch.rows;
    }
    expect(done).toBe(rows);
  });
});

/** A file of `size` bytes that are zeros except at the given offsets; takes no room on the disk. */
async function sparse(size: number, pieces: ReadonlyMap<number, Uint8Array>): Promise<string> {
  const path = join(await temporaryFolder(), "sparse.qvd");
  const handle = await open(path, "wx");
  for (const [offset, bytes] of pieces) await handle.write(bytes, 0, bytes.byteLength, offset);
  await handle.close();
  await truncate(path, size);
  return path;
}

describe("files over 4 GiB", () => {
  const rows = 2 ** 31 + 1000;
  const recordBytes = 3;

  /** Two billion records of three bytes; the index table lies from 1 GiB to 7 GiB. */
  async function giant() {
    const small = rawQvd({
      fields: [
        { name: "a", symbols: ["x", "y", "z"].map(entry.text), bitOffset: 0, bitWidth: 12 },
        { name: "b", symbols: [entry.int(7), entry.double(0.5)], bitOffset: 12, bitWidth: 12, bias: -2 },
      ],
      rows: 0,
      recordBytes,
      records: new Uint8Array(0),
    });
    const start = 2 ** 30;
    const { header, body } = headerAndBody(
      editHeader(small, (xml) =>
        xml
          .replace("<NoOfRecords>0<", `<NoOfRecords>${rows}<`)
          .replace(/\n {3}<Offset>\d+</, `\n   <Offset>${start}<`)
          .replace("\n   <Length>0<", `\n   <Length>${rows * recordBytes}<`),
      ),
    );
    const head = new TextEncoder().encode(`${header}\0`);
    const last = packWithBigInt(3, recordBytes, [
      { bitOffset: 0, raws: [2, 1, 0] },
      { bitOffset: 12, raws: [3, 0, 2] },
    ]);
    const base = head.byteLength;
    const size = base + start + rows * recordBytes;
    const pieces = new Map([
      [0, head],
      [base, body],
      [size - last.byteLength, last],
    ]);
    return { path: await sparse(size, pieces), size };
  }

  it("give their header for less than 1 MB, and rows at their end for three records", async () => {
    const { path, size } = await giant();
    expect(size).toBeGreaterThan(2 ** 32);
    const source = countingSource(await fileSource(path));
    try {
      const inspection = await inspect(source);
      expect([inspection.bytes, inspection.tables[0]!.rows]).toEqual([size, rows]);
      expect(source.count.bytes).toBeLessThan(1_000_000);
      const table = await openQvdTable(source);
      const before = source.count.bytes;
      expect(await readRows(table, { from: rows - 3 })).toEqual([
        ["z", 0.5],
        ["y", null],
        ["x", 7],
      ]);
      const symbols = table.layout.symbols.reduce((sum, part) => sum + part.length, 0);
      expect(source.count.bytes - before).toBe(symbols + 3 * recordBytes);
      expect(source.count.ranges.at(-1)).toEqual({ offset: size - 9, length: 9 });
    } finally {
      await source.close();
    }
  });
});

/** A source of any size that holds `head` and then zeros. */
function claimed(head: Uint8Array, size: number): ByteSource {
  return {
    size,
    name: "claimed",
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      bytes.set(head.subarray(offset, offset + length));
      return bytes;
    },
    async readInto(offset, target) {
      target.fill(0);
      target.set(head.subarray(offset, offset + target.byteLength));
    },
    async close() {},
  };
}

describe("limits on what a header may claim", () => {
  const one = () =>
    rawQvd({
      fields: [{ name: "a", symbols: [], bitOffset: 0, bitWidth: 8, bias: -2 }],
      rows: 0,
      recordBytes: 1,
      records: new Uint8Array(0),
    });

  it("MAX_SYMBOL_BYTES: planned up to it, refused beyond, nothing fetched either way", async () => {
    const saying = (length: number) =>
      editHeader(one(), (xml) =>
        xml
          .replace("       <Length>0<", `       <Length>${length}<`)
          .replace("\r\n   <Offset>0<", `\r\n   <Offset>${length}<`),
      );
    const size = 2 ** 34;
    const table = await openQvdTable(claimed(saying(MAX_SYMBOL_BYTES), size));
    expect(table.layout.symbols[0]!.length).toBe(MAX_SYMBOL_BYTES);
    await failure("LIMIT_EXCEEDED", () => openQvdTable(claimed(saying(MAX_SYMBOL_BYTES + 1), size)));
  });

  it("MAX_ROWS: planned up to it, refused beyond", async () => {
    const saying = (rows: number) =>
      editHeader(one(), (xml) =>
        xml.replace("<NoOfRecords>0<", `<NoOfRecords>${rows}<`).replace("\r\n   <Length>0<", `\r\n   <Length>${rows}<`),
      );
    const size = 2 ** 42;
    const table = await openQvdTable(claimed(saying(MAX_ROWS), size));
    expect(await readRows(table, { from: MAX_ROWS - 2 })).toEqual([[null], [null]]);
    await failure("QVD_HEADER", () => openQvdTable(claimed(saying(MAX_ROWS + 1), size)));
  });

  it("MAX_ROWS_WITHOUT_BYTES: read up to it, refused beyond", async () => {
    const saying = (rows: number) =>
      editHeader(one(), (xml) =>
        xml
          .replace("<NoOfRecords>0<", `<NoOfRecords>${rows}<`)
          .replace("<RecordByteSize>1<", "<RecordByteSize>0<")
          .replace("<BitWidth>8<", "<BitWidth>0<"),
      );
    const table = await openQvdTable(memorySource(saying(MAX_ROWS_WITHOUT_BYTES)));
    expect(await readRows(table, { from: MAX_ROWS_WITHOUT_BYTES - 1 })).toEqual([[null]]);
    await failure("LIMIT_EXCEEDED", () => openQvdTable(memorySource(saying(MAX_ROWS_WITHOUT_BYTES + 1))));
  });
});
