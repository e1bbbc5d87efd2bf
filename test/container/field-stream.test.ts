import { describe, expect, it } from "vitest";
import { cursor } from "../../src/bytes/cursor.ts";
import { byteWriter, written } from "../../src/bytes/writer.ts";
import { inflateBlob, writeBlob } from "../../src/container/qvf/blob.ts";
import { inflatePako } from "../../src/container/qvf/deflate.ts";
import {
  encodeFieldStream,
  FIELD_CLASS,
  parseFieldStream,
  readDecimalsCount,
  readField,
  readFieldHead,
} from "../../src/container/qvf/field-stream.ts";
import {
  clearState,
  encodeModelHeader,
  type ModelHeader,
  parseModelHeader,
} from "../../src/container/qvf/model-header.ts";
import { MAX_APP_FIELDS, MAX_QVF_TABLES, MAX_SYMBOLS } from "../../src/limits.ts";
import { said } from "../helpers/errors.ts";
import { plainField } from "../helpers/field-content.ts";

const u32 = (...values: number[]) => new Uint8Array(Uint32Array.from(values.map((v) => v >>> 0)).buffer);
const f64 = (...values: number[]) => new Uint8Array(Float64Array.from(values).buffer);
const bytesOf = (...pieces: (Uint8Array | readonly number[])[]) => Uint8Array.from(pieces.flatMap((p) => [...p]));
const text = (of: string) => bytesOf([of.length], new TextEncoder().encode(of));

function blobOf(bytes: Uint8Array): Uint8Array {
  const w = byteWriter();
  writeBlob(w, bytes);
  return written(w);
}

const SYMBOLS = bytesOf(u32(0, 1), [4, 1, 65]);
const field = plainField(SYMBOLS);
const decimals = plainField(u32(5, -6), { fieldClass: FIELD_CLASS.decimals, base: -2 });

function tailBytes(tail = field.tail): Uint8Array {
  return bytesOf(
    tail.flags,
    u32(tail.fieldIndex, tail.commentCount, tail.component),
    tail.middle,
    text(tail.infoName),
    text(tail.infoSource),
    tail.comments,
    u32(tail.texts, tail.numbers),
    tail.last,
  );
}

const formats = bytesOf(
  u32(2, 14, 1),
  text("#,##0"),
  text("."),
  text(","),
  u32(-3),
  u32(3, 14, 1),
  text("YYYY"),
  text("."),
  text(","),
  u32(-3),
);
const CLASS_AT = formats.byteLength;

describe("the stream of a field", () => {
  it("is written number by number", () => {
    expect(encodeFieldStream(field)).toEqual(bytesOf(formats, u32(0, -7), blobOf(SYMBOLS), tailBytes()));
    expect(encodeFieldStream(decimals)).toEqual(bytesOf(formats, u32(6, -2, 0, 2, 5, -6), tailBytes()));
  });

  it("is read as it was written, of every class, and says where it ends", async () => {
    for (const fieldClass of Object.values(FIELD_CLASS)) {
      const content = { ...field, fieldClass, symbols: u32(1, 2, 3) };
      const bytes = encodeFieldStream(content);
      const { symbols, end, ...rest } = parseFieldStream(bytesOf(bytes, [1, 2, 3]), "p");
      const { symbols: _, ...expected } = content;
      expect(rest).toEqual(expected);
      expect(end).toBe(bytes.byteLength);
      const isBlob = fieldClass !== FIELD_CLASS.decimals;
      expect(symbols.kind).toBe(isBlob ? "blob" : "decimals");
      if (symbols.kind === "blob") expect(await inflateBlob(symbols.blob, inflatePako)).toEqual(u32(1, 2, 3));
      else expect(symbols).toEqual({ kind: "decimals", count: 3, bytes: u32(1, 2, 3) });
    }
  });

  it("carries the comments of its values as they are stored", () => {
    const comments = bytesOf(blobOf(Uint8Array.of(9, 9, 9)), new Uint8Array(12).fill(3));
    const tail = { ...field.tail, commentCount: 2, comments };
    const bytes = encodeFieldStream({ ...field, tail });
    expect(parseFieldStream(bytes, "p")).toMatchObject({ tail, end: bytes.byteLength });
  });

  const at = (bytes: Uint8Array) => {
    const c = cursor(bytesOf([0, 0, 0], bytes), "p", { code: "QVF_TABLE", base: 100 });
    c.offset = 3;
    return c;
  };

  it("is refused where its class is not known", () => {
    const bytes = encodeFieldStream(field);
    expect(bytes.subarray(CLASS_AT, CLASS_AT + 4)).toEqual(u32(0));
    for (const stated of [8, 255, 2 ** 31]) {
      bytes.set(u32(stated), CLASS_AT);
      expect(said(() => readFieldHead(at(bytes)))).toMatchObject({
        code: "QVF_TABLE",
        part: "p",
        offset: 103 + CLASS_AT,
      });
      expect(said(() => parseFieldStream(bytes, "p"))).toMatchObject({ code: "QVF_FIELD", offset: CLASS_AT });
    }
  });

  it("is refused where decimals do not begin with 0, or there are more than there may be", () => {
    const count = (...numbers: number[]) => said(() => readDecimalsCount(at(u32(...numbers))));
    expect(count(0, MAX_SYMBOLS)).toBe(MAX_SYMBOLS);
    expect(count(1, 1)).toMatchObject({ code: "QVF_TABLE", part: "p", offset: 103 });
    expect(count(0, MAX_SYMBOLS + 1)).toMatchObject({ code: "LIMIT_EXCEEDED", part: "p", offset: 103 });
  });

  it("is refused wherever it is cut", () => {
    const tail = { ...field.tail, commentCount: 1, comments: bytesOf(blobOf(SYMBOLS), new Uint8Array(12)) };
    for (const bytes of [
      encodeFieldStream(field),
      encodeFieldStream(decimals),
      encodeFieldStream({ ...field, tail }),
    ]) {
      for (let length = 0; length < bytes.byteLength; length++) {
        expect(
          said(() => readField(at(bytes.subarray(0, length)))),
          `${length}`,
        ).toMatchObject({
          code: "QVF_TABLE",
          part: "p",
        });
      }
    }
  });
});

