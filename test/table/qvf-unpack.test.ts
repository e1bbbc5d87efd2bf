import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inflateExactly, inflatePako } from "../../src/container/qvf/deflate.ts";
import { vectorBytes } from "../../src/container/qvf/table-stream.ts";
import { inflateNode } from "../../src/engine/inflate.ts";
import { kernelVectors, scriptVectors, type VectorColumn } from "../../src/table/qvf-unpack.ts";
import { packVector } from "../../src/table/qvf-vector.ts";
import { failure } from "../helpers/errors.ts";

const MAKERS = [
  ["script", scriptVectors],
  ["reference", (c: readonly VectorColumn[], n: number) => kernelVectors(c, n, "reference")],
  ["scalar", (c: readonly VectorColumn[], n: number) => kernelVectors(c, n, "scalar")],
  ["simd", (c: readonly VectorColumn[], n: number) => kernelVectors(c, n, "simd")],
] as const;

interface Made {
  readonly column: VectorColumn;
  readonly indexes: Int32Array;
}

const ROWS = 203;
const column = fc
  .record({
    width: fc.integer({ min: 0, max: 31 }),
    bias: fc.constantFrom(0, -1, -2, 5),
    stored: fc.array(fc.nat(), { minLength: ROWS, maxLength: ROWS }),
  })
  .map(({ width, bias, stored }): Made => {
    const indexes = Int32Array.from(stored, (value) => Math.min((value % 2 ** width) + bias, 2 ** 31 - 1));
    const vector = new Uint8Array(width === 0 ? 0 : vectorBytes(ROWS, width));
    packVector(vector, width, bias, 0, indexes, ROWS);
    return { column: { vector, width, bias, symbolCount: Math.max(0, Math.max(...indexes) + 1) }, indexes };
  });

describe.each(MAKERS)("vectors unpacked by %s", (_, make) => {
  it("are what was packed, from any row on", () => {
    fc.assert(
      fc.property(fc.array(column, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 64 }), (made, step) => {
        const { indexes, unpack } = make(
          made.map((m) => m.column),
          step,
        );
        for (let row = 0; row < ROWS; row += step) {
          const rows = Math.min(step, ROWS - row);
          expect(unpack(row, rows)).toBe(-1);
          made.forEach((m, k) => {
            expect(indexes[k]!.subarray(0, rows)).toEqual(m.indexes.subarray(row, row + rows));
          });
        }
      }),
      { numRuns: 40 },
    );
  });

  it("name the column with an index that has no symbol", () => {
    const packed = (symbolCount: number): VectorColumn => {
      const vector = new Uint8Array(vectorBytes(10, 4));
      packVector(vector, 4, -2, 0, Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, -2), 10);
      return { vector, width: 4, bias: -2, symbolCount };
    };
    expect(make([packed(9), packed(9)], 10).unpack(0, 10)).toBe(-1);
    expect(make([packed(9), packed(8)], 10).unpack(0, 10)).toBe(1);
    const constant = { vector: new Uint8Array(0), width: 0, bias: 2, symbolCount: 3 };
    expect(make([constant], 10).unpack(0, 10)).toBe(-1);
    expect(make([{ ...constant, symbolCount: 2 }], 10).unpack(0, 10)).toBe(0);
    expect(make([{ ...constant, bias: -2, symbolCount: 0 }], 10).unpack(0, 10)).toBe(-1);
  });
});

describe.each([
  ["pako", inflatePako],
  ["node", inflateNode],
] as const)("inflating by %s", (_, inflate) => {
  it.each([0, 1, 1000, 600_000])("takes %i bytes exactly", async (length) => {
    const raw = new Uint8Array(length).map((_, i) => (i * i) % 253);
    const bytes = new Uint8Array(deflateSync(raw));
    const to = (data: Uint8Array, stated: number) => inflateExactly(inflate, data, stated, "part");
    expect(await to(bytes, length)).toEqual(raw);
    await failure("QVF_DEFLATE", () => to(bytes, length + 1));
    if (length > 0) await failure("QVF_DEFLATE", () => to(bytes, length - 1));
    await failure("QVF_DEFLATE", () => to(Uint8Array.of(...bytes.slice(0, 50), 0, ...bytes.slice(50)), length));
    await failure("QVF_DEFLATE", () => to(bytes.slice(0, -1), length));
    await failure("QVF_DEFLATE", () => to(new Uint8Array(0), length));
    const flipped = bytes.slice();
    flipped[flipped.byteLength - 1]! ^= 1;
    await failure("QVF_DEFLATE", () => to(flipped, length));
  });
});
