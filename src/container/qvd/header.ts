import { needs, QErr } from "../../errors.ts";
import { MAX_FIELDS, MAX_RECORD_BYTES, MAX_ROWS, MAX_SYMBOLS } from "../../limits.ts";
import { parseXml, type XmlElement } from "./xml.ts";

/** `NumberFormat` of a field header, every member as written. */
export interface QvdNumberFormat {
  readonly type: string;
  readonly nDec: number;
  readonly useThou: number;
  readonly fmt: string;
  readonly dec: string;
  readonly thou: string;
}

/** One `QvdFieldHeader` (SPEC 3.2). Offsets and lengths are bytes from the body base; bits count from the record. */
export interface QvdFieldHeader {
  readonly name: string;
  readonly bitOffset: number;
  readonly bitWidth: number;
  readonly bias: number;
  readonly numberFormat: QvdNumberFormat;
  readonly noOfSymbols: number;
  readonly offset: number;
  readonly length: number;
  readonly comment: string;
  readonly tags: readonly string[];
}

/** Where a table came from: a connection or file, and the statement that read it. */
export interface Lineage {
  readonly discriminator: string;
  readonly statement: string;
}

/** `QvdTableHeader` (SPEC 3.1). Elements that a build does not write are empty here and absent in {@link tree}. */
export interface QvdHeader {
  readonly buildNo: string;
  readonly creatorDoc: string;
  readonly createUtcTime: string;
  readonly tableName: string;
  readonly fields: readonly QvdFieldHeader[];
  /** Empty in every real file; anything else is refused when data is read. */
  readonly compression: string;
  /** Empty unless Qlik encrypted the data; then header-only reading works and data is refused. */
  readonly encryptionInfo: string;
  readonly recordByteSize: number;
  readonly noOfRecords: number;
  /** Offset of the index table from the body base. */
  readonly offset: number;
  readonly length: number;
  readonly lineage: readonly Lineage[];
  readonly comment: string;
  /** The elements as read, unknown ones included. */
  readonly tree: XmlElement;
  /** The exact bytes as read, from the first to the closing NUL. Their count is the body base in the file. */
  readonly bytes: Uint8Array;
}

export interface HeaderOptions {
  /** Accept the malformations that SAP extracts are said to have (format notes 1.2). */
  readonly lenient?: boolean | undefined;
}

const KNOWN_NAMES: ReadonlySet<string> = new Set(
  (
    "QvdTableHeader QvBuildNo CreatorDoc CreateUtcTime SourceCreateUtcTime SourceFileUtcTime SourceFileSize " +
    "StaleUtcTime TableName Fields QvdFieldHeader FieldName BitOffset BitWidth Bias NumberFormat Type nDec UseThou " +
    "Fmt Dec Thou NoOfSymbols Offset Length Comment Tags String Compression RecordByteSize NoOfRecords Lineage " +
    "LineageInfo Discriminator Statement EncryptionInfo TableTags ProfilingData"
  ).split(" "),
);

/**
 * Reads the header of a QVD.
 * @param bytes from the first byte of the file to the first NUL, NUL included
 * @throws `QVD_XML` if it is not well formed, `QVD_HEADER` if an element is missing or out of its range
 */
