import { createHash } from "node:crypto";
import { concat } from "../../src/bytes/concat.ts";
import { packMessage } from "../../src/seal/msgpack.ts";
import { PREFIX_BYTES, type RegionHead } from "../../src/seal/region.ts";

export interface HeadParts {
  prefix: Uint8Array;
  manifest: Uint8Array;
  keys: Uint8Array;
  proofs: Uint8Array;
}

/** A file with another head, its checksum made to fit: what somebody does who can compute, but has no key. */
export function withHead(file: Uint8Array, head: RegionHead, change: (parts: HeadParts) => void): Uint8Array {
  const at = head.offset + PREFIX_BYTES;
  const keysAt = at + head.manifestBytes.byteLength;
  const proofsAt = keysAt + head.keyArea.byteLength;
  const sumAt = head.offset + head.headLength - 32;
  const parts = {
    prefix: file.slice(head.offset, at),
    manifest: file.slice(at, keysAt),
    keys: file.slice(keysAt, proofsAt),
    proofs: file.slice(proofsAt, sumAt),
  };
  change(parts);
  const body = concat([parts.prefix, parts.manifest, parts.keys, parts.proofs]);
  const sum = new Uint8Array(createHash("sha256").update(body).digest());
  return concat([file.subarray(0, head.offset), body, sum, file.subarray(head.offset + head.headLength)]);
}

/** A key area of this length with these entries. */
export function keyAreaOf(entries: readonly Uint8Array[], length: number): Uint8Array {
  const packed = packMessage(entries);
  const all = new Uint8Array(length);
  new DataView(all.buffer).setUint32(0, packed.byteLength, true);
  all.set(packed, 4);
  return all;
}
