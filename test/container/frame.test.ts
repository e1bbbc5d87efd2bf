import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { concat } from "../../src/bytes/concat.ts";
import {
  encodeFrame,
  encodeJsonFrame,
  frameText,
  inflateFrame,
  parseFrame,
  parseJson,
} from "../../src/container/qvf/frame.ts";
import { inflateNode } from "../../src/engine/inflate.ts";
import { QErr } from "../../src/errors.ts";
import { MAX_QVF_FRAME_BYTES } from "../../src/limits.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
const GZJSON = '{"format":"gzjson"}\0';

/** A frame with this header, which may be another than Qlik's. */
function framed(header: string | Uint8Array, raw: Uint8Array, rawLength = raw.byteLength): Uint8Array {
  const bytes = typeof header === "string" ? utf8(header) : header;
  const compressed = new Uint8Array(deflateSync(raw));
  return concat([u32(bytes.byteLength), bytes, u32(rawLength), u32(compressed.byteLength), compressed]);
}

async function said(work: () => unknown) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof QErr)) throw error;
    return { code: error.code, part: error.part, message: error.message };
  }
}
const parsed = (bytes: Uint8Array) => said(() => parseFrame(bytes, "here").format);
const noFormat = { code: "QVF_STREAM", part: "here", message: "here does not begin with a format" };
const unknown = { code: "QVF_STREAM", part: "here", message: "here has a format that is not known" };

describe("a framed stream", () => {
  it("comes back as it was, and ends before what is stale", async () => {
    for (const format of ["gzjson", "binary"] as const) {
      const raw = utf8(`some ${format}`);
      const bytes = encodeFrame(format, raw);
      const frame = parseFrame(concat([bytes, utf8("stale")]), "here");
      expect(frame).toMatchObject({ format, rawLength: raw.byteLength, end: bytes.byteLength, part: "here" });
      expect(new Uint8Array(await inflateFrame(frame, inflateNode))).toEqual(raw);
    }
    const text = await frameText(parseFrame(encodeJsonFrame({ a: "ü" }), "here"), inflateNode);
    expect(text).toBe('{"a":"ü"}');
  });

  it("begins with a header of up to 256 bytes that names one of two formats and ends with NUL", async () => {
    const long = (length: number) => `${'{"format":"gzjson"}'.padEnd(length - 1)}\0`;
    const raw = utf8("x");
    for (const header of [GZJSON, long(255), long(256), '{"format":"binary","more":1}\0'])
      expect(await parsed(framed(header, raw)), header).toMatch(/gzjson|binary/);
    expect(await parsed(framed(long(257), raw))).toEqual(noFormat);
    for (const header of ["", "\0", "{\0", "gzjson\0", new Uint8Array([0xff, 0xfe, 0])])
      expect(await parsed(framed(header, raw)), String(header)).toEqual(noFormat);
    for (const header of [
      "null\0",
      "5\0",
      "{}\0",
      '{"format":"zip"}\0',
      '{"format":["gzjson"]}\0',
      '{"format":"gzjson"} ',
      '{"format":"gzjson"}\n',
    ])
      expect(await parsed(framed(header, raw)), header).toEqual(unknown);
  });

  it("is refused where it is cut, wherever that is", async () => {
    const bytes = framed(GZJSON, utf8("some text"));
    for (let length = 0; length < bytes.byteLength; length++)
      expect(await parsed(bytes.subarray(0, length)), `${length}`).toMatchObject({ code: "QVF_STREAM" });
  });

  it("is not inflated beyond the limit, nor to another length than it states", async () => {
    const raw = utf8("some text");
    const over = await said(() => parseFrame(framed(GZJSON, raw, MAX_QVF_FRAME_BYTES + 1), "here"));
    expect(over).toMatchObject({ code: "LIMIT_EXCEEDED", part: "here" });
    for (const length of [0, 8, 10]) {
      const frame = parseFrame(framed(GZJSON, raw, length), "here");
      expect(await said(() => inflateFrame(frame, inflateNode)), `${length}`).toMatchObject({ code: "QVF_DEFLATE" });
    }
  });

  it("holds text in UTF-8, with a NUL behind it or not", async () => {
    const text = (raw: Uint8Array) => said(() => frameText(parseFrame(framed(GZJSON, raw), "here"), inflateNode));
    expect(await text(utf8("abc\0"))).toBe("abc");
    expect(await text(utf8("abc"))).toBe("abc");
    expect(await text(utf8("abc\0\0"))).toBe("abc\0");
    expect(await text(new Uint8Array())).toBe("");
    expect(await text(new Uint8Array([0x61, 0xff]))).toEqual({
      code: "QVF_JSON",
      part: "here",
      message: "here is not UTF-8",
    });
  });

  it("is JSON, or says so without a word of it", async () => {
    expect(parseJson('{"a":1}', "here")).toEqual({ a: 1 });
    const refused = await said(() => parseJson("secret", "here"));
    expect(refused).toEqual({ code: "QVF_JSON", part: "here", message: "here is not JSON" });
  });
});
