import { describe, expect, it } from "vitest";
import { parseHeader, type QvdHeader } from "../../src/container/qvd/header.ts";
import { editedHeader, newHeader, type TablePlace } from "../../src/container/qvd/header-build.ts";
import { branch, child, leaf, renderHeader, withTexts } from "../../src/container/qvd/header-tree.ts";
import { readHeader } from "../../src/container/qvd/open.ts";
import { headerBytes, placeTable, writeParts } from "../../src/container/qvd/writer.ts";
import { MAX_FIELDS, MAX_HEADER_BYTES, MAX_RECORD_BYTES, MAX_ROWS, MAX_SYMBOLS } from "../../src/limits.ts";
import { memorySource } from "../../src/source/memory.ts";
import type { ByteSource } from "../../src/source/source.ts";
import { said, saidLater } from "../helpers/errors.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const FORMAT =
  "<NumberFormat><Type>DATE</Type><nDec>2</nDec><UseThou>1</UseThou><Fmt>f</Fmt><Dec>,</Dec><Thou>.</Thou></NumberFormat>";
const field = (name: string, more = "") =>
  `<QvdFieldHeader><FieldName>${name}</FieldName><BitOffset>1</BitOffset><BitWidth>2</BitWidth><Bias>-2</Bias>${more}` +
  "<NoOfSymbols>3</NoOfSymbols><Offset>4</Offset><Length>5</Length></QvdFieldHeader>";
const WHOLE =
  "<QvdTableHeader><QvBuildNo>7</QvBuildNo><CreatorDoc>d</CreatorDoc><CreateUtcTime>u</CreateUtcTime><TableName>t</TableName>" +
  `<Fields>${field("A", `${FORMAT}<Comment>c</Comment><Tags><String>$x</String><String>y</String></Tags>`)}${field("B")}</Fields>` +
  "<Compression></Compression><RecordByteSize>6</RecordByteSize><NoOfRecords>8</NoOfRecords><Offset>9</Offset><Length>10</Length>" +
  "<Lineage><LineageInfo><Discriminator>r</Discriminator><Statement>s</Statement></LineageInfo><LineageInfo/></Lineage>" +
  "<Comment>k</Comment><Other>o</Other></QvdTableHeader>";

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

