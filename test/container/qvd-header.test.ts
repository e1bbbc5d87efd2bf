import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseHeader } from "../../src/container/qvd/header.ts";
import { renderHeader } from "../../src/container/qvd/header-tree.ts";
import { readHeader } from "../../src/container/qvd/open.ts";
import { escapeText, parseXml, type XmlElement } from "../../src/container/qvd/xml.ts";
import {
  MAX_BIT_WIDTH,
  MAX_FIELDS,
  MAX_HEADER_BYTES,
  MAX_RECORD_BYTES,
  MAX_XML_DEPTH,
  MAX_XML_ELEMENTS,
} from "../../src/limits.ts";
import { memorySource } from "../../src/source/memory.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { failure } from "../helpers/errors.ts";
import { editHeader, entry, headerAndBody, rawQvd } from "../helpers/raw-qvd.ts";
import { goodQvd } from "./qvd-malformed.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => parseXml(utf8(text));
const LENIENT = new Set(["a", "b", "c"]);
const parseLenient = (text: string) => parseXml(utf8(text), { lenientNames: LENIENT });

/** Name, attributes, children and text, without places. */
function shape(e: XmlElement): unknown {
  const rest = e.children.length > 0 ? e.children.map(shape) : e.text;
  return e.attributes === "" ? [e.name, rest] : [e.name, e.attributes, rest];
}

describe("the XML reader", () => {
  it("reads elements, attributes as written, and texts with spaces and line ends as they are", () => {
    const xml = '<?xml version="1.0"?>\r\n<a>\n <b x="1" y=\'2\'> two\r\nlines\t</b>\n<c/> <c />\n<d></d></a>\n';
    expect(shape(parse(xml))).toEqual([
      "a",
      [
        ["b", " x=\"1\" y='2'", " two\r\nlines\t"],
        ["c", ""],
        ["c", " ", ""],
        ["d", ""],
      ],
    ]);
  });

  it("gives byte offsets, also behind characters of several bytes", () => {
    const xml = utf8("<a><b>日本</b><c>é</c></a>");
    const root = parseXml(xml);
    for (const element of [root, ...root.children]) {
      const text = new TextDecoder().decode(xml.subarray(element.start, element.end));
      expect(text.startsWith(`<${element.name}>`) && text.endsWith(`</${element.name}>`)).toBe(true);
    }
  });

  it("resolves the five entities and character references once, not twice", () => {
    expect(parse("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#x1F600;&amp;lt;</a>").text).toBe("<>&\"'AB\u{1F600}&lt;");
  });

  it("reads back every text that was escaped", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters that XML 1.0 forbids are meant
        const fit = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "").toWellFormed();
        expect(parse(`<a>${escapeText(fit)}</a>`).text).toBe(fit);
      }),
    );
    expect(escapeText("<>&\"'\t\r\n")).toBe("&lt;&gt;&amp;&quot;'\t\r\n");
  });

  it("names the byte at which it gave up", async () => {
    for (const [xml, offset] of [
      ["<a>é<b></a>", 8],
      ["<a></a>x", 7],
      ["<a><b>x</b> y </a>", 12],
      ["<a", 0],
      ["<a></a><b/>", 7],
    ] as const) {
      const error = await failure("QVD_XML", () => parse(xml));
      expect([xml, error.offset]).toEqual([xml, offset]);
    }
  });

  it("shows hostile names short and printable", async () => {
    const error = await failure("QVD_XML", () => parse(`<a></${"b\u001b".repeat(1000)}>`));
    expect(error.message.length).toBeLessThan(120);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there
    expect(error.message).not.toMatch(/[\u0000-\u001f]/);
  });

  it(`takes elements nested ${MAX_XML_DEPTH} deep, and not one more`, async () => {
    const nested = (depth: number) => "<a>".repeat(depth) + "</a>".repeat(depth);
    expect(parse(nested(MAX_XML_DEPTH)).name).toBe("a");
    await failure("LIMIT_EXCEEDED", () => parse(nested(MAX_XML_DEPTH + 1)));
  });

  it(`takes MAX_XML_ELEMENTS, and not one more`, async () => {
    const many = (count: number) => `<a>${"<b/>".repeat(count - 1)}</a>`;
    expect(parse(many(MAX_XML_ELEMENTS)).children.length).toBe(MAX_XML_ELEMENTS - 1);
    await failure("LIMIT_EXCEEDED", () => parse(many(MAX_XML_ELEMENTS + 1)));
  });
});

