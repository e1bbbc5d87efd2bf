import { describe, expect, it } from "vitest";
import { parseHeader } from "../../src/container/qvd/header.ts";
import { readHeader } from "../../src/container/qvd/open.ts";
import { MAX_FIELDS, MAX_HEADER_BYTES, MAX_RECORD_BYTES, MAX_ROWS, MAX_SYMBOLS } from "../../src/limits.ts";
import { memorySource } from "../../src/source/memory.ts";
import type { ByteSource } from "../../src/source/source.ts";
import { said, saidLater } from "../helpers/errors.ts";
import { fieldText as field, HEADER_TEXT as WHOLE } from "../helpers/header-text.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => said(() => parseHeader(utf8(`${text}\0`)));
/** The whole header with one piece changed, which must be there. */
function changed(from: string, to: string, text = WHOLE) {
  expect(text).toContain(from);
  return parse(text.replace(from, to));
}
const broken = (near: string, text = WHOLE) => ({ code: "QVD_HEADER", part: "header", offset: text.indexOf(near) });

describe("the header of a QVD", () => {
  it("is read element by element", () => {
    expect(parse(WHOLE)).toMatchObject({
      buildNo: "7",
      creatorDoc: "d",
      createUtcTime: "u",
      tableName: "t",
      compression: "",
      encryptionInfo: "",
      recordByteSize: 6,
      noOfRecords: 8,
      offset: 9,
      length: 10,
      lineage: [
        { discriminator: "r", statement: "s" },
        { discriminator: "", statement: "" },
      ],
      comment: "k",
      bytes: utf8(`${WHOLE}\0`),
      tree: { name: "QvdTableHeader" },
      fields: [
        {
          name: "A",
          bitOffset: 1,
          bitWidth: 2,
          bias: -2,
          numberFormat: { type: "DATE", nDec: 2, useThou: 1, fmt: "f", dec: ",", thou: "." },
          noOfSymbols: 3,
          offset: 4,
          length: 5,
          comment: "c",
          tags: ["$x", "y"],
        },
        {
          name: "B",
          numberFormat: { type: "UNKNOWN", nDec: 0, useThou: 0, fmt: "", dec: "", thou: "" },
          comment: "",
          tags: [],
        },
      ],
    });
  });

  it("may leave out what old builds do not write", () => {
    let text = WHOLE;
    for (const name of ["QvBuildNo", "CreatorDoc", "CreateUtcTime", "Compression", "Lineage", "Other"]) {
      text = text.replace(new RegExp(`<${name}>.*</${name}>`), "");
    }
    expect(parse(text)).toMatchObject({ buildNo: "", creatorDoc: "", createUtcTime: "", compression: "", lineage: [] });
    expect(changed("<nDec>2</nDec><UseThou>1</UseThou>", "<nDec></nDec>")).toMatchObject({
      fields: [{ numberFormat: { nDec: 0, useThou: 0 } }, {}],
    });
  });

  it("is read leniently where that is asked for", () => {
    const known = WHOLE.replace("<Other>o</Other>", "");
    const odd = utf8(`${known.replace("<TableName>t", "<TableName>a < b & c")}\0`);
    expect(said(() => parseHeader(odd))).toMatchObject({ code: "QVD_XML" });
    expect(said(() => parseHeader(odd, { lenient: false }))).toMatchObject({ code: "QVD_XML" });
    expect(said(() => parseHeader(odd, { lenient: true }))).toMatchObject({ tableName: "a < b & c" });
  });

  it("is refused where an element is missing that must be there, or is there twice", () => {
    for (const name of ["TableName", "RecordByteSize", "NoOfRecords"]) {
      const none = WHOLE.replace(new RegExp(`<${name}>.*?</${name}>`), "");
      expect(parse(none), name).toMatchObject({ code: "QVD_HEADER", part: "header", offset: 0 });
    }
    expect(parse(WHOLE.replace(/<Fields>.*<\/Fields>/, ""))).toMatchObject({ code: "QVD_HEADER", offset: 0 });
    for (const name of ["FieldName", "BitOffset", "BitWidth", "Bias", "NoOfSymbols"]) {
      const none = WHOLE.replace(new RegExp(`<${name}>.*?</${name}>`), "");
      expect(parse(none), name).toMatchObject(broken("<QvdFieldHeader>", none));
    }
    const twice = WHOLE.replace("<Comment>k", "<TableName>2</TableName><Comment>k");
    expect(parse(twice)).toMatchObject(broken("<TableName>2", twice));
    const inField = WHOLE.replace("<Bias>-2</Bias>", "<Bias>-2</Bias><Bias>-2</Bias>");
    expect(parse(inField)).toMatchObject(broken("<Bias>-2</Bias><NumberFormat>", inField));
  });

  it("is refused where the root or a field is something else", () => {
    expect(parse(` ${WHOLE.replaceAll("QvdTableHeader", "Other2")}`)).toMatchObject({ ...broken(""), offset: 1 });
    const other = WHOLE.replace(field("B"), field("B").replaceAll("QvdFieldHeader", "Field"));
    expect(parse(other)).toMatchObject(broken("<Field>", other));
  });

  it("has integers within their ranges, in decimal digits", () => {
    const inTable: readonly [string, string, number][] = [
      ["RecordByteSize", "6", MAX_RECORD_BYTES],
      ["NoOfRecords", "8", MAX_ROWS],
      ["Offset", "9", Number.MAX_SAFE_INTEGER],
      ["Length", "10", Number.MAX_SAFE_INTEGER],
    ];
    const inField: readonly [string, string, number][] = [
      ["BitOffset", "1", MAX_RECORD_BYTES * 8],
      ["BitWidth", "2", MAX_RECORD_BYTES * 8],
      ["Bias", "-2", MAX_SYMBOLS],
      ["nDec", "2", 1_000_000],
      ["UseThou", "1", 1],
      ["NoOfSymbols", "3", MAX_SYMBOLS],
      ["Offset", "4", Number.MAX_SAFE_INTEGER],
      ["Length", "5", Number.MAX_SAFE_INTEGER],
    ];
    for (const [name, value, most] of [...inTable, ...inField]) {
      const element = `<${name}>${value}</${name}>`;
      const to = (text: string) => changed(element, `<${name}>${text}</${name}>`);
      const least = name === "Bias" ? -2 : 0;
      for (const good of [least, most]) expect(to(String(good)), `${name} ${good}`).toMatchObject({ tableName: "t" });
      for (const bad of [
        least - 1,
        most + 1,
        "-0",
        "-00",
        "1.5",
        "0x1",
        "1e1",
        " 1",
        "1 ",
        "+1",
        "12345678901234567",
      ]) {
        expect(to(String(bad)), `${name} ${bad}`).toMatchObject(broken(element));
      }
      if (name !== "nDec" && name !== "UseThou") expect(to(""), `${name} empty`).toMatchObject(broken(element));
    }
    expect(changed("<NoOfRecords>8", "<NoOfRecords>008")).toMatchObject({ noOfRecords: 8 });
    expect(changed("<Bias>-2", "<Bias>-02")).toMatchObject({ fields: [{ bias: -2 }, {}] });
    expect(changed("<Bias>-2", "<Bias>-1")).toMatchObject({ fields: [{ bias: -1 }, {}] });
  });

  it("shows what is in an element that should be empty", () => {
    expect(changed("<Compression>", "<Compression>zip")).toMatchObject({ compression: "zip" });
    expect(changed("<Compression></Compression>", "<Compression><A/><B/></Compression>")).toMatchObject({
      compression: "A B",
    });
    expect(changed("<Other>o</Other>", "<EncryptionInfo><Key>1</Key></EncryptionInfo>")).toMatchObject({
      encryptionInfo: "Key",
    });
  });

  it("has as many fields as there may be, and not one more", () => {
    const fields = (count: number) => {
      const text = WHOLE.replace(/<Fields>.*<\/Fields>/, `<Fields>${"<x/>".repeat(count)}</Fields>`);
      return parse(text);
    };
    expect(fields(MAX_FIELDS + 1)).toMatchObject({ code: "LIMIT_EXCEEDED", part: "header" });
    expect(fields(MAX_FIELDS)).toMatchObject({ code: "QVD_HEADER" });
  });
});

