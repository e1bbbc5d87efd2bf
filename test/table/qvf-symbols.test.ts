import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cursor } from "../../src/bytes/cursor.ts";
import { byteWriter, written } from "../../src/bytes/writer.ts";
import { readBlob, writeBlob } from "../../src/container/qvf/blob.ts";
import type { FieldStream } from "../../src/container/qvf/field-stream.ts";
import { FIELD_CLASS } from "../../src/container/qvf/field-stream.ts";
import { vectorBytes } from "../../src/container/qvf/table-stream.ts";
import { inflateNode } from "../../src/engine/inflate.ts";
import { IMPLICIT_SYMBOLS_A_BYTE, MAX_FREE_SYMBOLS, MAX_QVF_IMPLICIT_SYMBOLS } from "../../src/limits.ts";
import { interner } from "../../src/table/interner.ts";
import { fieldSymbols, implicitLimit } from "../../src/table/qvf-field.ts";
import { decodeSymbols, encodeSymbols } from "../../src/table/qvf-symbols.ts";
import { bitsFor, packVector, unpackVector, unpackVectorSlowly } from "../../src/table/qvf-vector.ts";
import { type SymbolTable, symbolCell } from "../../src/table/symbols.ts";
import { failure } from "../helpers/errors.ts";

const cells = (t: SymbolTable) => Array.from({ length: t.count }, (_, i) => symbolCell(t, i));
const part = "data/field_0";
const int32s = (...values: readonly number[]) => new Uint8Array(Int32Array.from(values).buffer);

describe("symbols of a QVF field", () => {
  it("decodes decimals to the nearest double", () => {
    const t = decodeSymbols({ part, fieldClass: FIELD_CLASS.decimals, base: 2, content: int32s(1, -250, 333, 7) });
    expect(cells(t)).toEqual([0.01, -2.5, 3.33, 0.07]);
    const large = decodeSymbols({ part, fieldClass: FIELD_CLASS.decimals, base: -3, content: int32s(2, -1) });
    expect(cells(large)).toEqual([2000, -1000]);
  });

  it("decodes consecutive integers from any base", () => {
    const content = int32s(4);
    expect(cells(decodeSymbols({ part, fieldClass: FIELD_CLASS.consecutive, base: -2, content }))).toEqual([
      -2, -1, 0, 1,
    ]);
    const last = decodeSymbols({ part, fieldClass: FIELD_CLASS.consecutive, base: 2 ** 31 - 4, content });
    expect(cells(last).at(-1)).toBe(2 ** 31 - 1);
  });

  it("decodes symbols of any kind, long texts and U+0000 among them", () => {
    const all = interner();
    const wanted = [
      "",
      "a\0b",
      "é".repeat(130),
      "x".repeat(254),
      "x".repeat(255),
      1,
      -0,
      1e300,
      { number: 2, text: "02" },
    ];
    for (const value of wanted) all.add(value);
    all.add({ number: 0.5, text: "½" });
    const { fieldClass, base, content } = encodeSymbols(all.table());
    expect(fieldClass).toBe(FIELD_CLASS.any);
    expect(cells(decodeSymbols({ part, fieldClass, base, content }))).toEqual([...wanted, { number: 0.5, text: "½" }]);
  });

  it.each([
    [["a", "b"], FIELD_CLASS.text],
    [[7, 9], FIELD_CLASS.int],
    [[7, 8, 9], FIELD_CLASS.consecutive],
    [[9, 8], FIELD_CLASS.int],
    [[0.5], FIELD_CLASS.double],
    [[{ number: 0.5, text: "x" }], FIELD_CLASS.textDouble],
    [[{ number: 5, text: "x" }], FIELD_CLASS.textInt],
    [["a", 1], FIELD_CLASS.any],
    [[], FIELD_CLASS.any],
  ] as const)("gives %j the class of Qlik", (values, fieldClass) => {
    const all = interner();
    for (const value of values) all.add(value);
    const encoded = encodeSymbols(all.table());
    expect(encoded.fieldClass).toBe(fieldClass);
    expect(cells(decodeSymbols({ part, ...encoded }))).toEqual(values);
  });

  it("holds as many implicit symbols as the limit says, and no more", async () => {
    const decode = (count: number, limit: number) =>
      decodeSymbols({ part, fieldClass: FIELD_CLASS.consecutive, base: 0, content: int32s(count) }, limit);
    expect(decode(1000, 1000).count).toBe(1000);
    await failure("LIMIT_EXCEEDED", () => decode(1001, 1000));
    await failure("LIMIT_EXCEEDED", () => decode(MAX_QVF_IMPLICIT_SYMBOLS + 1, MAX_QVF_IMPLICIT_SYMBOLS));
  });

  it("holds more of them the larger the file is, since each is in some row", async () => {
    expect(implicitLimit(0)).toBe(4_194_304);
    expect(implicitLimit(100)).toBe(MAX_FREE_SYMBOLS + 100 * IMPLICIT_SYMBOLS_A_BYTE);
    expect(implicitLimit(2 ** 40)).toBe(MAX_QVF_IMPLICIT_SYMBOLS);
    const of = (count: number) => {
      const content = byteWriter(100);
      writeBlob(content, int32s(count));
      const blob = readBlob(cursor(written(content), part, { code: "QVF_FIELD" }));
      const formats = [] as unknown as FieldStream["formats"];
      const tail = {} as FieldStream["tail"];
      const field = {
        formats,
        fieldClass: FIELD_CLASS.consecutive,
        base: 0,
        symbols: { kind: "blob", blob },
        tail,
      } as const;
      return fieldSymbols(field, part, inflateNode, 1000);
    };
    const most = MAX_FREE_SYMBOLS + 1000 * IMPLICIT_SYMBOLS_A_BYTE;
    expect((await of(most)).count).toBe(most);
    await failure("LIMIT_EXCEEDED", () => of(most + 1));
  });
});

