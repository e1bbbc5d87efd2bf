import { equalBytes } from "../bytes/concat.ts";
import type { QvdHeader } from "../container/qvd/header.ts";
import { readHeader } from "../container/qvd/open.ts";
import { needs, QErr } from "../errors.ts";
import { checkTiling } from "../seal/check-parts.ts";
import { MAGIC, PREFIX_BYTES, type RegionHead, readRegionHead } from "../seal/region.ts";
import type { ByteSource } from "../source/source.ts";
import { SEAL_MARK } from "./seal-header.ts";

/** A sealed QVD before any key: its outer header, and the head of its region, checked for damage. */
export interface SealedQvdHead {
  readonly header: QvdHeader;
  readonly region: RegionHead;
}

/** Where the region must be by the header's word: between the last symbol table and the row table. */
function gapOf(header: QvdHeader): { readonly offset: number; readonly length: number } {
  const base = header.bytes.byteLength;
  const end = header.fields.reduce((most, f) => Math.max(most, f.length > 0 ? f.offset + f.length : 0), 0);
  return { offset: base + end, length: header.offset - end };
}

function hasMark(header: QvdHeader): boolean {
  return header.comment.startsWith(SEAL_MARK) || header.encryptionInfo.startsWith(SEAL_MARK);
}

/** True if this QVD is sealed, or says so. Reads eight bytes at the most. */
export async function isSealed(source: ByteSource, header: QvdHeader): Promise<boolean> {
  if (hasMark(header)) return true;
  const { offset, length } = gapOf(header);
  if (length < PREFIX_BYTES || offset + MAGIC.byteLength > source.size) return false;
  return equalBytes(await source.read(offset, MAGIC.byteLength), MAGIC);
}

/**
 * Reads what can be known of a sealed QVD without a key, and checks that its parts fill the file.
 * @throws `SEAL_ABSENT` if it is not sealed; `SEAL_STRIPPED` if it says it is, and its region is gone; `SEAL_TRUNCATED`,
 *   `SEAL_DAMAGED`, `SEAL_VERSION`, and what reading a header throws
 */
export async function readSealedHead(source: ByteSource): Promise<SealedQvdHead> {
  const header = await readHeader(source);
  const { offset, length } = gapOf(header);
  const marked = hasMark(header);
  if (!(await isSealed(source, header)))
    throw new QErr("SEAL_ABSENT", `${source.name} is not sealed`, { hint: "open it without a key" });
  needs(length > 0 || !marked, "SEAL_STRIPPED", "the file says that fields are sealed, and their data is gone", {
    part: "seal region",
    hint: "it was loaded and stored again by a program that does not know the seal; restore the sealed original",
  });
  needs(length >= PREFIX_BYTES, "SEAL_DAMAGED", "the header leaves no room for the seal region", { part: "header" });
  needs(
    offset + length <= source.size,
    "SEAL_TRUNCATED",
    `the file ends at byte ${source.size}, inside or before its seal region`,
    {
      part: "seal region",
      offset: source.size,
      hint: "fetch the file again: its end is missing",
    },
  );
  const region = await readRegionHead(source, offset, length);
  needs(region.manifest.container === "qvd", "SEAL_DAMAGED", "the seal region belongs to another kind of file", {
    part: "seal region",
    offset,
  });
  checkTiling(region, source.size);
  return { header, region };
}