/** A source of spaces with a NUL at `nul`; counts bytes and gives up after twenty reads. */
function spaces(size: number, nul: number) {
  const reads: [number, number][] = [];
  const readInto: ByteSource["readInto"] = async (offset, target) => {
    if (reads.push([offset, target.byteLength]) > 20) throw new Error("reads without end");
    target.fill(0x20);
    if (nul >= offset && nul < offset + target.byteLength) target[nul - offset] = 0;
  };
  const source = {
    size,
    name: "spaces",
    readInto,
    read: () => Promise.reject(new Error("none")),
    close: async () => {},
  };
  return { reads, said: () => saidLater(() => readHeader(source)) };
}

describe("reading the header of a QVD", () => {
  const KIB = 1024;

  it("fetches 64 KiB, then as much again as it has, until it meets a NUL", async () => {
    for (const [size, nul, expected] of [
      [500, 100, [[0, 500]]],
      [500, 0, [[0, 500]]],
      [500, 499, [[0, 500]]],
      [10_000 * KIB, 64 * KIB - 1, [[0, 64 * KIB]]],
      [
        10_000 * KIB,
        64 * KIB,
        [
          [0, 64 * KIB],
          [64 * KIB, 64 * KIB],
        ],
      ],
      [
        300 * KIB,
        299 * KIB,
        [
          [0, 64 * KIB],
          [64 * KIB, 64 * KIB],
          [128 * KIB, 128 * KIB],
          [256 * KIB, 44 * KIB],
        ],
      ],
    ] as const) {
      const { reads, said } = spaces(size, nul);
      expect(await said(), `${nul} of ${size}`).toMatchObject({ code: "QVD_XML" });
      expect(reads).toEqual(expected);
    }
  });

  it("gives just what is before the NUL, and the NUL", async () => {
    const bytes = utf8(`${WHOLE}\0<body>\0`);
    expect((await readHeader(memorySource(bytes))).bytes).toEqual(utf8(`${WHOLE}\0`));
  });

  it("ends with the file, or where no header is that long", async () => {
    for (const size of [0, 1, 64 * KIB, 100 * KIB]) {
      expect(await spaces(size, -1).said(), `${size}`).toMatchObject({
        code: "QVD_HEADER_UNTERMINATED",
        part: "header",
        offset: size,
      });
    }
    const endless = spaces(MAX_HEADER_BYTES + 1, MAX_HEADER_BYTES);
    expect(await endless.said()).toMatchObject({ code: "QVD_HEADER_UNTERMINATED", offset: MAX_HEADER_BYTES });
    expect(endless.reads.reduce((sum, [, length]) => sum + length, 0)).toBe(MAX_HEADER_BYTES);
  });
});