describe("the stream of a model", () => {
  const model: ModelHeader = {
    fields: ["a", "bb", "$Syn 1"],
    tables: 4,
    syntheticKeys: [{ name: "$Syn 1", fields: ["a", "bb"] }],
    components: 2,
    states: 1,
    variables: [
      { text: "=1", value: { text: "1", number: 1.5 }, last: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
      { text: "", value: undefined, last: new Uint8Array(8) },
    ],
    state: Uint8Array.of(7, 7, 7),
  };
  const EMPTY: ModelHeader = {
    fields: [],
    tables: 0,
    syntheticKeys: [],
    components: 0,
    states: 0,
    variables: [],
    state: new Uint8Array(0),
  };
  /** Where the numbers of an empty model are. */
  const [VERSION, ZERO, FIELDS, TABLES, KEYS, VARIABLES] = [1, 4, 8, 12, 16, 28];
  const changed = (at: number, value: number, of = EMPTY) => {
    const bytes = encodeModelHeader(of).slice();
    new DataView(bytes.buffer).setUint32(at, value, true);
    return said(() => parseModelHeader(bytes));
  };

  it("is written number by number", () => {
    expect(encodeModelHeader(model)).toEqual(
      bytesOf(
        text("1.0"),
        u32(0, 3),
        ...model.fields.map(text),
        u32(4, 1),
        text("$Syn 1"),
        u32(2),
        text("a"),
        text("bb"),
        u32(2, 1, 2),
        [0],
        text("=1"),
        [1],
        text("1"),
        f64(1.5),
        [1, 2, 3, 4, 5, 6, 7, 8],
        [0],
        text(""),
        [0],
        new Uint8Array(8),
        [7, 7, 7],
      ),
    );
  });

  it("is read as it was written", () => {
    expect(parseModelHeader(encodeModelHeader(model))).toEqual(model);
    expect(parseModelHeader(encodeModelHeader(EMPTY))).toEqual(EMPTY);
  });

  it("is refused with another version, or a variable that is none", () => {
    const place = { code: "QVF_MODEL", part: "qvapp_data" };
    expect(changed(VERSION, 0x302e_3200)).toMatchObject(place);
    expect(changed(VERSION, 0x0032_2e31)).toMatchObject({ ...place, offset: 0 });
    expect(changed(ZERO, 1)).toMatchObject({ ...place, offset: 0 });
    const one = { ...EMPTY, variables: [{ text: "x", value: undefined, last: new Uint8Array(8) }] };
    expect(changed(VARIABLES + 4, 0x0078_0101, one)).toMatchObject({ ...place, offset: VARIABLES + 4 });
    expect(changed(VARIABLES, 2, one)).toMatchObject(place);
  });

  it("is refused with more fields or tables than there may be, or than fit", () => {
    const place = { part: "qvapp_data" };
    expect(changed(FIELDS, MAX_APP_FIELDS + 1)).toMatchObject({ ...place, code: "LIMIT_EXCEEDED", offset: FIELDS + 4 });
    expect(changed(FIELDS, MAX_APP_FIELDS)).toMatchObject({ ...place, code: "QVF_MODEL", offset: FIELDS + 4 });
    // Each takes a byte at least: as many as there are bytes left are tried, and then run out.
    const left = encodeModelHeader(EMPTY).byteLength - FIELDS - 4;
    expect(changed(FIELDS, left + 1)).toMatchObject({ ...place, code: "QVF_MODEL", offset: FIELDS + 4 });
    const tried = changed(FIELDS, left);
    expect(tried).toMatchObject({ ...place, code: "QVF_MODEL" });
    expect(tried).not.toMatchObject({ offset: FIELDS + 4 });
    expect(changed(TABLES, MAX_QVF_TABLES)).toMatchObject({ tables: MAX_QVF_TABLES });
    expect(changed(TABLES, MAX_QVF_TABLES + 1)).toMatchObject({ ...place, code: "LIMIT_EXCEEDED", offset: 0 });
    expect(changed(KEYS, 2 ** 32 - 1)).toMatchObject({ ...place, code: "QVF_MODEL" });
  });

  it("without selections has a state of 42 bytes a field, with the formula of a synthetic key", () => {
    const state = clearState(model.fields, 2, model.syntheticKeys);
    const of = (formula: string) =>
      bytesOf(new Uint8Array(7), f64(-1e300, -1e300), new Uint8Array(16), text(formula), [0, 0]);
    expect(state).toEqual(bytesOf(new Uint8Array(3 + 5 * 3), of(""), of(""), of("$Syn 1 = a+bb")));
  });
});
