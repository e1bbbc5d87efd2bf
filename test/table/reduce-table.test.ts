import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ARENA_BASE } from "../../src/kernel/arena.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { createKernel } from "../../src/kernel/wasm.ts";
import { MAX_KERNEL_BYTES } from "../../src/limits.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import type { ByteSource } from "../../src/source/source.ts";
import type { Cell } from "../../src/table/dual.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { verifyQvd } from "../../src/table/qvd-verify.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { arenaBytes, planReduction } from "../../src/table/reduce-memory.ts";
import { type ReduceOptions, reduceQvd } from "../../src/table/reduce-table.ts";
import { failure } from "../helpers/errors.ts";
import { entry, headerAndBody, rawQvd } from "../helpers/raw-qvd.ts";
import { describeShared, realQvdFiles } from "../helpers/shared.ts";
import { qvdOf, rowsOf } from "../helpers/tables.ts";

async function reduced(source: Uint8Array | ByteSource, options: ReduceOptions) {
  const table = await openQvdTable(source instanceof Uint8Array ? memorySource(source) : source);
  const sink = memorySink();
  const result = await reduceQvd(sink, table, options);
  await sink.commit();
  return { ...result, bytes: sink.result() };
}

const cell: fc.Arbitrary<Cell> = fc.oneof(
  fc.constant(null),
  fc.integer({ min: 0, max: 300 }),
  fc.string({ maxLength: 20 }).map((text) => text.replaceAll("\0", "")),
  fc.record({ number: fc.integer(), text: fc.constantFrom("a", "b") }),
);

const columns = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.oneof(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 0, max: 700 })))
  .chain(([width, rows]) =>
    fc.array(
      fc
        .array(cell, { minLength: 1, maxLength: 60 })
        .chain((few) => fc.array(fc.constantFrom(...few), { minLength: rows, maxLength: rows })),
      { minLength: width, maxLength: width },
    ),
  );

const key = (value: Cell) => JSON.stringify(value);

