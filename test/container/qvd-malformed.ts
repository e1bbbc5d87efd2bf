import { concat } from "../../src/bytes/concat.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { MAX_FIELDS, MAX_HEADER_BYTES, MAX_XML_DEPTH, MAX_XML_ELEMENTS } from "../../src/limits.ts";
import { editHeader, entry, headerAndBody, packWithBigInt, type RawQvd, rawQvd } from "../helpers/raw-qvd.ts";

/** One way in which a file can be broken, and what must be said of it. */
export interface Fault {
  readonly name: string;
  readonly bytes: () => Uint8Array;
  readonly code: ErrorCode;
}

/** Stands in the texts of every faulty file; a message that holds it quotes a cell. */
export const CELL_MARK = "cellmark";

const RAWS = { alpha: [0, 1, 2, 0], beta: [2, 0, 3, 2], gamma: [0, 0, 0, 0] };

const GOOD: RawQvd = {
  fields: [
    { name: "Alpha", symbols: [entry.int(1), entry.int(2), entry.double(2.5)], bitOffset: 0, bitWidth: 2 },
    {
      name: "Beta",
      symbols: [entry.text(`${CELL_MARK} one`), entry.dualInt(7, `${CELL_MARK} two`)],
      bitOffset: 2,
      bitWidth: 2,
      bias: -2,
    },
    { name: "Gamma", symbols: [entry.dualDouble(0.5, `${CELL_MARK} half`)], bitOffset: 4, bitWidth: 4 },
  ],
  rows: 4,
  recordBytes: 1,
  records: packWithBigInt(4, 1, [
    { bitOffset: 0, raws: RAWS.alpha },
    { bitOffset: 2, raws: RAWS.beta },
    { bitOffset: 4, raws: RAWS.gamma },
  ]),
};

/** The sound file that the faults are made from. */
export const goodQvd = (): Uint8Array => rawQvd(GOOD);

const utf8 = (text: string) => new TextEncoder().encode(text);
const header = (code: ErrorCode, name: string, from: string | RegExp, to: string): Fault => ({
  name,
  code,
  bytes: () => editHeader(goodQvd(), (text) => text.replace(from, () => to)),
});
const bytes = (code: ErrorCode, name: string, make: () => Uint8Array): Fault => ({ name, code, bytes: make });
const text = (code: ErrorCode, name: string, content: string): Fault => bytes(code, name, () => utf8(content));
/** The good file with other fields, rows or records. */
const made = (code: ErrorCode, name: string, more: Partial<RawQvd>): Fault =>
  bytes(code, name, () => rawQvd({ ...GOOD, ...more }));

/** The good file with `count` bytes at `at` of the body replaced by others. */
function body(code: ErrorCode, name: string, edit: (body: Uint8Array) => Uint8Array): Fault {
  return bytes(code, name, () => {
    const parts = headerAndBody(goodQvd());
    return concat([utf8(`${parts.header}\0`), edit(parts.body)]);
  });
}

/** One field only, with these symbol bytes under this count. */
function symbols(name: string, stored: Uint8Array, count: number, code: ErrorCode = "QVD_SYMBOL"): Fault {
  return bytes(code, name, () => {
    const one = rawQvd({
      fields: [{ name: "Only", symbols: [stored], bitOffset: 0, bitWidth: 8 }],
      rows: 1,
      recordBytes: 1,
      records: new Uint8Array(1),
    });
    return count === 1
      ? one
      : editHeader(one, (text) => text.replace(/<NoOfSymbols>1</, () => `<NoOfSymbols>${count}<`));
  });
}

/** One field of one symbol, whose index is `raw`. */
function index(name: string, bitWidth: number, bias: number, raw: number, bitOffset = 0): Fault {
  const recordBytes = Math.ceil((bitOffset + bitWidth) / 8) || 1;
  const records = packWithBigInt(3, recordBytes, [{ bitOffset, raws: [0, raw, 0].map((r) => (r === 0 ? -bias : r)) }]);
  return bytes("QVD_INDEX", name, () =>
    rawQvd({
      fields: [{ name: "Only", symbols: [entry.text(CELL_MARK)], bitOffset, bitWidth, bias }],
      rows: 3,
      recordBytes,
      records: bias > 0 ? packWithBigInt(3, recordBytes, [{ bitOffset, raws: [0, raw, 0] }]) : records,
    }),
  );
}

