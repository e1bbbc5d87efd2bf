import { describe, expect, it } from "vitest";
import type { Spool } from "../../src/source/spool.ts";
import { tableBuilder } from "../../src/table/builder.ts";
import type { Cell } from "../../src/table/dual.ts";
import { indexStore } from "../../src/table/index-store.ts";

/** Temporary space that is memory, and counts what goes to it. */
function memorySpool(): Spool & { readonly appended: () => number } {
  const pieces: Uint8Array[] = [];
  let end = 0;
  return {
    async append(bytes) {
      pieces.push(bytes.slice());
      end += bytes.byteLength;
      return end - bytes.byteLength;
    },
    async readInto(offset, target) {
      target.set(Buffer.concat(pieces).subarray(offset, offset + target.byteLength));
    },
    async close() {},
    appended: () => end,
  };
}

/** Rows of a table in batches of this many, and the indexes that come back, column by column. */
async function built(columns: readonly (readonly Cell[])[], step: number, indexBytes?: number) {
  const spool = memorySpool();
  const fields = columns.map((_, k) => ({ name: `f${k}` }));
  const builder = tableBuilder(fields, { indexBytes, spool: async () => spool });
  const rows = columns[0]!.length;
  for (let from = 0; from < rows; from += step) await builder.add(columns.map((c) => c.slice(from, from + step)));
  const table = builder.finish();
  const indexes = columns.map((): number[] => []);
  const starts: number[] = [];
  for await (const batch of table.batches()) {
    starts.push(batch.rowStart);
    batch.indexes.forEach((column, k) => {
      for (let row = 0; row < batch.rows; row++) indexes[k]!.push(column[row]!);
    });
  }
  await table.close();
  return { indexes, starts, rows: table.rows, spooled: spool.appended() };
}

/** First-occurrence order, NULL as -2: what the builder says, in one line. */
function expected(column: readonly Cell[]): number[] {
  const seen = new Map<Cell, number>();
  return column.map((cell) => {
    if (cell === null) return -2;
    if (!seen.has(cell)) seen.set(cell, seen.size);
    return seen.get(cell)!;
  });
}

describe("a table builder", () => {
  const rows = 200_000;
  const columnsOf = (count: number): Cell[][] => [
    Array.from({ length: count }, () => null),
    Array.from({ length: count }, () => "same"),
    Array.from({ length: count }, (_, i) => (i < count / 2 ? null : "late")),
    Array.from({ length: count }, (_, i) => i % 7),
    Array.from({ length: count }, (_, i) => (i % 3 === 0 ? null : i % 1000)),
    Array.from({ length: count }, (_, i) => `${i}`),
  ];

  it.each([undefined, 300_000, 0])("gives back what was added, with %s bytes of memory for indexes", async (memory) => {
    const columns = columnsOf(rows);
    const made = await built(columns, 30_011, memory);
    expect(made.rows).toBe(rows);
    for (const [k, column] of columns.entries()) expect(made.indexes[k], `column ${k}`).toEqual(expected(column));
    expect(made.spooled > 0).toBe(memory !== undefined);
    expect(made.starts).toEqual([0, 65_536, 131_072, 196_608]);
  });

  it("keeps fewer rows at a time where there are thousands of columns", async () => {
    const some = columnsOf(300);
    const columns = Array.from({ length: 4098 }, (_, k) => some[k % some.length]!);
    const made = await built(columns, 77);
    for (const k of [0, 1, 2, 3, 4, 5, 4095, 4096, 4097])
      expect(made.indexes[k], `column ${k}`).toEqual(expected(columns[k]!));
    expect(made.starts).toEqual([0]);
    const long = columnsOf(1100);
    const more = await built(
      Array.from({ length: 4098 }, (_, k) => long[k % long.length]!),
      1024,
    );
    expect(more.starts).toEqual([0, 1023]);
    for (const k of [0, 2, 3, 4097]) expect(more.indexes[k]).toEqual(expected(long[k % long.length]!));
  });

  it("refuses batches that do not fit the table", async () => {
    const builder = tableBuilder([{ name: "a" }, { name: "b" }]);
    const refused = { code: "TABLE_ROWS" };
    await expect(builder.add([[1]])).rejects.toMatchObject(refused);
    await expect(builder.add([[1], [1, 2]])).rejects.toMatchObject(refused);
  });
});

describe("an index store", () => {
  it("keeps nothing of a run in which all indexes are the same, and as few bytes as fit of the others", async () => {
    const budget = { left: 1_000_000, spool: undefined };
    const store = indexStore(budget);
    const runs: readonly (readonly [readonly number[], bytes: number])[] = [
      [[-2, -2, -2], 0],
      [[-1, -1], 0],
      [[70_000, 70_000], 0],
      [[0], 0],
      [[-2, 0, 253], 3],
      [[0, 254], 4],
      [[-2, 65_533], 4],
      [[0, 65_534], 8],
      [[-1, -2], 2],
    ];
    for (const [indexes, bytes] of runs) {
      const before = budget.left;
      await store.append(Int32Array.from([...indexes, 99, 99]), indexes.length);
      expect(before - budget.left, `${indexes}`).toBe(bytes);
    }
    const out = new Int32Array(5);
    for (const [run, [indexes]] of runs.entries()) {
      out.fill(7);
      expect(await store.load(run, out)).toBe(indexes.length);
      expect([...out.subarray(0, indexes.length)]).toEqual(indexes.map((i) => Math.max(i, -2)).map(asNull));
      expect([...out.subarray(indexes.length)].every((i) => i === 7)).toBe(true);
    }
  });
});

/** Every negative index is NULL, and comes back as -2. */
const asNull = (index: number) => (index < 0 ? -2 : index);
