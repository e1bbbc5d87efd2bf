import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memorySource } from "../../src/source/memory.ts";
import type { ByteSource } from "../../src/source/source.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { chunkRowsOf, recordChunks } from "../../src/table/record-chunks.ts";
import { kernelUnpacker, type PlacedField, scriptUnpacker } from "../../src/table/record-unpack.ts";
import { recordStrip } from "../../src/table/strips.ts";
import { failure } from "../helpers/errors.ts";
import { entry, rawQvd } from "../helpers/raw-qvd.ts";

const fields = fc.array(
  fc.tuple(fc.nat(1), fc.nat(100), fc.nat(32), fc.constantFrom(0, -2), fc.oneof(fc.nat(40), fc.constant(2 ** 31 - 3))),
  { minLength: 1, maxLength: 8 },
);

describe("unpacking records", () => {
  it.each(["reference", "scalar", "simd"] as const)("is the same in TypeScript and in the %s kernel", (build) => {
    const check = (all: [number, number, number, number, number][], rows: number, content: Uint8Array) => {
      const sizes = [30, 17];
      const placed = all.map(([strip, bitOffset, bitWidth, bias, noOfSymbols]): PlacedField => {
        return { strip, bitOffset, bitWidth, bias, noOfSymbols };
      });
      const script = scriptUnpacker(sizes, placed, 50);
      const kernel = kernelUnpacker(sizes, placed, 50, build);
      for (const buffer of [0, 1] as const) {
        const bad = [script, kernel].map(({ records, unpack }) => {
          for (const [k, strip] of records[buffer].entries()) {
            strip.forEach((_, i) => {
              strip[i] = content[(i * 7 + buffer + k) % content.length]!;
            });
          }
          return unpack(buffer, rows);
        });
        expect(bad[1]).toBe(bad[0]);
        // The script stops at the first bad field.
        const sound = bad[0]! < 0 ? placed.length : bad[0]!;
        for (let k = 0; k < sound; k++) {
          expect(kernel.indexes[k]!.subarray(0, rows)).toEqual(script.indexes[k]!.subarray(0, rows));
        }
        if (bad[0]! >= 0) return;
      }
    };
    const content = fc.uint8Array({ minLength: 1, maxLength: 99 });
    fc.assert(fc.property(fields, fc.integer({ min: 0, max: 50 }), content, check), { numRuns: 100 });
  });

  it("names the row of a bad index, in a table that is large enough for a kernel, also in its last row", async () => {
    const rows = 300_000;
    for (const bad of [0, 70_000, rows - 1]) {
      const records = new Uint8Array(rows);
      records[bad] = 2;
      const symbols = [entry.int(1), entry.int(2)];
      const bytes = rawQvd({
        fields: [{ name: "A", symbols, bitOffset: 0, bitWidth: 8 }],
        rows,
        recordBytes: 1,
        records,
      });
      const table = await openQvdTable(memorySource(bytes));
      const error = await failure("QVD_INDEX", async () => {
        for await (const batch of table.scan()) expect(batch.rows).toBeGreaterThan(0);
      });
      expect(error.message).toContain(`row ${bad} refers to symbol 2`);
      expect(error.offset).toBe(bytes.byteLength - rows + bad);
    }
  });
});

describe("record chunks", () => {
  const all = Uint8Array.from({ length: 1000 }, (_, i) => i);

  /** A source that counts the reads under way, and can fail. */
  function watched(failAt = Number.POSITIVE_INFINITY) {
    const inner = memorySource(all);
    const seen = { reads: 0, open: 0 };
    const source: ByteSource = {
      ...inner,
      async readInto(offset, target) {
        seen.reads += 1;
        seen.open += 1;
        await new Promise((resolve) => setTimeout(resolve, 1));
        seen.open -= 1;
        if (offset >= failAt) throw new Error("disk gone");
        await inner.readInto(offset, target);
      },
    };
    return { source, seen };
  }
  const range = { from: 2, to: 290, chunkRows: 64 };
  const strips = (source: ByteSource) => [recordStrip(source, "records", 100, 3)];
  const buffers = () => [[new Uint8Array(192)], [new Uint8Array(192)]] as const;

  it("are whole records, in order, to the last row", async () => {
    const { source } = watched();
    const rooms = buffers();
    const found: number[] = [];
    const rows: number[] = [];
    for await (const chunk of recordChunks({ ...range, strips: strips(source) }, rooms)) {
      rows.push(chunk.row, chunk.rows);
      found.push(...rooms[chunk.buffer][0].subarray(0, chunk.rows * 3));
    }
    expect(rows).toEqual([2, 64, 66, 64, 130, 64, 194, 64, 258, 32]);
    expect(found).toEqual([...all.subarray(106, 970)]);
  });

  it("are read ahead only by who goes on, and none is under way when the reader stops", async () => {
    for (const [taken, reads] of [
      [1, 1],
      [2, 3],
      [5, 5],
    ]) {
      const { source, seen } = watched();
      let count = 0;
      for await (const _ of recordChunks({ ...range, strips: strips(source) }, buffers())) if (++count === taken) break;
      expect([seen.reads, seen.open]).toEqual([reads, 0]);
    }
  });

  it("fail where the failing chunk is asked for", async () => {
    const { source } = watched(400);
    let count = 0;
    const run = async () => {
      for await (const _ of recordChunks({ ...range, strips: strips(source) }, buffers())) count += 1;
    };
    await expect(run()).rejects.toThrow("disk gone");
    expect(count).toBe(2);
  });

  it("stop when they are cancelled", async () => {
    const { source } = watched();
    const abort = new AbortController();
    await failure("CANCELLED", async () => {
      for await (const _ of recordChunks({ ...range, strips: strips(source), signal: abort.signal }, buffers()))
        abort.abort();
    });
  });

  it("have whole words of a row mask, about a megabyte", () => {
    expect(chunkRowsOf(0)).toBe(65_536);
    expect(chunkRowsOf(16)).toBe(65_536);
    expect(chunkRowsOf(60)).toBe(17_472 - (17_472 % 64));
    expect(chunkRowsOf(1_000_000)).toBe(64);
    expect(chunkRowsOf(20, 10)).toBe(209_664);
    expect(chunkRowsOf(4, 2)).toBe(262_144);
    expect(chunkRowsOf(16, 3, 2048)).toBe(128);
  });
});