const NOT_A_QVD: readonly Fault[] = [
  text("CONTAINER_UNKNOWN", "empty file", ""),
  text("CONTAINER_UNKNOWN", "one byte", "<"),
  text("CONTAINER_UNKNOWN", "white space only", "  \r\n \r\n"),
  text("CONTAINER_UNKNOWN", "CSV", "a,b\r\n1,2\r\n"),
  text("CONTAINER_UNKNOWN", "Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
  bytes("CONTAINER_UNKNOWN", "QVD in Base64", () => utf8(Buffer.from(goodQvd()).toString("base64"))),
  bytes("CONTAINER_UNKNOWN", "QVF", () => Uint8Array.of(0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0)),
  bytes("CONTAINER_UNKNOWN", "PNG", () => Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0)),
  bytes("CONTAINER_UNKNOWN", "gzip", () => Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3)),
  bytes("CONTAINER_UNKNOWN", "all zero", () => new Uint8Array(4096)),
  text("CONTAINER_UNKNOWN", "ZIP archive", "PK\u0003\u0004 and so on"),
  text("CONTAINER_UNKNOWN", "Parquet", "PAR1 and so on"),
  text("CONTAINER_UNKNOWN", "HTML", "<!DOCTYPE html><html></html>"),
  bytes(
    "CONTAINER_UNKNOWN",
    "QVD in UTF-16",
    () => new Uint8Array(Buffer.from(`\ufeff<?xml version="1.0"?>`, "utf16le")),
  ),
];

const HEADER_END: readonly Fault[] = [
  ...[6, 60, 200, 700, 1500].map((length) =>
    bytes("QVD_HEADER_UNTERMINATED", `cut off in the header, after ${length} bytes`, () => goodQvd().slice(0, length)),
  ),
  bytes("QVD_HEADER_UNTERMINATED", "cut off before the NUL", () => utf8(headerAndBody(goodQvd()).header)),
  bytes("QVD_HEADER_UNTERMINATED", "header without end", () => {
    const all = new Uint8Array(MAX_HEADER_BYTES + 4096).fill(0x20);
    all.set(utf8('<?xml version="1.0"?><QvdTableHeader>'));
    return all;
  }),
  ...[0x01, 0x20, 0x0a, 0xff].map((byte) =>
    bytes("QVD_XML", `terminator 0x${byte.toString(16).padStart(2, "0")} instead of NUL`, () => {
      const all = goodQvd();
      all[all.indexOf(0)] = byte;
      return all;
    }),
  ),
  bytes("QVD_XML", "NUL inside a field name", () => {
    const { header: xml, body: rest } = headerAndBody(goodQvd());
    return concat([utf8(`${xml.replace("Alpha", "Al\0pha")}\0`), rest]);
  }),
  bytes("QVD_XML", "NUL between two elements", () => {
    const { header: xml, body: rest } = headerAndBody(goodQvd());
    return concat([utf8(`${xml.replace("<Fields>", "\0<Fields>")}\0`), rest]);
  }),
];

const BOMB = `<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">${Array.from(
  { length: 20 },
  (_, i) => `<!ENTITY b${i} "${`&b${i - 1};`.repeat(10)}">`,
).join("")}]>`;