describe("the lenient XML reader", () => {
  const cases: readonly (readonly [string, string, unknown])[] = [
    ["a bare < in a text", "<a><b>x < y << z</b></a>", ["a", [["b", "x < y << z"]]]],
    ["a bare < before a name that is none of the header's", "<a><b>x <foo> y</b></a>", ["a", [["b", "x <foo> y"]]]],
    ["a bare &", "<a><b>R&D &foo; &amp; &lt;</b></a>", ["a", [["b", "R&D &foo; & <"]]]],
    ["control bytes in a text", "<a><b>x\u0001\u007f</b></a>", ["a", [["b", "x\u0001\u007f"]]]],
    ["control bytes inside an open tag", "<a><\u0001b\u001f\u007f>x</b></a>", ["a", [["b", "x"]]]],
    ["control bytes inside a close tag", "<a><b>x</\u0001b\u0002></a>", ["a", [["b", "x"]]]],
    ["control bytes between elements", "<a>\u0001<b>x</b>\u007f\n</a>\u0002", ["a", [["b", "x"]]]],
    ["a last tag without >", "<a><b>x</b></a", ["a", [["b", "x"]]]],
    ["a last tag without >, then padding", "<a><b>x</b></a \u0001\u0002  \r\n", ["a", [["b", "x"]]]],
    [
      "a sound document",
      "<a><b>&lt;</b><c/></a>",
      [
        "a",
        [
          ["b", "<"],
          ["c", ""],
        ],
      ],
    ],
  ];
  for (const [what, xml, expected] of cases) {
    it(`reads ${what}${what === "a sound document" ? "" : ", which the strict one refuses"}`, async () => {
      expect(shape(parseLenient(xml))).toEqual(expected);
      if (what !== "a sound document") await failure("QVD_XML", () => parse(xml));
    });
  }

  it("still refuses what has no structure", async () => {
    for (const xml of ["<a><b>x</a>", "<a><b>x</b>", "<a></a><b></b>", "<a>x<b></b></a>", ""]) {
      await failure("QVD_XML", () => parseLenient(xml));
    }
    // A declaration of entities is text to it, so nothing is ever expanded.
    expect(shape(parseLenient('<a><!DOCTYPE b [<!ENTITY c "x">]></a>'))).toEqual([
      "a",
      '<!DOCTYPE b [<!ENTITY c "x">]>',
    ]);
  });

  it("opens a whole QVD with SAP's malformations, whose body begins behind the NUL", async () => {
    const sap = editHeader(goodQvd(), (xml) =>
      xml
        .replace("Alpha", "A<l>&pha\u0001")
        .replace("<Bias>", "<Bias\u007f>")
        .replace(/<\/QvdTableHeader>\s*$/, "</QvdTableHeader   \u0002  "),
    );
    await failure("QVD_XML", () => openQvdTable(memorySource(sap)));
    const table = await openQvdTable(memorySource(sap), { lenient: true });
    expect(table.fields[0]!.name).toBe("A<l>&pha\u0001");
    const sound = await openQvdTable(memorySource(goodQvd()));
    expect(await readRows(table)).toEqual(await readRows(sound));
  });
});

