import type { FieldBits } from "./bits.ts";
import type { Lineage, QvdHeader, QvdNumberFormat } from "./header.ts";
import { branch, child, type HeaderNode, leaf, withTexts } from "./header-tree.ts";
import type { XmlElement } from "./xml.ts";

/** What a new file says of one field, apart from where its bytes lie. */
export interface FieldDescription {
  readonly name: string;
  readonly numberFormat: QvdNumberFormat;
  readonly comment: string;
  readonly tags: readonly string[];
}

/** What a new file says of its table. */
export interface TableDescription {
  readonly name: string;
  readonly comment: string;
  readonly creatorDoc: string;
  readonly createdUtc: Date;
  readonly lineage: readonly Lineage[];
}

/** The counts and places of one field in the file to be written. */
export interface FieldPlace extends FieldBits {
  readonly noOfSymbols: number;
  readonly offset: number;
  readonly length: number;
}

/** The counts and places of a whole table. */
export interface TablePlace {
  readonly fields: readonly FieldPlace[];
  readonly recordByteSize: number;
  readonly noOfRecords: number;
  readonly offset: number;
  readonly length: number;
}

/** The newest engine build seen, whose header form new files take (format notes 1.2). */
const BUILD_OF_THE_FORM = 50689;

/** The header of a new file: elements in the order and form of Qlik's newest builds. */
export function newHeader(table: TableDescription, fields: readonly FieldDescription[], place: TablePlace): HeaderNode {
  return branch("QvdTableHeader", [
    leaf("QvBuildNo", BUILD_OF_THE_FORM),
    leaf("CreatorDoc", table.creatorDoc),
    leaf("CreateUtcTime", table.createdUtc.toISOString().slice(0, 19).replace("T", " ")),
    leaf("SourceCreateUtcTime", ""),
    leaf("SourceFileUtcTime", ""),
    leaf("SourceFileSize", -1),
    leaf("StaleUtcTime", ""),
    leaf("TableName", table.name),
    branch(
      "Fields",
      fields.map((field, i) => fieldNode(field, place.fields[i]!)),
    ),
    leaf("Compression", ""),
    leaf("RecordByteSize", place.recordByteSize),
    leaf("NoOfRecords", place.noOfRecords),
    leaf("Offset", place.offset),
    leaf("Length", place.length),
    branch("Lineage", table.lineage.map(lineageNode)),
    leaf("Comment", table.comment),
    leaf("EncryptionInfo", ""),
    leaf("TableTags", ""),
    leaf("ProfilingData", ""),
  ]);
}

function lineageNode(info: Lineage): HeaderNode {
  return branch("LineageInfo", [leaf("Discriminator", info.discriminator), leaf("Statement", info.statement)]);
}

function fieldNode(field: FieldDescription, place: FieldPlace): HeaderNode {
  const format = field.numberFormat;
  return branch("QvdFieldHeader", [
    leaf("FieldName", field.name),
    leaf("BitOffset", place.bitOffset),
    leaf("BitWidth", place.bitWidth),
    leaf("Bias", place.bias),
    branch("NumberFormat", [
      leaf("Type", format.type),
      leaf("nDec", format.nDec),
      leaf("UseThou", format.useThou),
      leaf("Fmt", format.fmt),
      leaf("Dec", format.dec),
      leaf("Thou", format.thou),
    ]),
    leaf("NoOfSymbols", place.noOfSymbols),
    leaf("Offset", place.offset),
    leaf("Length", place.length),
    leaf("Comment", field.comment),
    branch(
      "Tags",
      field.tags.map((tag) => leaf("String", tag)),
    ),
  ]);
}

/**
 * The header of a file made from another: the elements that were read, unknown ones included, with new counts and
 * places, and only the fields named.
 * @param ordinals the fields kept, in their new order; `place.fields` goes with it
 */
export function editedHeader(header: QvdHeader, ordinals: readonly number[], place: TablePlace): HeaderNode {
  const fields = header.tree.children.find((c) => c.name === "Fields") as XmlElement;
  const kept = ordinals.map((ordinal, i) => withNumbers(fields.children[ordinal]!, fieldNumbers(place.fields[i]!)));
  const { recordByteSize, noOfRecords, offset, length } = place;
  const root = withNumbers(header.tree, {
    RecordByteSize: recordByteSize,
    NoOfRecords: noOfRecords,
    Offset: offset,
    Length: length,
  });
  return { ...root, children: root.children!.map((c) => (c.name === "Fields" ? { ...c, children: kept } : c)) };
}

function fieldNumbers(place: FieldPlace): Readonly<Record<string, number>> {
  return {
    BitOffset: place.bitOffset,
    BitWidth: place.bitWidth,
    Bias: place.bias,
    NoOfSymbols: place.noOfSymbols,
    Offset: place.offset,
    Length: place.length,
  };
}

/** `element` with these numbers; one that is there already keeps its form, which other tools may have padded with zeros. */
function withNumbers(element: XmlElement, numbers: Readonly<Record<string, number>>): HeaderNode {
  const texts = new Map<string, string>();
  for (const [name, number] of Object.entries(numbers)) {
    if (Number(child(element, name)?.text) !== number) texts.set(name, String(number));
  }
  return withTexts(element, texts);
}