const XML: readonly Fault[] = [
  header("QVD_XML", "DTD", "<QvdTableHeader>", "<!DOCTYPE QvdTableHeader><QvdTableHeader>"),
  header("QVD_XML", "XML bomb", "<QvdTableHeader>", `${BOMB}<QvdTableHeader>`),
  header(
    "QVD_XML",
    "external entity",
    "<QvdTableHeader>",
    '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><QvdTableHeader>',
  ),
  header("QVD_XML", "CDATA", "Alpha", "<![CDATA[Alpha]]>"),
  header("QVD_XML", "comment", "Alpha", "<!-- Alpha -->"),
  header("QVD_XML", "processing instruction", "<Fields>", "<?php echo 1 ?><Fields>"),
  header("QVD_XML", "second XML declaration", " <QvdTableHeader>", '<?xml version="1.0"?> <QvdTableHeader>'),
  header("QVD_XML", "malformed XML declaration", "<?xml version", "<?xmlversion"),
  header("QVD_XML", "declaration that does not end", "?>", ">"),
  header("QVD_XML", "another encoding", 'encoding="UTF-8"', 'encoding="ISO-8859-1"'),
  header("QVD_XML", "byte order mark", "<?xml", "\ufeff<?xml"),
  header("QVD_XML", "unknown entity", "Alpha", "Al&nbsp;pha"),
  header("QVD_XML", "bare ampersand", "Alpha", "Al & pha"),
  header("QVD_XML", "reference to U+0000", "Alpha", "Al&#0;pha"),
  header("QVD_XML", "reference to a surrogate", "Alpha", "Al&#xD800;pha"),
  header("QVD_XML", "reference beyond Unicode", "Alpha", "Al&#x110000;pha"),
  header("QVD_XML", "reference to a control character", "Alpha", "Al&#1;pha"),
  header("QVD_XML", "bare <", "Alpha", "Al < pha"),
  header("QVD_XML", "tag without a name", "Alpha", "<>"),
  header("QVD_XML", "tag name that begins with a digit", "Alpha", "<1a/>"),
  header("QVD_XML", "close tag that does not fit", "</FieldName>", "</Fieldname>"),
  header("QVD_XML", "close tag too many", "</Fields>", "</Fields></Fields>"),
  header("QVD_XML", "close tag first", " <QvdTableHeader>", "</QvdTableHeader><QvdTableHeader>"),
  header("QVD_XML", "element that is not closed", "</Fields>", ""),
  header("QVD_XML", "root that is not closed", "</QvdTableHeader>", ""),
  header("QVD_XML", "unfinished last tag", /<\/QvdTableHeader>\s*$/, "</QvdTableHeader"),
  header("QVD_XML", "unfinished open tag at the end", /<\/QvdTableHeader>\s*$/, "<a"),
  header("QVD_XML", "second root", /$/, "<QvdTableHeader></QvdTableHeader>"),
  header("QVD_XML", "second, empty root", /$/, "<a/>"),
  header("QVD_XML", "text behind the root", /$/, "x"),
  header("QVD_XML", "text before the root", " <QvdTableHeader>", "x<QvdTableHeader>"),
  header("QVD_XML", "text between elements", "<Fields>", "x<Fields>"),
  header("QVD_XML", "no element at all", /\?>[\s\S]*$/, "?>"),
  header("QVD_XML", "attribute without quotes", "<Fields>", "<Fields a=1>"),
  header("QVD_XML", "attribute without value", "<Fields>", "<Fields a>"),
  header("QVD_XML", "attribute with an open quote", "<Fields>", '<Fields a="1>'),
  header("QVD_XML", "attribute with < in it", "<Fields>", '<Fields a="<">'),
  header("QVD_XML", "attribute with a control character", "<Fields>", '<Fields a="\u0001">'),
  header("QVD_XML", "attribute with an unknown entity", "<Fields>", '<Fields a="&b;">'),
  header("QVD_XML", "attribute twice", "<Fields>", '<Fields a="1" a="2">'),
  bytes("QVD_XML", "two million attributes in one tag", () =>
    editHeader(goodQvd(), (xml) => xml.replace("<Fields>", `<Fields${' a=""'.repeat(2_000_000)}>`)),
  ),
  bytes("QVD_XML", "spaces without end in a tag", () =>
    editHeader(goodQvd(), (xml) => xml.replace("<Fields>", `<Fields a${" ".repeat(8_000_000)}b>`)),
  ),
  header("QVD_XML", "control character in a name", "Alpha", "Al\u0001pha"),
  header("QVD_XML", "U+FFFF in a name", "Alpha", "Al\uffffpha"),
  header("LIMIT_EXCEEDED", "elements nested too deep", "Alpha", "<a>".repeat(MAX_XML_DEPTH)),
  header("LIMIT_EXCEEDED", "a million nested elements", "Alpha", "<a>".repeat(1_000_000)),
  header("LIMIT_EXCEEDED", "elements beyond number", "<Fields>", `${"<a/>".repeat(MAX_XML_ELEMENTS)}<Fields>`),
  ...(
    [
      ["invalid byte", [0xff]],
      ["overlong form", [0xc0, 0xaf]],
      ["surrogate in UTF-8", [0xed, 0xa0, 0x80]],
      ["character cut off", [0xe2, 0x82]],
    ] as const
  ).map(([what, wrong]) =>
    bytes("BYTES_UTF8", `${what} in a field name`, () => {
      const all = goodQvd();
      const at = Buffer.from(all).indexOf("Alpha");
      return concat([all.slice(0, at), Uint8Array.from(wrong), all.slice(at + wrong.length)]);
    }),
  ),
];