describe("index vectors", () => {
  const widths = Array.from({ length: 33 }, (_, width) => width);

  it.each(widths)("%i bits: what is packed is unpacked, fast as slow, from any row", (width) => {
    const largest = Math.min(2 ** width - 1, 2 ** 31 - 1);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: largest }), { minLength: 1, maxLength: 70 }),
        fc.constantFrom(0, -2, -1, 5),
        fc.nat(70),
        (stored, bias, from) => {
          const indexes = Int32Array.from(stored, (value) => Math.min(value + bias, 2 ** 31 - 1));
          const rows = indexes.length;
          const bytes = new Uint8Array(width === 0 ? 0 : vectorBytes(rows, width));
          const half = rows >> 1;
          packVector(bytes, width, bias, 0, indexes, half);
          packVector(bytes, width, bias, half, indexes.subarray(half), rows - half);
          const first = Math.min(from, rows);
          const fast = new Int32Array(rows - first);
          const slow = new Int32Array(rows - first);
          const greatest = unpackVector(bytes, width, bias, first, rows - first, fast);
          expect(unpackVectorSlowly(bytes, width, bias, first, rows - first, slow)).toBe(greatest);
          expect(fast).toEqual(slow);
          expect(fast).toEqual(indexes.subarray(first));
          expect(greatest).toBe(Math.max(-1, ...fast));
        },
      ),
      { numRuns: 30 },
    );
  });

  it("a stored index of 2^32 - 1 is beyond all symbols, not NULL", () => {
    const out = new Int32Array(1);
    expect(unpackVector(new Uint8Array(4).fill(0xff), 32, 0, 0, 1, out)).toBe(2 ** 31 - 1);
    expect(out[0]).toBe(2 ** 31 - 1);
  });

  it("needs as many bits as the greatest index has", () => {
    expect([-2, -1, 0, 1, 2, 3, 4, 255, 256, 2 ** 31 - 1].map(bitsFor)).toEqual([0, 0, 0, 1, 2, 2, 3, 8, 9, 31]);
  });
});