describe("reduction of a QVD", () => {
  it("writes what a table made of the allowed rows alone is, in one pass and in two", async () => {
    const check = async (cells: Cell[][], picks: number[], keptBytes: number, build: Kernel["build"]) => {
      const fields = cells.map((_, k) => ({ name: `F${k}`, tags: [] }));
      const bytes = await qvdOf({ fields, columns: cells });
      const tested = [...new Set(picks.map((pick) => pick % cells.length))].slice(0, 3);
      // Two symbols in three are allowed, by the place where they come first.
      const allows = (symbol: number) => symbol % 3 !== 1;
      const order = cells.map((column) => [...new Set(column.filter((c) => c !== null).map(key))]);
      const stays = (row: number) => {
        return tested.every((k) => cells[k]![row] !== null && allows(order[k]!.indexOf(key(cells[k]![row]!))));
      };
      const expected = await qvdOf({ fields, columns: cells.map((column) => column.filter((_, row) => stays(row))) });
      const options: ReduceOptions = {
        allowed: tested.map((ordinal) => ({ ordinal, allows })),
        keptBytes,
        chunkBytes: 64,
        kernel: (size) => createKernel({ arenaBytes: size, build }),
      };
      const found = await reduced(bytes, options);
      expect(found.bytes).toEqual(expected);
      expect((await verifyQvd(memorySource(found.bytes))).findings).toEqual([]);
    };
    await fc.assert(
      fc.asyncProperty(
        columns,
        fc.array(fc.nat(), { maxLength: 4 }),
        fc.constantFrom(0, 100, 1 << 20),
        fc.constantFrom("reference", "scalar", "simd"),
        check,
      ),
      { numRuns: process.env.QVAULT_LONG ? 3000 : 200 },
    );
  }, 300_000);

  it("reads the records once if what is kept fits memory, else twice", async () => {
    const bytes = await qvdOf({ fields: [{ name: "A" }], columns: [Array.from({ length: 1000 }, (_, i) => i % 300)] });
    const allowed = [{ ordinal: 0, allows: (symbol: number) => symbol < 150 }];
    const progress: number[] = [];
    const onProgress = (done: number, all: number) => progress.push(done, all);
    const once = await reduced(bytes, { allowed, chunkBytes: 1024, onProgress });
    const twice = await reduced(bytes, { allowed, chunkBytes: 1024, keptBytes: 100 });
    expect([once.rows, once.kept, once.passes, once.build]).toEqual([1000, 550, 1, "simd"]);
    expect([twice.rows, twice.kept, twice.passes]).toEqual([1000, 550, 2]);
    expect(twice.bytes).toEqual(once.bytes);
    expect(progress).toEqual([512, 1000, 1000, 1000]);
  });

  it("keeps the fields asked for, in the order asked for", async () => {
    const fields = [{ name: "A" }, { name: "B" }, { name: "C" }];
    const bytes = await qvdOf({
      fields,
      columns: [
        ["x", "y", "x"],
        [1, 2, null],
        [7, 7, 8],
      ],
    });
    const found = await reduced(bytes, { allowed: [{ ordinal: 0, allows: (s) => s === 0 }], fields: [2, 1] });
    expect(await rowsOf(found.bytes)).toEqual([
      [7, 1],
      [8, null],
    ]);
    expect(new TextDecoder().decode(found.bytes)).not.toContain("x\0");
  });

  it("prunes symbol tables of many windows, with entries that are longer than one", async () => {
    const rows = 75_000;
    const long = ["x".repeat(700_000), "y".repeat(300_000), ""];
    const text = (i: number) => `${"ä".repeat(i % 7)}${i}`;
    const cells: Cell[][] = [
      Array.from({ length: rows }, (_, i) => i % 5),
      // As long as each other, but for the last one or for none; and more than the second-level cache has numbers for.
      Array.from({ length: rows }, (_, i) => (i < rows - 1 ? `code-${(i * 7919) % 70_001}`.padEnd(12, "-") : "last")),
      Array.from({ length: rows }, (_, i) => (i % 11 === 0 ? null : ((i * 7919) % 70_001) + 0.5)),
      Array.from({ length: rows }, (_, i) => (i % 2 ? text((i * 31) % 69_997) : (i * 31) % 69_997)),
      Array.from({ length: rows }, (_, i) => (i % 1000 === 6 ? long[(i % 3) as 0]! : `k${i % 50}`)),
    ];
    const fields = cells.map((_, k) => ({ name: `F${k}`, tags: [] }));
    const bytes = await qvdOf({ fields, columns: cells });
    const stays = (row: number) => (cells[0]![row] as number) % 2 === 1;
    const expected = await qvdOf({ fields, columns: cells.map((column) => column.filter((_, row) => stays(row))) });
    const allowed = [{ ordinal: 0, allows: (symbol: number) => symbol % 2 === 1 }];
    for (const [build, keptBytes] of [
      ["reference", 60_000],
      ["scalar", 60_000],
      ["simd", 0],
      ["simd", 60_000],
      ["simd", 1 << 30],
    ] as const) {
      const kernel = (size: number) => createKernel({ arenaBytes: size, build });
      const found = await reduced(bytes, { allowed, keptBytes, kernel });
      expect(found.passes).toBe(keptBytes === 1 << 30 ? 1 : 2);
      // Not toEqual, which would print a million numbers.
      expect(Buffer.compare(found.bytes, expected)).toBe(0);
    }
  }, 60_000);

  it("leaves nothing in memory that it used", async () => {
    const secret = "Nobody may find this";
    const bytes = await qvdOf({ fields: [{ name: "A" }], columns: [[secret, "b", secret, null]] });
    let kernel: Kernel | undefined;
    let sawSecret = false;
    const has = () => new TextDecoder("latin1").decode(new Uint8Array(kernel!.arena.buffer)).includes(secret);
    const found = await reduced(bytes, {
      allowed: [],
      kernel: (size) => {
        kernel = createKernel({ arenaBytes: size });
        const { symbols } = kernel;
        const look: Kernel["symbols"] = (...args) => {
          sawSecret ||= has();
          return symbols(...args);
        };
        return { ...kernel, symbols: look };
      },
    });
    expect(found.kept).toBe(4);
    expect(sawSecret).toBe(true);
    expect(new Uint8Array(kernel!.arena.buffer, ARENA_BASE).some((byte) => byte !== 0)).toBe(false);
  });

  it("leaves nothing in memory if it fails", async () => {
    let kernel: Kernel | undefined;
    const bytes = await qvdOf({ fields: [{ name: "A" }], columns: [["a", "b"]] });
    const take = (size: number) => (kernel = createKernel({ arenaBytes: size }));
    const allowed = [{ ordinal: 0, allows: () => true }];
    await failure("CANCELLED", () => reduced(bytes, { allowed, kernel: take, signal: AbortSignal.abort() }));
    expect(new Uint8Array(kernel!.arena.buffer, ARENA_BASE).some((byte) => byte !== 0)).toBe(false);
  });
});

