import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packField, RECORD_SLACK, unpackField } from "../../src/bytes/bitfield.ts";
import { packWithBigInt } from "../helpers/raw-qvd.ts";

/** A field at any bit, up to 32 wide, in a record of 1 to 200 bytes, with values that fill it. */
const anyField = fc
  .record({ width: fc.integer({ min: 0, max: 32 }), rows: fc.integer({ min: 0, max: 40 }) })
  .chain(({ width, rows }) => {
    const least = Math.max(1, Math.ceil(width / 8));
    return fc.integer({ min: least, max: 200 }).chain((recordBytes) =>
      fc.record({
        width: fc.constant(width),
        recordBytes: fc.constant(recordBytes),
        bitOffset: fc.integer({ min: 0, max: recordBytes * 8 - width }),
        // Index = raw + bias must fit an int32, so 32 bits go with a negative bias or a raw below 2^31.
        raws: fc.array(fc.integer({ min: 0, max: Math.min(2 ** width - 1, 2 ** 31 - 1) }), {
          minLength: rows,
          maxLength: rows,
        }),
        bias: fc.constantFrom(0, -2),
        noise: fc.boolean(),
      }),
    );
  });

describe("bit fields", () => {
  it("unpack as a BigInt does, whatever stands in the bits around", () => {
    fc.assert(
      fc.property(anyField, ({ width, recordBytes, bitOffset, raws, bias, noise }) => {
        const rows = raws.length;
        const packed = packWithBigInt(rows, recordBytes, [{ bitOffset, raws: width === 0 ? raws.map(() => 0) : raws }]);
        const records = new Uint8Array(packed.byteLength + RECORD_SLACK).fill(0xff);
        records.set(packed);
        if (noise) {
          const own = packWithBigInt(rows, recordBytes, [{ bitOffset, raws: raws.map(() => 2 ** width - 1) }]);
          for (let i = 0; i < own.byteLength; i++) records[i] = records[i]! | (~own[i]! & 0xff);
        }
        const out = new Int32Array(rows + 1).fill(77);
        const greatest = unpackField(records, recordBytes, rows, bitOffset, width, bias, out);
        const expected = raws.map((raw) => (width === 0 ? bias : raw + bias));
        expect([...out.subarray(0, rows)]).toEqual(expected);
        expect(out[rows]).toBe(77);
        expect(greatest).toBe(rows === 0 ? Number.NEGATIVE_INFINITY : Math.max(...expected));
      }),
      { numRuns: 400 },
    );
  });

  it("pack as a BigInt does, leave neighbours and slack alone, and come back", () => {
    fc.assert(
      fc.property(anyField, anyField, (a, b) => {
        const rows = Math.min(a.raws.length, b.raws.length);
        const recordBytes = a.recordBytes + b.recordBytes;
        const fields = [a, { ...b, bitOffset: a.recordBytes * 8 + b.bitOffset }];
        const records = new Uint8Array(rows * recordBytes + RECORD_SLACK);
        for (const f of fields) {
          const indexes = Int32Array.from(f.raws.slice(0, rows), (raw) => raw + f.bias);
          packField(records, recordBytes, rows, f.bitOffset, f.width, f.bias, indexes);
        }
        const oracle = packWithBigInt(
          rows,
          recordBytes,
          fields.map((f) => ({ bitOffset: f.bitOffset, raws: f.raws.map((raw) => (f.width === 0 ? 0 : raw)) })),
        );
        expect(Buffer.compare(records.subarray(0, rows * recordBytes), oracle)).toBe(0);
        expect(records.subarray(rows * recordBytes).every((byte) => byte === 0)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("report a 32-bit raw value beyond int32 as the number it is, so that it cannot pass for NULL", () => {
    for (const bitOffset of [0, 1, 7, 8]) {
      const records = new Uint8Array(6 + RECORD_SLACK);
      records.set(packWithBigInt(1, 6, [{ bitOffset, raws: [0xffffffff] }]));
      expect(unpackField(records, 6, 1, bitOffset, 32, -2, new Int32Array(1))).toBe(0xfffffffd);
    }
  });

  it("work over a view that does not begin where its buffer does", () => {
    const room = new Uint8Array(64);
    const records = room.subarray(5, 5 + 4 + RECORD_SLACK);
    packField(records, 2, 2, 3, 9, 0, Int32Array.of(511, 256));
    const out = new Int32Array(2);
    expect(unpackField(records, 2, 2, 3, 9, 0, out)).toBe(511);
    expect([...out]).toEqual([511, 256]);
    expect(room.subarray(0, 5).every((byte) => byte === 0)).toBe(true);
  });
});
