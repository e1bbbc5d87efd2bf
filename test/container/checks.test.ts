import { describe, expect, it } from "vitest";
import { indexWidth, planBits } from "../../src/container/qvd/bits.ts";
import type { QvdHeader } from "../../src/container/qvd/header.ts";
import { planLayout } from "../../src/container/qvd/layout.ts";
import { encodeHeader, isQvf, parseHeader, SECTOR } from "../../src/container/qvf/header.ts";
import { QErr } from "../../src/errors.ts";
import {
  FREE_CELLS_A_BYTE,
  MAX_BIT_WIDTH,
  MAX_FREE_CELLS,
  MAX_ROWS_WITHOUT_BYTES,
  MAX_SYMBOL_BYTES,
  MAX_SYMBOLS,
} from "../../src/limits.ts";

/** What a call says: its code, or what it gave. */
function said<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    if (error instanceof QErr) return error.code;
    throw error;
  }
}

describe("where the parts of a QVD lie", () => {
  const field = { name: "a", bitOffset: 0, bitWidth: 8, noOfSymbols: 5, offset: 0, length: 10 };
  const second = { name: "b", bitOffset: 8, bitWidth: 8, noOfSymbols: 0, offset: 10, length: 0 };
  const good = {
    bytes: new Uint8Array(100),
    compression: "",
    encryptionInfo: "",
    noOfRecords: 3,
    recordByteSize: 2,
    offset: 10,
    length: 6,
    fields: [field, second],
  };
  const SIZE = 116;
  const plan = (change: object = {}, size = SIZE) =>
    said(() => planLayout({ ...good, ...change } as unknown as QvdHeader, size));
  const withField = (change: object, more: object = {}, size = SIZE) =>
    plan({ fields: [{ ...field, ...change }, second], ...more }, size);

  it("is told by the header, from its end on", () => {
    expect(plan()).toEqual({
      header: { name: "header", role: "header", offset: 0, length: 100 },
      symbols: [
        { name: 'symbols of "a"', role: "symbols", offset: 100, length: 10, ordinal: 0 },
        { name: 'symbols of "b"', role: "symbols", offset: 110, length: 0, ordinal: 1 },
      ],
      records: { name: "index table", role: "records", offset: 110, length: 6 },
    });
  });

  it("is named where it is wrong: part, place, and what to do next", () => {
    const place = (change: object, size = SIZE) => {
      try {
        return planLayout({ ...good, ...change } as unknown as QvdHeader, size);
      } catch (error) {
        if (!(error instanceof QErr)) throw error;
        const { code, part, offset, length, hint, message } = error;
        return { code, part, offset, length, hint, message };
      }
    };
    const [compressed, encrypted] = [place({ compression: "x" }), place({ encryptionInfo: "x" })];
    expect(compressed).toMatchObject({ part: "header", hint: expect.stringContaining("without compression") });
    expect(encrypted).toMatchObject({ part: "header", hint: expect.stringContaining("without encryption") });
    const one = (change: object) => ({ fields: [{ ...field, ...change }, second] });
    const big = { ...one({ offset: 200, length: MAX_SYMBOL_BYTES + 1, noOfSymbols: 0 }) };
    expect(place(big, 2 ** 50)).toMatchObject({ code: "LIMIT_EXCEEDED", part: 'symbols of "a"' });
    expect(place(one({ noOfSymbols: 6 }))).toMatchObject({ part: 'symbols of "a"', offset: 100, length: 10 });
    expect(place({ noOfRecords: 4 })).toMatchObject({ part: "index table", offset: 110 });
    const rows = { recordByteSize: 0, length: 0, fields: [], noOfRecords: MAX_ROWS_WITHOUT_BYTES + 1 };
    expect(place(rows)).toMatchObject({ code: "LIMIT_EXCEEDED", part: "index table" });
    const constant = { ...second, bitWidth: 0 };
    const free = { recordByteSize: 1, length: 2 ** 36, noOfRecords: 2 ** 36 };
    const columns = Math.ceil((MAX_FREE_CELLS + FREE_CELLS_A_BYTE * 2 ** 36) / 2 ** 36);
    const wide = (count: number) => place({ ...free, fields: [field, ...Array(count).fill(constant)] }, 2 ** 40);
    expect(wide(columns + 1)).toMatchObject({ code: "LIMIT_EXCEEDED", part: "index table" });
    // A column of eight bits is none of them.
    expect(wide(columns - 1)).not.toHaveProperty("code");
    expect(place({}, SIZE - 1)).toMatchObject({
      part: "index table",
      offset: 110,
      length: 6,
      hint: expect.stringContaining("cut off"),
      message: expect.stringContaining("ends at byte 116, "),
    });
    expect(place(one({ offset: 7 }), 200)).toMatchObject({
      part: "index table",
      offset: 110,
      length: 6,
      message: 'index table lies over symbols of "a"',
    });
    const bits = (change: object) => place({ fields: [field, { ...second, ...change }] });
    expect(bits({ bitWidth: MAX_BIT_WIDTH + 1 })).toMatchObject({ code: "QVD_BITS", part: 'field "b"' });
    expect(bits({ bitOffset: 9 })).toMatchObject({
      part: 'field "b"',
      message: expect.stringContaining("at bit 17 of"),
    });
    expect(bits({ bitOffset: 7 })).toMatchObject({ code: "QVD_BITS", part: 'field "b"' });
  });

  it("is inside the file, to the byte", () => {
    expect(plan({}, SIZE - 1)).toBe("QVD_RANGE");
    expect(typeof plan({}, SIZE + 1)).toBe("object");
    expect(withField({ offset: 7 })).toBe("QVD_RANGE");
    expect(withField({ offset: 107 }, {}, 300)).toMatchObject({ symbols: [{ offset: 207 }, {}] });
    expect(withField({ offset: 107 }, {}, 216)).toBe("QVD_RANGE");
    expect(typeof withField({ offset: 107 }, {}, 217)).toBe("object");
  });

  it("has room for the symbols and records that are stated", () => {
    expect(withField({ noOfSymbols: 6 })).toBe("QVD_RANGE");
    expect(withField({ length: 9 })).toBe("QVD_RANGE");
    expect(plan({ noOfRecords: 4 })).toBe("QVD_RANGE");
    expect(plan({ noOfRecords: 2 })).toBe("QVD_RANGE");
    expect(plan({ length: 7 }, 200)).toBe("QVD_RANGE");
    const most = { offset: 200, length: MAX_SYMBOL_BYTES, noOfSymbols: 0 };
    expect(typeof withField(most, {}, 2 ** 50)).toBe("object");
    expect(withField({ ...most, length: MAX_SYMBOL_BYTES + 1 }, {}, 2 ** 50)).toBe("LIMIT_EXCEEDED");
    const empty = { recordByteSize: 0, length: 0, fields: [] };
    expect(typeof plan({ ...empty, noOfRecords: MAX_ROWS_WITHOUT_BYTES })).toBe("object");
    expect(plan({ ...empty, noOfRecords: MAX_ROWS_WITHOUT_BYTES + 1 })).toBe("LIMIT_EXCEEDED");
    // With bytes there may be more of them.
    const many = MAX_ROWS_WITHOUT_BYTES + 1;
    expect(typeof plan({ noOfRecords: many, length: many * 2 }, 2 ** 50)).toBe("object");
  });

  it("has no more cells that cost nothing than its records pay for", () => {
    const free = { ...field, bitWidth: 0, length: 0, noOfSymbols: 0 };
    const wide = (columns: number, rows: number, recordByteSize = 0) =>
      plan(
        { fields: Array(columns).fill(free), noOfRecords: rows, recordByteSize, length: rows * recordByteSize },
        2 ** 40,
      );
    expect(typeof wide(32, MAX_FREE_CELLS / 32)).toBe("object");
    expect(wide(32, (MAX_FREE_CELLS + 32) / 32)).toBe("LIMIT_EXCEEDED");
    expect(typeof wide(16, MAX_FREE_CELLS / 16)).toBe("object");
    expect(wide(17, MAX_FREE_CELLS / 16)).toBe("LIMIT_EXCEEDED");
    const rows = MAX_FREE_CELLS / 16;
    expect(typeof wide(16 + FREE_CELLS_A_BYTE, rows, 1)).toBe("object");
    expect(wide(17 + FREE_CELLS_A_BYTE, rows, 1)).toBe("LIMIT_EXCEEDED");
  });

  it("has no part upon another; parts of no bytes lie nowhere", () => {
    expect(plan({ offset: 9 })).toBe("QVD_RANGE");
    expect(plan({ fields: [field, { ...second, offset: 9, length: 1 }] })).toBe("QVD_RANGE");
    expect(typeof plan({ fields: [field, { ...second, offset: 4, length: 0 }] })).toBe("object");
    // In another order than that of the fields, and with room between.
    const swapped = {
      fields: [
        { ...field, offset: 20 },
        { ...second, offset: 0, length: 4 },
      ],
      offset: 40,
    };
    expect(typeof plan(swapped, 200)).toBe("object");
  });

  it("has bits inside the record, of one field each", () => {
    expect(withField({ bitWidth: 9 })).toBe("QVD_BITS");
    expect(withField({ bitOffset: 1 })).toBe("QVD_BITS");
    const alone = (change: object, recordByteSize: number) =>
      plan({ fields: [{ ...field, ...change }], recordByteSize, length: 3 * recordByteSize }, 300);
    expect(typeof alone({ bitWidth: 16 }, 2)).toBe("object");
    expect(alone({ bitWidth: 17 }, 2)).toBe("QVD_BITS");
    expect(alone({ bitOffset: 1, bitWidth: 16 }, 2)).toBe("QVD_BITS");
    expect(typeof alone({ bitWidth: MAX_BIT_WIDTH }, 8)).toBe("object");
    expect(alone({ bitWidth: MAX_BIT_WIDTH + 1 }, 8)).toBe("QVD_BITS");
    // A field of no bits stands nowhere, wherever it says.
    expect(typeof alone({ bitOffset: 99, bitWidth: 0 }, 2)).toBe("object");
    // Fields in another order than their bits.
    const turned = [
      { ...field, bitOffset: 8 },
      { ...second, bitOffset: 0 },
    ];
    expect(typeof plan({ fields: turned })).toBe("object");
    expect(plan({ fields: [turned[0], { ...second, bitOffset: 4 }] })).toBe("QVD_BITS");
  });

  it("is not looked for in what is compressed or encrypted", () => {
    expect(plan({ compression: "z" })).toBe("QVD_COMPRESSED");
    expect(plan({ encryptionInfo: "x" })).toBe("QVD_ENCRYPTED");
  });
});