const missing = (element: string, inField: boolean): Fault =>
  bytes("QVD_HEADER", `${inField ? "field" : "table"} without ${element}`, () => {
    // Indentation tells the table's Offset and Length from a field's.
    const pattern = new RegExp(`\\r\\n${inField ? "       " : "   "}<${element}>[^<]*</${element}>`);
    return editHeader(goodQvd(), (xml) => xml.replace(pattern, ""));
  });

const number = (element: string, value: string, code: ErrorCode = "QVD_HEADER"): Fault => {
  const inField = !["RecordByteSize", "NoOfRecords", "table Offset", "table Length"].includes(element);
  const name = element.replace("table ", "");
  const shown = value.length > 24 ? `${value.slice(0, 24)}…` : value;
  const pattern = new RegExp(`(\\n${inField ? " {7,9}" : "   "}<${name}>)[^<]*`);
  return bytes(code, `${element} is "${shown}"`, () =>
    editHeader(goodQvd(), (xml) => xml.replace(pattern, (_, open) => `${open}${value}`)),
  );
};

const HEADER: readonly Fault[] = [
  ...["TableName", "RecordByteSize", "NoOfRecords", "Offset", "Length"].map((e) => missing(e, false)),
  header("QVD_HEADER", "table without Fields", /<Fields>[\s\S]*<\/Fields>/, ""),
  ...["FieldName", "BitOffset", "BitWidth", "Bias", "NoOfSymbols", "Offset", "Length"].map((e) => missing(e, true)),
  header("QVD_HEADER", "another root", /QvdTableHeader>/g, "QvxTableHeader>"),
  header("QVD_HEADER", "something else among the fields", "<Fields>", "<Fields><Table></Table>"),
  header("QVD_HEADER", "NoOfRecords twice", "<NoOfRecords>", "<NoOfRecords>3</NoOfRecords><NoOfRecords>"),
  header("QVD_HEADER", "FieldName twice", "<FieldName>", "<FieldName>Other</FieldName><FieldName>"),
  header("QVD_HEADER", "Fields twice", "<Fields>", "<Fields></Fields><Fields>"),
  header("QVD_HEADER", "number with an element in it", "<NoOfRecords>4", "<NoOfRecords><a>4</a>"),
  ...["", "-1", "1e3", "0x10", "4.0", "+4", " 4", "4 ", "\u0664", "4,000", "NaN", "Infinity"].map((v) =>
    number("NoOfRecords", v),
  ),
  number("NoOfRecords", "9".repeat(16)),
  number("NoOfRecords", "9".repeat(400)),
  number("NoOfRecords", String(2 ** 40 + 1)),
  number("NoOfSymbols", String(2 ** 31)),
  number("NoOfSymbols", "-1"),
  number("BitWidth", "-1"),
  number("BitOffset", "-1"),
  number("Bias", "-3"),
  number("Bias", String(2 ** 31)),
  number("RecordByteSize", "-1"),
  number("RecordByteSize", String(2 ** 31)),
  number("Offset", "-1"),
  number("Length", "-1"),
  number("table Offset", "-1"),
  number("table Length", "9007199254740993"),
  number("nDec", "many"),
  number("UseThou", "7"),
  bytes("LIMIT_EXCEEDED", "fields beyond number", () =>
    editHeader(goodQvd(), (xml) => xml.replace("</Fields>", `${"<F/>".repeat(MAX_FIELDS)}</Fields>`)),
  ),
];