export function parseHeader(bytes: Uint8Array, options: HeaderOptions = {}): QvdHeader {
  const xml = bytes.subarray(0, bytes.byteLength - 1);
  const tree = parseXml(xml, { lenientNames: options.lenient ? KNOWN_NAMES : undefined });
  needs(tree.name === "QvdTableHeader", "QVD_HEADER", "header: the root element is not QvdTableHeader", {
    part: "header",
    offset: tree.start,
  });
  const fieldElements = required(tree, "Fields").children;
  needs(fieldElements.length <= MAX_FIELDS, "LIMIT_EXCEEDED", `header: over ${MAX_FIELDS} fields`, { part: "header" });
  return {
    buildNo: text(tree, "QvBuildNo"),
    creatorDoc: text(tree, "CreatorDoc"),
    createUtcTime: text(tree, "CreateUtcTime"),
    tableName: required(tree, "TableName").text,
    fields: fieldElements.map(fieldHeader),
    compression: content(tree, "Compression"),
    encryptionInfo: content(tree, "EncryptionInfo"),
    recordByteSize: integer(tree, "RecordByteSize", 0, MAX_RECORD_BYTES),
    noOfRecords: integer(tree, "NoOfRecords", 0, MAX_ROWS),
    offset: integer(tree, "Offset", 0, Number.MAX_SAFE_INTEGER),
    length: integer(tree, "Length", 0, Number.MAX_SAFE_INTEGER),
    lineage: (only(tree, "Lineage")?.children ?? []).map((info) => ({
      discriminator: text(info, "Discriminator"),
      statement: text(info, "Statement"),
    })),
    comment: text(tree, "Comment"),
    tree,
    bytes,
  };
}

/** Reads one `QvdFieldHeader`. Errors as {@link parseHeader}. */
export function fieldHeader(element: XmlElement): QvdFieldHeader {
  needs(element.name === "QvdFieldHeader", "QVD_HEADER", "header: Fields holds something that is no QvdFieldHeader", {
    part: "header",
    offset: element.start,
  });
  const format = only(element, "NumberFormat");
  return {
    name: required(element, "FieldName").text,
    bitOffset: integer(element, "BitOffset", 0, MAX_RECORD_BYTES * 8),
    bitWidth: integer(element, "BitWidth", 0, MAX_RECORD_BYTES * 8),
    bias: integer(element, "Bias", -2, MAX_SYMBOLS),
    numberFormat: {
      type: format ? text(format, "Type") : "UNKNOWN",
      nDec: format ? integer(format, "nDec", 0, 1_000_000, 0) : 0,
      useThou: format ? integer(format, "UseThou", 0, 1, 0) : 0,
      fmt: format ? text(format, "Fmt") : "",
      dec: format ? text(format, "Dec") : "",
      thou: format ? text(format, "Thou") : "",
    },
    noOfSymbols: integer(element, "NoOfSymbols", 0, MAX_SYMBOLS),
    offset: integer(element, "Offset", 0, Number.MAX_SAFE_INTEGER),
    length: integer(element, "Length", 0, Number.MAX_SAFE_INTEGER),
    comment: text(element, "Comment"),
    tags: (only(element, "Tags")?.children ?? []).map((tag) => tag.text),
  };
}

/** The child of that name; two of them, of which readers could take either, are refused. */
function only(parent: XmlElement, name: string): XmlElement | undefined {
  const [found, second] = parent.children.filter((c) => c.name === name);
  if (second === undefined) return found;
  throw new QErr("QVD_HEADER", `header: ${parent.name} has ${name} twice`, { part: "header", offset: second.start });
}

function text(parent: XmlElement, name: string): string {
  return only(parent, name)?.text ?? "";
}

/** Text or, for an element that should be empty and has children, their names. */
function content(parent: XmlElement, name: string): string {
  const element = only(parent, name);
  if (element === undefined || element.children.length === 0) return element?.text ?? "";
  return element.children.map((c) => c.name).join(" ");
}

function required(parent: XmlElement, name: string): XmlElement {
  const found = only(parent, name);
  if (found) return found;
  throw new QErr("QVD_HEADER", `header: ${parent.name} has no ${name}`, { part: "header", offset: parent.start });
}

/** A decimal integer between `min` and `max`, and no -0, which could not be written back; `fallback`, if given, stands for an absent or empty element. */
function integer(parent: XmlElement, name: string, min: number, max: number, fallback?: number): number {
  const element = fallback === undefined ? required(parent, name) : only(parent, name);
  if (fallback !== undefined && (element === undefined || element.text === "")) return fallback;
  const value = /^(?!-0+$)-?\d{1,16}$/.test(element!.text) ? Number(element!.text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new QErr("QVD_HEADER", `header: ${name} is not an integer from ${min} to ${max}`, {
    part: "header",
    offset: element!.start,
  });
}
