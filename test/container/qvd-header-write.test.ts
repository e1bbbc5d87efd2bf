import { describe, expect, it } from "vitest";
import { parseHeader, type QvdHeader } from "../../src/container/qvd/header.ts";
import { editedHeader, newHeader, type TablePlace } from "../../src/container/qvd/header-build.ts";
import { branch, child, leaf, renderHeader, withTexts } from "../../src/container/qvd/header-tree.ts";
import { headerBytes, placeTable, writeParts } from "../../src/container/qvd/writer.ts";
import { said } from "../helpers/errors.ts";
import { HEADER_TEXT as WHOLE } from "../helpers/header-text.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => said(() => parseHeader(utf8(`${text}\0`)));
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

  it("loses nothing between the pieces in which a long one is encoded", () => {
    const names = Array.from({ length: 3000 }, (_, i) => `${i}${"é😀".repeat(i % 40)}`);
    const lines = names.map((name) => `   <F>${name}</F>`);
    const whole = [`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`, " <R>", ...lines, " </R>", "\0"].join(
      "\n",
    );
    const tree = branch(
      "R",
      names.map((name) => leaf("F", name)),
    );
    expect(text(renderHeader(tree, "\n"))).toBe(whole);
  });

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