describe("the bits of a record", () => {
  it("of a field are as few as its symbols need", () => {
    const width = (symbolCount: number, nullable = false) => said(() => indexWidth({ symbolCount, nullable }));
    expect([0, 1, 2, 3, 4, 5, 256, 257].map((n) => width(n))).toEqual(
      [0, 0, 1, 2, 2, 3, 8, 9].map((bitWidth) => ({ bias: 0, bitWidth })),
    );
    expect([0, 1, 2, 3, 6, 7].map((n) => width(n, true))).toEqual(
      [1, 2, 2, 3, 3, 4].map((bitWidth) => ({ bias: -2, bitWidth })),
    );
    expect(typeof width(MAX_SYMBOLS)).toBe("object");
    expect(width(MAX_SYMBOLS + 1)).toBe("LIMIT_EXCEEDED");
  });

  it("fill whole bytes, the last fields being widened", () => {
    const of = (...counts: readonly number[]) => counts.map((symbolCount) => ({ symbolCount, nullable: false }));
    expect(planBits(of(4, 1, 5), 9)).toEqual({
      fields: [
        { bias: 0, bitOffset: 0, bitWidth: 2 },
        { bias: 0, bitOffset: 0, bitWidth: 0 },
        { bias: 0, bitOffset: 2, bitWidth: 6 },
      ],
      recordByteSize: 1,
    });
    expect(planBits(of(1), 9)).toEqual({ fields: [{ bias: 0, bitOffset: 0, bitWidth: 8 }], recordByteSize: 1 });
    expect(planBits(of(256), 9).fields).toEqual([{ bias: 0, bitOffset: 0, bitWidth: 8 }]);
    expect(planBits(of(257), 9)).toEqual({ fields: [{ bias: 0, bitOffset: 0, bitWidth: 16 }], recordByteSize: 2 });
    // No rows: nothing to tell apart, and yet a byte.
    expect(planBits([{ symbolCount: 7, nullable: true }], 0)).toEqual({
      fields: [{ bias: 0, bitOffset: 0, bitWidth: 8 }],
      recordByteSize: 1,
    });
    expect(planBits([], 3)).toEqual({ fields: [], recordByteSize: 1 });
    // The last field takes what a field may have, the one before it the rest.
    const wide = planBits(of(2 ** 25 + 1, 2 ** 30 + 1), 1);
    expect(wide.fields.map((f) => f.bitWidth)).toEqual([32, 32]);
  });
});

