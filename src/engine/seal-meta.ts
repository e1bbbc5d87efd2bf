import { encodeUtf8 } from "../bytes/utf8.ts";
import { fieldHeader, type QvdFieldHeader, type QvdHeader } from "../container/qvd/header.ts";
import { parseXml, type XmlElement } from "../container/qvd/xml.ts";
import { needs } from "../errors.ts";
import { MAX_ROWS, MAX_SYMBOL_BYTES } from "../limits.ts";
import { binary, fields, integer, string } from "../seal/manifest.ts";
import { packPadded, unpackMessage } from "../seal/msgpack.ts";

/** What is said of a sealed field, itself sealed: everything that a plain header says of it and may give it away. */
export interface SealedMeta {
  readonly rows: number;
  /** Bytes of the symbol table; the sealed part is padded beyond it. */
  readonly symbolBytes: number;
  /** Bytes of one index, 0 to 4: the index part is an index table of this one field. */
  readonly indexBytes: number;
  readonly field: QvdFieldHeader;
  /** The field's element of the original header. */
  readonly element: XmlElement;
  /** `Lineage` and `Comment` elements of the original header, where they were taken out of it. */
  readonly lineage: XmlElement | undefined;
  readonly comment: XmlElement | undefined;
  /** Key of the tokens that stand in the field's place; whoever can open it can compute the token of a value. */
  readonly tokenKey: Uint8Array | undefined;
}

export interface MetaSource {
  readonly header: QvdHeader;
  readonly ordinal: number;
  readonly indexBytes: number;
  /** Take along what was removed from the header as a whole. */
  readonly lineage: boolean;
  readonly comment: boolean;
  readonly tokenKey: Uint8Array | undefined;
}

export function encodeMeta(source: MetaSource): Uint8Array {
  const { header, ordinal } = source;
  const list = header.tree.children.find((c) => c.name === "Fields");
  return packPadded({
    rows: header.noOfRecords,
    bytes: header.fields[ordinal]!.length,
    width: source.indexBytes,
    field: xmlOf(header, list!.children[ordinal]!),
    lineage:
      (source.lineage &&
        xmlOf(
          header,
          header.tree.children.find((c) => c.name === "Lineage"),
        )) ||
      null,
    comment:
      (source.comment &&
        xmlOf(
          header,
          header.tree.children.find((c) => c.name === "Comment"),
        )) ||
      null,
    token: source.tokenKey ?? null,
  });
}

/**
 * Reads what {@link encodeMeta} made. It was authenticated before, so anything wrong here was sealed so.
 * @throws `SEAL_DAMAGED`, `QVD_XML`, `QVD_HEADER`
 */
export function decodeMeta(bytes: Uint8Array): SealedMeta {
  const map = fields(unpackMessage(bytes, "sealed meta"));
  const element = parseXml(encodeUtf8(string(map.field)));
  const field = fieldHeader(element);
  const meta = {
    rows: integer(map.rows, MAX_ROWS),
    symbolBytes: integer(map.bytes, MAX_SYMBOL_BYTES),
    indexBytes: integer(map.width, 4),
    field,
    element,
    lineage: map.lineage === null ? undefined : parseXml(encodeUtf8(string(map.lineage))),
    comment: map.comment === null ? undefined : parseXml(encodeUtf8(string(map.comment))),
    tokenKey: map.token === null ? undefined : binary(map.token, 32),
  };
  needs(meta.symbolBytes === field.length, "SEAL_DAMAGED", "sealed meta: the symbol table has another length", {
    part: "sealed meta",
  });
  return meta;
}

function xmlOf(header: QvdHeader, element: XmlElement | undefined): string {
  return element ? new TextDecoder().decode(header.bytes.subarray(element.start, element.end)) : "";
}
