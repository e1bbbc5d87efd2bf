import { snappyUncompress } from "hyparquet";
import { describe, expect, it } from "vitest";
import { snappyLength } from "../../src/input/parquet-snappy.ts";
import { failure } from "../helpers/errors.ts";

/** A block of these bytes behind a preamble of two, which says what nobody reads. */
const block = (...bytes: readonly number[]) => Uint8Array.of(0x80, 0x01, ...bytes);
const literal = (length: number) => Array.from({ length }, (_, i) => i & 0xff);
const damaged = (...bytes: readonly number[]) => failure("IMPORT_SYNTAX", () => snappyLength(block(...bytes)));

describe("the length that a SNAPPY block unpacks to", () => {
  it("is that of its literals, whose lengths take none to four bytes more", () => {
    expect(snappyLength(Uint8Array.of(0))).toBe(0);
    expect(snappyLength(block())).toBe(0);
    expect(snappyLength(block(0, 7))).toBe(1);
    expect(snappyLength(block(59 << 2, ...literal(60)))).toBe(60);
    expect(snappyLength(block(60 << 2, 60, ...literal(61)))).toBe(61);
    expect(snappyLength(block(61 << 2, 0x2c, 0x01, ...literal(301)))).toBe(301);
    expect(snappyLength(block(62 << 2, 1, 0, 0, ...literal(2)))).toBe(2);
    expect(snappyLength(block(63 << 2, 1, 0, 0, 0, ...literal(2), 0, 9))).toBe(3);
  });

  it("and of its copies, from as far back as there is anything", () => {
    // One byte: 4 to 11 from up to 2047 back; two and four: 1 to 64.
    expect(snappyLength(block(0, 7, 0b000_000_01, 1))).toBe(1 + 4);
    expect(snappyLength(block(0, 7, 0b000_111_01, 1))).toBe(1 + 11);
    expect(snappyLength(block(61 << 2, 0x2b, 0x01, ...literal(300), 0b001_000_01, 44))).toBe(304);
    expect(snappyLength(block(0, 7, (63 << 2) | 2, 1, 0))).toBe(1 + 64);
    expect(snappyLength(block(0, 7, 3, 1, 0, 0, 0))).toBe(1 + 1);
  });

  it("is not known where an element ends behind the block, or copies from before it", async () => {
    for (const bytes of [
      [0],
      [4, 7],
      [60 << 2],
      [60 << 2, 1, 7],
      [61 << 2, 0],
      [62 << 2, 0, 0],
      [63 << 2, 0, 0, 0],
      [0, 7, 1],
      [0, 7, 2, 1],
      [0, 7, 3, 1, 0, 0],
      [1, 1],
      [0, 7, 1, 0],
      [0, 7, 1, 2],
      [0, 7, 0b001_000_01, 1],
      [0, 7, 2, 0, 1],
      [0, 7, 3, 1, 0, 0, 128],
      // A literal of 2^32 - 7 bytes, which 32 signed bits take for one that leads back.
      [63 << 2, 0xf8, 0xff, 0xff, 0xff, ...literal(20)],
    ])
      await damaged(...bytes);
  });

  it("is that which the library makes of it", () => {
    const made = block(
      60 << 2,
      69,
      ...literal(70),
      0b000_100_01,
      3,
      (20 << 2) | 2,
      50,
      0,
      (9 << 2) | 3,
      5,
      0,
      0,
      0,
      0,
      1,
    );
    const length = snappyLength(made);
    expect(() => snappyUncompress(made, new Uint8Array(length))).not.toThrow();
    expect(() => snappyUncompress(made, new Uint8Array(length + 1))).toThrow();
  });
});
