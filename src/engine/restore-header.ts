import { planBits } from "../container/qvd/bits.ts";
import { parseHeader, type QvdFieldHeader, type QvdHeader } from "../container/qvd/header.ts";
import { editedHeader } from "../container/qvd/header-build.ts";
import { type HeaderNode, leaf, renderHeader } from "../container/qvd/header-tree.ts";
import { planLayout } from "../container/qvd/layout.ts";
import { placeTable } from "../container/qvd/writer.ts";
import { needs } from "../errors.ts";
import { SEAL_MARK } from "./seal-header.ts";
import type { SealedMeta } from "./seal-meta.ts";

/**
 * Holds the header that was sealed to what the file has: its layout to the rules of a plain one, its fields to the plain
 * fields of the outer header and to the metas of the sealed ones. All of it is genuine, but the writer may be nobody's friend.
 * @throws `SEAL_DAMAGED`, and what {@link planLayout} throws
 */
export function checkOriginal(
  original: QvdHeader,
  outer: QvdHeader,
  open: ReadonlyMap<number, { readonly meta: SealedMeta }>,
): void {
  planLayout(original, Number.MAX_SAFE_INTEGER);
  const fits =
    original.fields.length === outer.fields.length &&
    original.fields.every((field, ordinal) => {
      const sealed = open.get(ordinal)?.meta.field;
      return sealed ? sameField(field, sealed) : samePlainField(field, outer.fields[ordinal]!);
    }) &&
    (open.size === outer.fields.length || original.noOfRecords === outer.noOfRecords);
  needs(fits, "SEAL_DAMAGED", "the sealed original header is not that of the fields in the file", {
    part: "sealed original header",
  });
}

function sameField(a: QvdFieldHeader, b: QvdFieldHeader): boolean {
  const numbers = ["bitOffset", "bitWidth", "bias", "noOfSymbols", "offset", "length"] as const;
  return a.name === b.name && numbers.every((number) => a[number] === b[number]);
}

/** Bits, offsets and bias are laid out anew around a plain field. */
function samePlainField(a: QvdFieldHeader, b: QvdFieldHeader): boolean {
  return a.name === b.name && a.noOfSymbols === b.noOfSymbols && a.length === b.length;
}

/**
 * The header of the table that the opened slots show: their fields as they were sealed, the others as the outer header
 * has them, laid out anew. Lineage and comment come back with the first field of each slot.
 */
export function restoredHeader(
  outer: QvdHeader,
  mode: "open" | "closed",
  open: ReadonlyMap<number, { readonly meta: SealedMeta }>,
): QvdHeader {
  const metas = [...open.values()].map((o) => o.meta);
  const rows = mode === "closed" ? (metas[0]?.rows ?? 0) : outer.noOfRecords;
  for (const meta of metas)
    needs(meta.rows === rows, "SEAL_DAMAGED", "a sealed field has another number of rows than the table");
  const shape = outer.fields.map((f, ordinal) => {
    const field = open.get(ordinal)?.meta.field;
    if (field) return { symbolCount: field.noOfSymbols, nullable: field.bias < 0, bytes: field.length };
    if (mode === "closed") return { symbolCount: 0, nullable: true, bytes: 0 };
    return { symbolCount: f.noOfSymbols, nullable: f.bias < 0, bytes: f.length };
  });
  const place = placeTable(
    planBits(shape, rows),
    shape.map((s) => ({ count: s.symbolCount, byteLength: s.bytes })),
    rows,
  );
  const lineage = metas.find((m) => m.lineage)?.lineage;
  const comment = metas.find((m) => m.comment)?.comment;
  const children = outer.tree.children.map((node) => {
    if (node.name === "Fields")
      return { ...node, children: node.children.map((f, ordinal) => open.get(ordinal)?.meta.element ?? f) };
    if (node.name === "Lineage" && lineage) return lineage;
    if (node.name === "Comment") return comment ?? leafElement("Comment", withoutMark(outer.comment));
    if (node.name === "EncryptionInfo" && mode === "closed") return leafElement("EncryptionInfo", "");
    return node;
  });
  const edited = editedHeader({ ...outer, tree: { ...outer.tree, children } }, [...outer.fields.keys()], place);
  return parseHeader(renderHeader(edited, outer.bytes.includes(0x0d) ? "\r\n" : "\n"));
}

function leafElement(
  name: string,
  text: string,
): HeaderNode & {
  readonly name: string;
  readonly attributes: string;
  readonly children: readonly [];
  readonly text: string;
  readonly start: number;
  readonly end: number;
} {
  return { ...leaf(name, text), attributes: "", children: [], text, start: 0, end: 0 };
}

function withoutMark(comment: string): string {
  if (!comment.startsWith(SEAL_MARK)) return comment;
  const rest = comment.slice(SEAL_MARK.length);
  return rest.startsWith(" ") ? rest.slice(1) : rest;
}