describe("the header", () => {
  const { header } = headerAndBody(goodQvd());
  const headerOf = (text: string) => parseHeader(utf8(`${text}\0`));

  it("needs no element that old builds lack", () => {
    const h = headerOf(
      header
        .replace(/\s*<QvBuildNo>.*\r\n/, "")
        .replace(/\s*<CreatorDoc>.*\r\n/, "")
        .replace(/\s*<Compression>.*\r\n/, "")
        .replace(/<NumberFormat>[\s\S]*?<\/NumberFormat>/g, ""),
    );
    expect([h.buildNo, h.comment, h.lineage, h.encryptionInfo]).toEqual(["", "", [], ""]);
    expect(h.fields[0]!.numberFormat).toEqual({ type: "UNKNOWN", nDec: 0, useThou: 0, fmt: "", dec: "", thou: "" });
    expect(h.fields[0]!.tags).toEqual([]);
  });

  it("tells the table's Comment, Offset and Length from a field's, wherever they stand", () => {
    const h = headerOf(
      header
        .replace("<TableName>", "<Comment>of the table</Comment><TableName>")
        .replace("<FieldName>", "<Comment>of the field</Comment><FieldName>"),
    );
    expect([h.comment, h.fields[0]!.comment, h.fields[1]!.comment]).toEqual(["of the table", "of the field", ""]);
    expect(h.offset).toBeGreaterThan(h.fields[1]!.offset);
  });

  it("does not trim separators, names or comments", () => {
    const h = headerOf(
      header
        .replace("Alpha", "\u00a0 Alpha\t")
        .replace("<Thou></Thou>", "<Thou>\u00a0</Thou>")
        .replace("<Dec></Dec>", "<Dec> </Dec>"),
    );
    expect(h.fields[0]!.name).toBe("\u00a0 Alpha\t");
    expect([h.fields[0]!.numberFormat.thou, h.fields[0]!.numberFormat.dec]).toEqual(["\u00a0", " "]);
  });

  it("is rendered as Qlik renders it, whatever the line end, and read again the same", () => {
    for (const eol of ["\r\n", "\n"]) {
      const bytes = renderHeader(parseHeader(utf8(`${header}\0`)).tree, eol);
      expect(new TextDecoder().decode(bytes)).toBe(`${header.replaceAll("\r\n", eol)}\0`);
    }
  });

  it("ends at the first NUL, whatever stands before it", async () => {
    for (const end of ["\r\n", "\n", "", " \r\n \r\n"]) {
      const qvd = editHeader(goodQvd(), (xml) => `${xml.trimEnd()}${end}${end === "\r\n" ? " " : ""}`);
      const table = await openQvdTable(memorySource(qvd));
      expect((await readRows(table)).length).toBe(4);
    }
  });

  it(`takes headers up to MAX_HEADER_BYTES, and not a byte more`, async () => {
    const padded = (length: number) => {
      const bytes = utf8(`${header}\0`);
      const all = new Uint8Array(length).fill(0x20);
      all.set(bytes.subarray(0, -1));
      all[length - 1] = 0;
      return memorySource(all);
    };
    expect((await readHeader(padded(MAX_HEADER_BYTES))).bytes.byteLength).toBe(MAX_HEADER_BYTES);
    await failure("QVD_HEADER_UNTERMINATED", () => readHeader(padded(MAX_HEADER_BYTES + 1)));
  });

  it("takes MAX_FIELDS, and not one more", async () => {
    const leaf = (name: string) => `<${name}>0</${name}>`;
    const field = ["FieldName", "BitOffset", "BitWidth", "Bias", "NoOfSymbols", "Offset", "Length"].map(leaf).join("");
    const table = ["TableName", "RecordByteSize", "NoOfRecords", "Offset", "Length"].map(leaf).join("");
    const many = (count: number) => {
      const fields = `<QvdFieldHeader>${field}</QvdFieldHeader>`.repeat(count);
      return `<QvdTableHeader>${table}<Fields>${fields}</Fields></QvdTableHeader>`;
    };
    expect(headerOf(many(MAX_FIELDS)).fields.length).toBe(MAX_FIELDS);
    await failure("LIMIT_EXCEEDED", () => headerOf(many(MAX_FIELDS + 1)));
  });

  it("takes records of MAX_RECORD_BYTES and fields of MAX_BIT_WIDTH at their end, and nothing more", async () => {
    const one = (recordBytes: number, bitWidth: number) =>
      rawQvd({
        fields: [{ name: "a", symbols: [entry.text("x")], bitOffset: recordBytes * 8 - bitWidth, bitWidth }],
        rows: 2,
        recordBytes,
        records: new Uint8Array(2 * recordBytes),
      });
    const table = await openQvdTable(memorySource(one(MAX_RECORD_BYTES, MAX_BIT_WIDTH)));
    expect(await readRows(table)).toEqual([["x"], ["x"]]);
    await failure("QVD_HEADER", () => openQvdTable(memorySource(one(MAX_RECORD_BYTES + 1, 8))));
    await failure("QVD_BITS", () => openQvdTable(memorySource(one(8, MAX_BIT_WIDTH + 1))));
  });
});