describe("reduction of a damaged or changing QVD", () => {
  const symbols = [entry.text("a"), entry.text("b"), entry.text("c")];
  const qvd = (records: number[], name = "A") => {
    const field = { name, symbols, bitOffset: 0, bitWidth: 8 };
    return rawQvd({ fields: [field], rows: records.length, recordBytes: 1, records: Uint8Array.from(records) });
  };

  it("refuses an index without a symbol, and says in which row", async () => {
    const bytes = qvd([0, 1, 2, 3, 0]);
    const tested = await failure("QVD_INDEX", () => reduced(bytes, { allowed: [{ ordinal: 0, allows: () => true }] }));
    expect(tested.message).toBe('index table: row 3 refers to symbol 3 of field "A", which has 3');
    expect(tested.offset).toBe(bytes.byteLength - 2);
    const kept = await failure("QVD_INDEX", () => reduced(bytes, { allowed: [] }));
    expect(kept.message).toContain("a row refers to symbol 3");
  });

  it("refuses a damaged symbol table", async () => {
    const { header, body } = headerAndBody(qvd([0, 1]));
    body[0] = 3;
    const bytes = new Uint8Array([...new TextEncoder().encode(`${header}\0`), ...body]);
    await failure("QVD_SYMBOL", () => reduced(bytes, { allowed: [] }));
  });

  it("refuses a symbol table that is damaged in a later window", async () => {
    const texts = Array.from({ length: 40_000 }, (_, i) => `symbol ${i}`);
    const { header, body } = headerAndBody(await qvdOf({ fields: [{ name: "A" }], columns: [texts] }));
    const at = texts.slice(0, 30_000).reduce((sum, text) => sum + text.length + 2, 0);
    for (const byte of [3, 1]) {
      const damaged = new Uint8Array([...new TextEncoder().encode(`${header}\0`), ...body]);
      damaged[header.length + 1 + at] = byte;
      const error = await failure("QVD_SYMBOL", () => reduced(damaged, { allowed: [] }));
      expect(error.part).toBe('symbols of "A"');
      if (byte === 3) expect(error.offset).toBe(header.length + 1 + at);
    }
  });

  it("refuses a field that is not there", async () => {
    await failure("TABLE_NO_FIELD", () => reduced(qvd([0]), { allowed: [], fields: [1] }));
    await failure("TABLE_NO_FIELD", () => reduced(qvd([0]), { allowed: [{ ordinal: 2, allows: () => true }] }));
  });

  it("refuses a field that is asked for twice", async () => {
    await failure("USAGE", () => reduced(qvd([0]), { allowed: [], fields: [0, 0] }));
  });

  it("notices that the records changed between its two passes", async () => {
    for (const late of [
      [0, 0, 2, 0], // another symbol
      [0, 0, 1, 1], // fewer rows
      [0, 0, 0, 0], // more rows
    ]) {
      const first = qvd([0, 0, 1, 0]);
      const inner = memorySource(first);
      const start = first.byteLength - 4;
      let reads = 0;
      const source: ByteSource = {
        ...inner,
        readInto: async (offset, target) => {
          await inner.readInto(offset, target);
          if (offset === start && ++reads > 1) target.set(late.slice(0, target.byteLength));
        },
      };
      const allowed = [{ ordinal: 0, allows: (symbol: number) => symbol !== 1 }];
      await failure("SOURCE_CHANGED", () => reduced(source, { allowed, keptBytes: 0 }));
    }
  });

  it("refuses a table whose symbols no kernel can address", async () => {
    const table = await openQvdTable(memorySource(qvd([0, 1])));
    const plan = planReduction(table, [], [0], { keptBytes: 100 });
    const need = arenaBytes(table, plan);
    expect(need).toBeLessThan(MAX_KERNEL_BYTES);
    expect(arenaBytes(table, plan, need)).toBe(need);
    await failure("LIMIT_EXCEEDED", () => arenaBytes(table, plan, need - 1));
  });

  it("keeps NULLs that other writers store otherwise than Qlik", async () => {
    // A bias of -1, and NULLs in no bits at all: both take one bit more in Qlik's way.
    const other = { name: "B", symbols: [], bitOffset: 0, bitWidth: 0, bias: -2 };
    const field = { name: "A", symbols: symbols.slice(0, 1), bitOffset: 0, bitWidth: 1, bias: -1 };
    const records = Uint8Array.from([0, 1, 1, 0]);
    const bytes = rawQvd({ fields: [field, other], rows: 4, recordBytes: 1, records });
    const found = await reduced(bytes, { allowed: [] });
    expect(await rowsOf(found.bytes)).toEqual([
      [null, null],
      ["a", null],
      ["a", null],
      [null, null],
    ]);
    expect((await verifyQvd(memorySource(found.bytes))).findings).toEqual([]);
  });

  it("leaves a table without rows as Qlik writes it", async () => {
    const found = await reduced(qvd([0, 1, 2]), { allowed: [{ ordinal: 0, allows: () => false }] });
    expect(found.kept).toBe(0);
    expect(await rowsOf(found.bytes)).toEqual([]);
    expect((await verifyQvd(memorySource(found.bytes))).findings).toEqual([]);
    expect(headerAndBody(found.bytes).header).toContain("<RecordByteSize>1<");
  });
});

