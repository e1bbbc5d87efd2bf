import { planBits } from "../container/qvd/bits.ts";
import type { QvdHeader } from "../container/qvd/header.ts";
import { editedHeader, type TablePlace } from "../container/qvd/header-build.ts";
import { branch, type HeaderNode, leaf, withTexts } from "../container/qvd/header-tree.ts";
import { headerBytes, placeTable } from "../container/qvd/writer.ts";
import { AS_ADMIN_NOTE, isAdminMade } from "../table/admin-note.ts";

/** What stands in a table's `Comment` (or, in closed files, in `EncryptionInfo`) and tells that there is a seal. */
export const SEAL_MARK = "qvault seal/1";

/** A field of the header to be written: what a plain reader shall think of it. */
export interface OuterField {
  readonly symbolCount: number;
  readonly symbolBytes: number;
  readonly nullable: boolean;
  /** Slot names, for the comment of a sealed field; undefined for a field that stays. */
  readonly sealedFor: readonly string[] | undefined;
}

export interface OuterHeader {
  readonly mode: "open" | "closed";
  readonly fields: readonly OuterField[];
  readonly dropLineage: boolean;
  readonly dropComment: boolean;
}

/** The layout of the sealed file without its region: sealed fields are as narrow as what stands in their place. */
export function placeOuter(
  header: QvdHeader,
  outer: OuterHeader,
): TablePlace & { readonly bits: ReturnType<typeof planBits> } {
  const rows = outer.mode === "closed" ? 0 : header.noOfRecords;
  const bits = planBits(outer.fields, rows);
  const sizes = outer.fields.map((f) => ({ count: f.symbolCount, byteLength: f.symbolBytes }));
  return { ...placeTable(bits, sizes, rows), bits };
}

/**
 * The header of a sealed file: the elements that were read, with the sealed fields' formats, tags and comments gone and
 * the row table moved behind a region of `regionLength` bytes.
 */
export function outerHeader(
  header: QvdHeader,
  outer: OuterHeader,
  place: TablePlace,
  regionLength: number,
): Uint8Array {
  const ordinals = header.fields.map((_, ordinal) => ordinal);
  const edited = editedHeader(header, ordinals, { ...place, offset: place.offset + regionLength });
  const children = (edited.children ?? []).map((node) => {
    if (node.name === "Fields")
      return { ...node, children: (node.children ?? []).map((f, i) => outerFieldNode(f, outer.fields[i]!)) };
    if (node.name === "Lineage" && outer.dropLineage) return leaf("Lineage", "");
    return node;
  });
  // That section access was not applied is for whoever meets the file, with a key or without.
  const kept = !outer.dropComment ? header.comment : isAdminMade(header.comment) ? AS_ADMIN_NOTE : "";
  const comment = kept === "" ? SEAL_MARK : `${SEAL_MARK} ${kept}`;
  const marked = withElement({ ...edited, children }, "Comment", comment);
  const all = outer.mode === "closed" ? withElement(marked, "EncryptionInfo", SEAL_MARK) : marked;
  return headerBytes(all, header);
}

function outerFieldNode(node: HeaderNode, field: OuterField): HeaderNode {
  if (field.sealedFor === undefined) return node;
  const format = ["Type", "nDec", "UseThou", "Fmt", "Dec", "Thou"];
  const plain = format.map((name) =>
    leaf(name, name === "Type" ? "UNKNOWN" : name === "nDec" || name === "UseThou" ? 0 : ""),
  );
  const children = (node.children ?? []).map((c) => {
    if (c.name === "NumberFormat") return branch("NumberFormat", plain);
    return c.name === "Tags" ? leaf("Tags", "") : c;
  });
  return withElement({ ...node, children }, "Comment", `sealed for ${field.sealedFor.join(", ")}`);
}

/** `node` with that text in the child of that name, which is added last if there is none (old builds have no Comment). */
function withElement(node: HeaderNode, name: string, text: string): HeaderNode {
  if (node.children?.some((c) => c.name === name)) return withTexts(node, new Map([[name, text]]));
  return { ...node, children: [...(node.children ?? []), leaf(name, text)] };
}
