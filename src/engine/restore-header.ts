import { planBits } from "../container/qvd/bits.ts";
import { parseHeader, type QvdHeader } from "../container/qvd/header.ts";
import { editedHeader } from "../container/qvd/header-build.ts";
import { type HeaderNode, leaf, renderHeader } from "../container/qvd/header-tree.ts";
import { placeTable } from "../container/qvd/writer.ts";
import { needs } from "../errors.ts";
import { SEAL_MARK } from "./seal-header.ts";
import type { SealedMeta } from "./seal-meta.ts";

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
