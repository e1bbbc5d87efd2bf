import { needs } from "../errors.ts";
import { contextOf, placeOf } from "../seal/check-parts.ts";
import type { SealedItem } from "../seal/manifest.ts";
import { readMessage } from "../seal/message-stream.ts";
import type { RegionHead } from "../seal/region.ts";
import type { ByteSource } from "../source/source.ts";

/**
 * A whole sealed part, every chunk of it authenticated before anything is given.
 * @throws `SEAL_DAMAGED`
 */
export async function wholePart(
  source: ByteSource,
  head: RegionHead,
  item: SealedItem,
  part: number,
  dek: Uint8Array,
): Promise<Uint8Array> {
  const sealed = item.parts[part];
  needs(sealed !== undefined, "SEAL_DAMAGED", "a sealed item has too few parts", { part: "manifest" });
  const pieces: Uint8Array[] = [];
  await readMessage(source, placeOf(head, item, sealed), dek, contextOf(head, item, sealed), (piece) => {
    pieces.push(new Uint8Array(piece));
  });
  const all = new Uint8Array(pieces.reduce((n, piece) => n + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.byteLength;
    piece.fill(0);
  }
  return all;
}