describe("the first sector of a QVF", () => {
  it("says where the root is, or is refused", () => {
    const sector = encodeHeader(3 * SECTOR);
    expect(isQvf(sector)).toBe(true);
    expect(said(() => parseHeader(sector))).toEqual({ root: 3 * SECTOR });
    expect(isQvf(sector.slice(0, 8))).toBe(true);
    expect(isQvf(sector.slice(0, 7))).toBe(false);
    expect(said(() => parseHeader(encodeHeader(SECTOR)))).toEqual({ root: SECTOR });
    for (const root of [0, SECTOR - 1, SECTOR + 1, 2 * SECTOR - 1]) {
      expect(
        said(() => parseHeader(encodeHeader(root))),
        `${root}`,
      ).toBe("QVF_HEADER");
    }
    // Each byte of magic, family, version, sector size and the number behind it, and of the root's length.
    for (const at of [...Array(20).keys(), ...Array.from({ length: 8 }, (_, i) => 0x48 + i)]) {
      const changed = sector.slice();
      changed[at]! ^= 2;
      // A length of 2^53 and more is no exact number, and refused where it stands.
      const offset = at < 8 ? 0 : at < 20 ? 8 : at < 0x4f ? 0x40 : expect.any(Number);
      const place = { code: "QVF_HEADER", part: "header", offset };
      expect(() => parseHeader(changed), `byte ${at}`).toThrow(expect.objectContaining(place));
      if (at < 8) expect(isQvf(changed)).toBe(false);
    }
    expect(said(() => parseHeader(sector.slice(0, 40)))).toBe("QVF_HEADER");
  });
});