describe("writing the header of a QVD", () => {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const place: TablePlace = {
    fields: [{ bitOffset: 11, bitWidth: 12, bias: 13, noOfSymbols: 14, offset: 15, length: 16 }],
    recordByteSize: 17,
    noOfRecords: 18,
    offset: 19,
    length: 20,
  };
  const own = {
    name: "F",
    numberFormat: { type: "T", nDec: 1, useThou: 0, fmt: "f", dec: "d", thou: "h" },
    comment: "fc",
    tags: ["a", "b"],
  };
  const table = {
    name: "t<&",
    comment: "tc",
    creatorDoc: "cd",
    createdUtc: new Date("2024-02-29T12:34:56.789Z"),
    lineage: [{ discriminator: "di", statement: "st" }],
  };

  it("puts an element on each line, indented by its depth, empty ones opened and closed", () => {
    const tree = branch("R", [
      leaf("A", 1),
      branch("B", [branch("C", []), { name: "D", attributes: ' x="1"', text: "<" }]),
      { name: "E" },
    ]);
    expect(text(renderHeader(tree, "\n"))).toBe(
      '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n <R>\n   <A>1</A>\n   <B>\n     <C></C>\n' +
        '     <D x="1">&lt;</D>\n   </B>\n   <E></E>\n </R>\n\0',
    );
    expect(text(renderHeader({ name: "R", attributes: " y", children: [leaf("A", "")] }, "\r\n"))).toBe(
      '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n <R y>\r\n   <A></A>\r\n </R>\r\n\0',
    );
  });

  it("puts very many of them so", () => {
    const tree = branch(
      "R",
      Array.from({ length: 10_000 }, (_, i) => leaf("A", i)),
    );
    const lines = text(renderHeader(tree, "\n")).split("\n");
    expect(lines).toHaveLength(10_004);
    expect(lines.slice(2, -2)).toEqual(Array.from({ length: 10_000 }, (_, i) => `   <A>${i}</A>`));
  });

  it("changes the texts of an element's children, and nothing else of it", () => {
    const node = {
      name: "R",
      attributes: " r",
      text: "",
      children: [{ ...leaf("A", "a"), attributes: " x" }, leaf("B", "b"), { name: "A" }],
    };
    expect(
      withTexts(
        node,
        new Map([
          ["A", "new"],
          ["R", "no"],
        ]),
      ),
    ).toEqual({
      ...node,
      children: [
        { name: "A", attributes: " x", text: "new" },
        node.children[1],
        { name: "A", attributes: "", text: "new" },
      ],
    });
    expect(withTexts({ name: "R" }, new Map([["A", "new"]]))).toEqual({ name: "R", children: [] });
    const { tree } = parse(WHOLE) as QvdHeader;
    expect(child(tree, "Other")?.text).toBe("o");
    expect(child(tree, "LineageInfo")).toBeUndefined();
  });

  it("says all of a new table", () => {
    const header = parse(text(renderHeader(newHeader(table, [own], place), "\r\n")).slice(0, -1));
    expect(header).toMatchObject({
      buildNo: "50689",
      creatorDoc: "cd",
      createUtcTime: "2024-02-29 12:34:56",
      tableName: "t<&",
      comment: "tc",
      compression: "",
      encryptionInfo: "",
      recordByteSize: 17,
      noOfRecords: 18,
      offset: 19,
      length: 20,
      lineage: table.lineage,
      fields: [{ ...own, ...place.fields[0] }],
    });
    expect((header as QvdHeader).tree.children.map(({ name, text: t }) => `${name}=${t}`)).toEqual([
      "QvBuildNo=50689",
      "CreatorDoc=cd",
      "CreateUtcTime=2024-02-29 12:34:56",
      "SourceCreateUtcTime=",
      "SourceFileUtcTime=",
      "SourceFileSize=-1",
      "StaleUtcTime=",
      "TableName=t<&",
      "Fields=",
      "Compression=",
      "RecordByteSize=17",
      "NoOfRecords=18",
      "Offset=19",
      "Length=20",
      "Lineage=",
      "Comment=tc",
      "EncryptionInfo=",
      "TableTags=",
      "ProfilingData=",
    ]);
  });

  it("keeps of another header what is not counted, fields in the order that is asked for", () => {
    const header = parse(WHOLE) as QvdHeader;
    const two: TablePlace = { ...place, fields: [place.fields[0]!, { ...place.fields[0]!, bitOffset: 31 }] };
    const edited = parse(text(renderHeader(editedHeader(header, [1, 0], two), "\n")).slice(0, -1)) as QvdHeader;
    expect(edited).toMatchObject({
      tableName: "t",
      comment: "k",
      recordByteSize: 17,
      noOfRecords: 18,
      offset: 19,
      length: 20,
    });
    expect(edited.fields).toMatchObject([
      { name: "B", ...place.fields[0] },
      { name: "A", ...place.fields[0], bitOffset: 31, tags: ["$x", "y"], comment: "c" },
    ]);
    expect(child(edited.tree, "Other")?.text).toBe("o");
    expect(parse(text(renderHeader(editedHeader(header, [1], place), "\n")).slice(0, -1))).toMatchObject({
      fields: [{ name: "B" }],
    });
  });

  it("gives the very bytes of a header that says the same, whatever its form", () => {
    const same: TablePlace = {
      fields: Array(2).fill({ bitOffset: 1, bitWidth: 2, bias: -2, noOfSymbols: 3, offset: 4, length: 5 }),
      recordByteSize: 6,
      noOfRecords: 8,
      offset: 9,
      length: 10,
    };
    for (const form of [
      WHOLE,
      WHOLE.replace("<NoOfRecords>8", "<NoOfRecords>0008").replace("<BitWidth>2", "<BitWidth>02"),
    ]) {
      const header = parse(form) as QvdHeader;
      expect(headerBytes(editedHeader(header, [0, 1], same), header)).toBe(header.bytes);
      const other = text(headerBytes(editedHeader(header, [0, 1], { ...same, noOfRecords: 7 }), header));
      expect(other).toContain("\n   <NoOfRecords>7</NoOfRecords>\n");
      expect(other).not.toContain("\r");
    }
    const windows = parse(WHOLE.replace("<Fields>", "\r\n<Fields>")) as QvdHeader;
    expect(text(headerBytes(editedHeader(windows, [0], { ...same, length: 11 }), windows))).toContain(
      "<Length>11</Length>\r\n",
    );
    expect(text(headerBytes(newHeader(table, [own], place)))).toContain("<NoOfRecords>18</NoOfRecords>\r\n");
  });

  it("places symbols back to back and the index table behind them", async () => {
    const bits = {
      recordByteSize: 3,
      fields: [
        { bitOffset: 0, bitWidth: 8, bias: 0 },
        { bitOffset: 8, bitWidth: 16, bias: -2 },
      ],
    };
    expect(
      placeTable(
        bits,
        [
          { count: 5, byteLength: 50 },
          { count: 7, byteLength: 70 },
        ],
        4,
      ),
    ).toEqual({
      recordByteSize: 3,
      noOfRecords: 4,
      offset: 120,
      length: 12,
      fields: [
        { ...bits.fields[0], noOfSymbols: 5, offset: 0, length: 50 },
        { ...bits.fields[1], noOfSymbols: 7, offset: 50, length: 70 },
      ],
    });
    const written: string[] = [];
    async function* records() {
      yield utf8("r1");
      yield new Uint8Array(0);
      yield utf8("r2");
    }
    const sink = { write: async (bytes: Uint8Array) => void written.push(text(bytes)) };
    await writeParts(sink as never, { header: utf8("h"), symbols: [utf8("s"), new Uint8Array(0)], records: records() });
    expect(written).toEqual(["h", "s", "r1", "r2"]);
  });
});