const RANGES: readonly Fault[] = [
  header("QVD_COMPRESSED", "compressed table", "<Compression>", "<Compression>zip"),
  header("QVD_COMPRESSED", "compressed table, said by an element", "<Compression>", "<Compression><Zip></Zip>"),
  header("QVD_ENCRYPTED", "encrypted table", "<Compression>", "<EncryptionInfo>aes</EncryptionInfo><Compression>"),
  header(
    "QVD_ENCRYPTED",
    "encrypted table, said by elements",
    "<Compression>",
    "<EncryptionInfo><Key></Key></EncryptionInfo><Compression>",
  ),
  number("Length", String(2 ** 30), "QVD_RANGE"),
  number("Length", String(Number.MAX_SAFE_INTEGER), "QVD_RANGE"),
  number("Offset", String(Number.MAX_SAFE_INTEGER), "QVD_RANGE"),
  number("table Offset", "100000", "QVD_RANGE"),
  number("table Length", String(2 ** 30), "QVD_RANGE"),
  number("table Length", "3", "QVD_RANGE"),
  number("NoOfRecords", "5", "QVD_RANGE"),
  number("NoOfRecords", "3", "QVD_RANGE"),
  number("NoOfRecords", String(2 ** 40), "QVD_RANGE"),
  number("RecordByteSize", "2", "QVD_RANGE"),
  number("NoOfSymbols", String(2 ** 31 - 3), "QVD_RANGE"),
  number("NoOfSymbols", "100", "QVD_RANGE"),
  number("table Offset", "0", "QVD_RANGE"),
  number("table Offset", "20", "QVD_RANGE"),
  header("QVD_RANGE", "symbol tables that lie over each other", /<Offset>19</, "<Offset>18<"),
  header("QVD_RANGE", "two symbol tables in one place", /<Offset>19</, "<Offset>0<"),
  header("QVD_RANGE", "symbol table over the index table", /<Length>19</, `<Length>${66}<`),
  ...[1, 5, 19, 30, 55, 70].map((kept) =>
    body("QVD_RANGE", `cut off after ${kept} bytes of the body`, (b) => b.slice(0, kept)),
  ),
  body("QVD_RANGE", "last byte missing", (b) => b.slice(0, -1)),
  body("QVD_RANGE", "no body at all", () => new Uint8Array(0)),
  bytes("LIMIT_EXCEEDED", "2^40 records of no bytes", () =>
    editHeader(
      rawQvd({
        fields: [{ name: "Only", symbols: [entry.text(CELL_MARK)], bitOffset: 0, bitWidth: 0 }],
        rows: 0,
        recordBytes: 0,
        records: new Uint8Array(0),
      }),
      (xml) => xml.replace("<NoOfRecords>0<", `<NoOfRecords>${2 ** 40}<`),
    ),
  ),
];

const BITS: readonly Fault[] = [
  ...[33, 64, 255, 100_000].map((width) =>
    made("QVD_BITS", `field of ${width} bits`, {
      fields: [{ ...GOOD.fields[0]!, bitWidth: width }, ...GOOD.fields.slice(1).map((f) => ({ ...f, bitWidth: 0 }))],
      recordBytes: 200,
      records: new Uint8Array(800),
    }),
  ),
  number("BitWidth", "3", "QVD_BITS"),
  number("BitWidth", "8", "QVD_BITS"),
  number("BitOffset", "1", "QVD_BITS"),
  number("BitOffset", "7", "QVD_BITS"),
  number("BitOffset", "4000", "QVD_BITS"),
  made("QVD_BITS", "two fields on the same bits", {
    fields: GOOD.fields.map((f) => ({ ...f, bitOffset: 0, bitWidth: 2 })),
  }),
  made("QVD_BITS", "bits in records of no bytes", { recordBytes: 0, records: new Uint8Array(0) }),
];

const SYMBOLS: readonly Fault[] = [
  ...[0, 3, 7, 0x41, 0xff].map((kind) => symbols(`symbol of type ${kind}`, Uint8Array.of(kind, 1, 0, 0, 0), 1)),
  symbols("text without its NUL", utf8(`\u0004${CELL_MARK}`), 1),
  symbols("type byte of a text at the end", concat([entry.text(CELL_MARK), Uint8Array.of(4)]), 2),
  symbols("dual integer without the NUL of its text", entry.dualInt(1, CELL_MARK).slice(0, -1), 1),
  symbols("dual double without the NUL of its text", entry.dualDouble(1.5, CELL_MARK).slice(0, -1), 1),
  symbols("dual integer cut off in its number", entry.dualInt(1, "").slice(0, 3), 1),
  symbols("dual double cut off in its number", entry.dualDouble(1, "").slice(0, 8), 1),
  symbols("integer cut off", entry.int(1).slice(0, 4), 1),
  symbols("double cut off", entry.double(0.5).slice(0, 8), 1),
  symbols("fewer entries than said", concat([entry.text(CELL_MARK), entry.text("")]), 3),
  symbols("more entries than said", concat([entry.text(CELL_MARK), entry.int(1)]), 1),
  symbols("entries where none is said", entry.text(CELL_MARK), 0),
  symbols("text of invalid UTF-8", Uint8Array.of(4, 0x41, 0xff, 0), 1, "BYTES_UTF8"),
  symbols("text of UTF-8 cut off", Uint8Array.of(4, 0xe2, 0x82, 0), 1, "BYTES_UTF8"),
  symbols("text with a surrogate", Uint8Array.of(4, 0xed, 0xb0, 0x80, 0), 1, "BYTES_UTF8"),
  symbols("dual integer with invalid UTF-8", Uint8Array.of(5, 1, 0, 0, 0, 0xc0, 0xaf, 0), 1, "BYTES_UTF8"),
  symbols("dual double with invalid UTF-8", Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 0, 0, 0xf5, 0), 1, "BYTES_UTF8"),
  bytes("QVD_RANGE", "line ends of the body converted", () => {
    const all = rawQvd({
      ...GOOD,
      fields: GOOD.fields.map((f) => ({ ...f, symbols: [...f.symbols, entry.text("a\r\nb")] })),
    });
    const { header: xml, body: rest } = headerAndBody(all);
    return concat([utf8(`${xml}\0`), Uint8Array.from([...rest].filter((byte) => byte !== 0x0d))]);
  }),
];

