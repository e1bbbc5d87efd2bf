import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concat, equalBytes } from "../../src/bytes/concat.ts";
import {
  cursor,
  readBytes,
  readF64,
  readI32,
  readU8,
  readU16,
  readU32,
  readU64,
  remaining,
  take,
} from "../../src/bytes/cursor.ts";
import { decodeUtf8, encodeUtf8, isUtf8, isWellFormed } from "../../src/bytes/utf8.ts";
import {
  byteWriter,
  writeBytes,
  writeF64,
  writeI32,
  writeU8,
  writeU16,
  writeU32,
  writeU64,
  written,
} from "../../src/bytes/writer.ts";
import { failure } from "../helpers/errors.ts";

describe("writer and cursor", () => {
  it("give back what was written, whatever the room at the start", () => {
    fc.assert(
      fc.property(
        fc.record({
          room: fc.integer({ min: 1, max: 40 }),
          u8: fc.integer({ min: 0, max: 255 }),
          u16: fc.integer({ min: 0, max: 65_535 }),
          u32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
          i32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
          u64: fc.maxSafeNat(),
          f64: fc.double(),
          bytes: fc.uint8Array({ maxLength: 50 }),
        }),
        (v) => {
          const w = byteWriter(v.room);
          writeU8(w, v.u8);
          writeU16(w, v.u16);
          writeU32(w, v.u32);
          writeI32(w, v.i32);
          writeU64(w, v.u64);
          writeF64(w, v.f64);
          writeBytes(w, v.bytes);
          const c = cursor(written(w), "test");
          const read = [readU8(c), readU16(c), readU32(c), readI32(c), readU64(c), readF64(c)];
          expect(read).toEqual([v.u8, v.u16, v.u32, v.i32, v.u64, v.f64]);
          expect([...readBytes(c, v.bytes.byteLength)]).toEqual([...v.bytes]);
          expect(remaining(c)).toBe(0);
        },
      ),
    );
  });

  it("is little endian", () => {
    const w = byteWriter();
    writeU32(w, 0x01020304);
    expect([...written(w)]).toEqual([4, 3, 2, 1]);
  });

  it("refuses to read past the end, with both numbers, the part and the offset in the file", async () => {
    const c = cursor(new Uint8Array(7), "a part", { base: 100 });
    readU32(c);
    const error = await failure("BYTES_TRUNCATED", () => readU32(c));
    expect(error.message).toBe("a part needs 4 more bytes, 3 are left");
    expect([error.part, error.offset]).toEqual(["a part", 104]);
    for (const length of [-1, 1.5, Number.NaN, 2 ** 53]) await failure("BYTES_TRUNCATED", () => take(c, length));
    expect(remaining(c)).toBe(3);
    await failure("QVD_SYMBOL", () => readU8(cursor(new Uint8Array(0), "x", { code: "QVD_SYMBOL" })));
  });

  it("refuses a 64-bit number beyond 2^53", async () => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, 2n ** 53n, true);
    await failure("BYTES_TRUNCATED", () => readU64(cursor(bytes, "x")));
  });
});

describe("concat and equalBytes", () => {
  it("joins and compares", () => {
    expect([...concat([Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2, 3)])]).toEqual([1, 2, 3]);
    expect(concat([]).byteLength).toBe(0);
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false);
  });
});

describe("UTF-8", () => {
  it("comes back as it was, byte order marks included", () => {
    const text = "\ufeff\u00a0Größe 日本 \u{1F600}\ufeff";
    expect(decodeUtf8(encodeUtf8(text), "x")).toBe(text);
  });

  it("is refused when ill-formed, naming part and offset", async () => {
    const wrong = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80]];
    for (const bytes of wrong) {
      const error = await failure("BYTES_UTF8", () => decodeUtf8(Uint8Array.from(bytes), "the name", 9));
      expect([error.part, error.offset]).toEqual(["the name", 9]);
      expect(isUtf8(Uint8Array.from(bytes))).toBe(false);
    }
    expect(isUtf8(encodeUtf8("é"))).toBe(true);
  });

  it("cannot carry a lone surrogate", () => {
    expect([isWellFormed("a\u{1F600}"), isWellFormed("a\ud83d")]).toEqual([true, false]);
  });
});