describeShared("reduction of real files", () => {
  it("keeps the rows that a plain filter keeps", async () => {
    const files = (realQvdFiles() ?? []).filter((_, i) => i % (process.env.QVAULT_LONG ? 1 : 3) === 0);
    let done = 0;
    for (const path of files) {
      const bytes = new Uint8Array(await readFile(path));
      const table = await openQvdTable(memorySource(bytes)).catch(() => undefined);
      if (table === undefined || table.rows * table.fields.length > 200_000) continue;
      const rows = await readRows(table).catch(() => undefined);
      if (rows === undefined) continue;
      const ordinal = table.fields.findIndex((f) => f.symbolCount > 1);
      const indexes: number[] = [];
      if (ordinal >= 0) {
        for await (const batch of table.scan({ fields: [ordinal] }))
          indexes.push(...batch.indexes[0]!.subarray(0, batch.rows));
      }
      const allowed = ordinal < 0 ? [] : [{ ordinal, allows: (symbol: number) => symbol % 2 === 1 }];
      const expected = ordinal < 0 ? rows : rows.filter((_, row) => indexes[row]! % 2 === 1);
      const found = await reduced(bytes, { allowed });
      expect(await rowsOf(found.bytes), path).toEqual(expected);
      expect((await verifyQvd(memorySource(found.bytes))).findings, path).toEqual([]);
      done += 1;
    }
    expect(done).toBeGreaterThan(20);
  });
});