const INDEXES: readonly Fault[] = [
  index("index one beyond", 8, 0, 1),
  index("index one beyond, with NULLs", 8, -2, 3),
  index("index far beyond", 24, 0, 0xffffff),
  index("32-bit index 0xFFFFFFFF, which must not pass for NULL", 32, 0, 0xffffffff),
  index("32-bit index 0xFFFFFFFF with bias -2", 32, -2, 0xffffffff),
  index("32-bit index 0x80000000", 32, 0, 0x80000000),
  index("32-bit index 0xFFFFFFFF at an odd bit", 32, 0, 0xffffffff, 5),
  index("32-bit index 0x80000001 at an odd bit with bias -2", 32, -2, 0x80000001, 3),
  index("bias that points beyond the symbols", 8, 1, 0),
  index("bias that takes an index beyond int32", 32, 2 ** 31 - 3, 0xffffffff),
  bytes("QVD_INDEX", "rows, but no symbol and no NULL", () =>
    rawQvd({
      fields: [{ name: "Only", symbols: [], bitOffset: 0, bitWidth: 0 }],
      rows: 3,
      recordBytes: 1,
      records: new Uint8Array(3),
    }),
  ),
];

/** `count` fields of no symbols, as short as the reader takes them; the last one has no NULLs either. */
function emptyFields(count: number): string {
  const one = (name: string, value: number) => `<${name}>${value}</${name}>`;
  const rest = ["BitOffset", "BitWidth", "NoOfSymbols", "Offset", "Length"].map((name) => one(name, 0)).join("");
  return Array.from({ length: count }, (_, i) => {
    const bias = one("Bias", i === count - 1 ? 0 : -2);
    return `<QvdFieldHeader><FieldName>f${i}</FieldName>${bias}${rest}</QvdFieldHeader>`;
  }).join("");
}

const replaced = (from: string, to: () => string) => () => editHeader(goodQvd(), (xml) => xml.replace(from, to));

/** As much as the limits let through, and then a fault: what costs most to refuse. */
const COSTLY: readonly Fault[] = [
  bytes(
    "QVD_INDEX",
    "fields up to the limit, the last one without its symbols",
    replaced("</Fields>", () => `${emptyFields(MAX_FIELDS - 3)}</Fields>`),
  ),
  bytes(
    "QVD_COMPRESSED",
    "elements up to the limit, each with a text of its own",
    replaced("<Compression>", () => {
      const texts = Array.from({ length: MAX_XML_ELEMENTS - 100 }, (_, i) => `<b>\u00e9${i % 10_000}</b>`);
      return `${texts.join("")}<Compression>zip`;
    }),
  ),
  bytes(
    "QVD_XML",
    "an attribute of sixteen million characters",
    replaced("<Fields>", () => `<Fields a="${"x".repeat(16_000_000)}" b>`),
  ),
  bytes(
    "QVD_XML",
    "a tag name of sixteen million characters",
    replaced("<Fields>", () => `<${"x".repeat(16_000_000)}>`),
  ),
  bytes("QVD_RANGE", "a field name of ten million characters", () =>
    editHeader(goodQvd(), (xml) =>
      xml.replace(/(<Length>)\d+/, "$1999999").replace("Alpha", () => "x".repeat(10_000_000)),
    ),
  ),
];

/** Every fault, each with a name of its own. */
export const FAULTS: readonly Fault[] = [
  ...NOT_A_QVD,
  ...HEADER_END,
  ...XML,
  ...HEADER,
  ...RANGES,
  ...BITS,
  ...SYMBOLS,
  ...INDEXES,
  ...COSTLY,
];
