import { createHash } from "node:crypto";
import { concat, equalBytes } from "../bytes/concat.ts";
import { cursor, readBytes, readU16, readU32, readU64, remaining } from "../bytes/cursor.ts";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { byteWriter, writeBytes, writeU16, writeU32, writeU64, written } from "../bytes/writer.ts";
import { needs, QErr } from "../errors.ts";
import { MAX_KEYS_BYTES, MAX_MANIFEST_BYTES, MAX_PROOF_BYTES } from "../limits.ts";
import type { ByteSource } from "../source/source.ts";
import { binary, decodeManifest, list, type Manifest } from "./manifest.ts";
import { unpackMessage } from "./msgpack.ts";
import { decodeSlotEntry, type SlotEntry } from "./slot-entry.ts";
import { MAC_BYTES, SEAL_VERSION, SUITE } from "./suite.ts";

/**
 * The region between the symbol tables and the row table (SPEC 6.5), little endian:
 *
 *      0  8   "QSEAL1\r\n"
 *      8  u32 version    12 u32 suite    16 u64 region length
 *     24  u32 manifest length    28 u32 key area length    32 u32 proof length    36 u32 zero
 *     40  manifest | key area: u32 used, entries, zeros | proofs | SHA-256 of all before it | sealed parts
 */
export const PREFIX_BYTES = 40;
export const MAGIC = encodeUtf8("QSEAL1\r\n");
const CHECKSUM_BYTES = 32;

/** Macs in slot order, the signature (a detached JWS, or empty), and the MAC over everything before. */
export interface Proofs {
  readonly macs: readonly Uint8Array[];
  readonly signature: string;
  readonly fileMac: Uint8Array;
}

/** The head of a region with the exact bytes that its MACs are over. */
export interface RegionHead {
  readonly prefix: Uint8Array;
  readonly manifestBytes: Uint8Array;
  readonly manifest: Manifest;
  /** The whole key area with its padding. */
  readonly keyArea: Uint8Array;
  /** The bytes of each slot's entry. */
  readonly entryBytes: readonly Uint8Array[];
  readonly entries: readonly SlotEntry[];
  readonly proofs: Proofs;
  /** Where the region begins in the file. */
  readonly offset: number;
  /** Bytes from there to the first sealed part. */
  readonly headLength: number;
  readonly regionLength: number;
}

export interface RegionSizes {
  readonly regionLength: number;
  readonly manifestLength: number;
  readonly keyAreaLength: number;
  readonly proofLength: number;
}

export function headLength(sizes: Omit<RegionSizes, "regionLength">): number {
  return PREFIX_BYTES + sizes.manifestLength + sizes.keyAreaLength + sizes.proofLength + CHECKSUM_BYTES;
}

export function proofLength(slots: number, signatureLength: number): number {
  return slots * MAC_BYTES + 2 + signatureLength + MAC_BYTES;
}

export function encodePrefix(sizes: RegionSizes): Uint8Array {
  const w = byteWriter(PREFIX_BYTES);
  writeBytes(w, MAGIC);
  writeU32(w, SEAL_VERSION);
  writeU32(w, SUITE);
  writeU64(w, sizes.regionLength);
  writeU32(w, sizes.manifestLength);
  writeU32(w, sizes.keyAreaLength);
  writeU32(w, sizes.proofLength);
  writeU32(w, 0);
  return written(w);
}

/** The entries as a MessagePack array of byte strings, behind their length and before zeros up to `length`. */
export function fillKeyArea(packed: Uint8Array, length: number): Uint8Array {
  needs(
    packed.byteLength + 4 <= length,
    "SEAL_KEYS_FULL",
    `the keys need ${packed.byteLength + 4} bytes, the file has room for ${length}`,
    {
      part: "slot keys",
      hint: "remove a recipient, or reseal the file, which makes new room",
    },
  );
  const area = new Uint8Array(length);
  new DataView(area.buffer).setUint32(0, packed.byteLength, true);
  area.set(packed, 4);
  return area;
}

/** What the file MAC is over, but for its name: proofs without the MAC itself. */
export function proofBytes(macs: readonly Uint8Array[], signature: string): Uint8Array {
  const w = byteWriter();
  for (const mac of macs) writeBytes(w, mac);
  const text = encodeUtf8(signature);
  writeU16(w, text.byteLength);
  writeBytes(w, text);
  return written(w);
}

/** The head, complete with its checksum. */
export function assembleHead(
  prefix: Uint8Array,
  manifest: Uint8Array,
  keyArea: Uint8Array,
  proofs: Uint8Array,
): Uint8Array {
  const pieces = [prefix, manifest, keyArea, proofs];
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return concat([...pieces, new Uint8Array(hash.digest())]);
}

/**
 * Reads the head of the region that fills `[offset, offset + length)`. The checksum, which anybody can compute, tells
 * damage from a key that does not fit; whether the file is genuine is for the MACs to say.
 * @throws `SEAL_DAMAGED`, `SEAL_TRUNCATED`, `SEAL_VERSION`, `LIMIT_EXCEEDED`
 */
export async function readRegionHead(source: ByteSource, offset: number, length: number): Promise<RegionHead> {
  const place = { part: "seal region", offset, length };
  needs(
    length >= PREFIX_BYTES && offset + PREFIX_BYTES <= source.size,
    "SEAL_TRUNCATED",
    "the seal region is cut off",
    place,
  );
  const prefix = await source.read(offset, PREFIX_BYTES);
  needs(
    equalBytes(prefix.subarray(0, MAGIC.byteLength), MAGIC),
    "SEAL_DAMAGED",
    "the seal region does not begin with its mark",
    place,
  );
  const c = cursor(prefix, "seal region");
  c.offset = MAGIC.byteLength;
  const version = readU32(c);
  const suite = readU32(c);
  const known = version === SEAL_VERSION && suite === SUITE;
  needs(known, "SEAL_VERSION", `seal version ${version} with suite ${suite} is not known here`, {
    ...place,
    hint: "a newer qvault may open it; if none does, the file is damaged",
  });
  const sizes = {
    regionLength: readU64(c),
    manifestLength: readU32(c),
    keyAreaLength: readU32(c),
    proofLength: readU32(c),
  };
  needs(readU32(c) === 0, "SEAL_DAMAGED", "the seal region has a value where zero must be", place);
  needs(
    sizes.regionLength === length,
    "SEAL_DAMAGED",
    `the seal region has ${sizes.regionLength} bytes, the header leaves it ${length}`,
    place,
  );
  needs(
    sizes.manifestLength <= MAX_MANIFEST_BYTES,
    "LIMIT_EXCEEDED",
    `a manifest of over ${MAX_MANIFEST_BYTES} bytes`,
    place,
  );
  needs(sizes.keyAreaLength <= MAX_KEYS_BYTES, "LIMIT_EXCEEDED", `a key area of over ${MAX_KEYS_BYTES} bytes`, place);
  const head = headLength(sizes);
  needs(head <= length, "SEAL_DAMAGED", "the seal region is shorter than its head", place);
  needs(sizes.proofLength <= MAX_PROOF_BYTES, "LIMIT_EXCEEDED", `proofs of over ${MAX_PROOF_BYTES} bytes`, place);
  needs(
    offset + length <= source.size,
    "SEAL_TRUNCATED",
    `the file ends ${offset + length - source.size} bytes before the end of its seal region`,
    place,
  );
  const rest = await source.read(offset + PREFIX_BYTES, head - PREFIX_BYTES);
  return decodeHead(prefix, rest, sizes, offset, head);
}

function decodeHead(
  prefix: Uint8Array,
  rest: Uint8Array,
  sizes: RegionSizes,
  offset: number,
  head: number,
): RegionHead {
  const c = cursor(rest, "seal region");
  const manifestBytes = readBytes(c, sizes.manifestLength);
  const keyArea = readBytes(c, sizes.keyAreaLength);
  const proofArea = readBytes(c, sizes.proofLength);
  const sum = createHash("sha256").update(prefix).update(rest.subarray(0, c.offset)).digest();
  needs(equalBytes(sum, readBytes(c, CHECKSUM_BYTES)), "SEAL_DAMAGED", "the head of the seal region is damaged", {
    part: "seal region",
    offset,
    length: head,
    hint: "fetch the file again or restore it; its keys cannot be trusted as they are",
  });
  const manifest = decodeManifest(manifestBytes);
  const entryBytes = entriesOf(keyArea, manifest.slots.length);
  const { fileId, items } = manifest;
  const entries = entryBytes.map((bytes, slot) => decodeSlotEntry(bytes, slot, fileId, items.length));
  for (const [i, { slot }] of items.entries()) {
    const first = entries.findIndex((entry) => entry.deks.has(i));
    needs(first === slot, "SEAL_DAMAGED", "a sealed item is not of the first slot that has its key", {
      part: "slot keys",
    });
  }
  return {
    prefix,
    manifestBytes,
    manifest,
    keyArea,
    entryBytes,
    entries,
    proofs: decodeProofs(proofArea, manifest.slots.length),
    offset,
    headLength: head,
    regionLength: sizes.regionLength,
  };
}

function entriesOf(area: Uint8Array, slots: number): readonly Uint8Array[] {
  const c = cursor(area, "slot keys", { code: "SEAL_DAMAGED" });
  const packed = readBytes(c, readU32(c));
  needs(
    readBytes(c, remaining(c)).every((byte) => byte === 0),
    "SEAL_DAMAGED",
    "the key area is not padded with zeros",
    { part: "slot keys" },
  );
  const entries = list(unpackMessage(packed, "slot keys")).map((entry) => binary(entry));
  needs(entries.length === slots, "SEAL_DAMAGED", "the key area does not have one entry a slot", { part: "slot keys" });
  return entries;
}

function decodeProofs(area: Uint8Array, slots: number): Proofs {
  const c = cursor(area, "proofs", { code: "SEAL_DAMAGED" });
  const macs = Array.from({ length: slots }, () => readBytes(c, MAC_BYTES));
  const signature = String.fromCharCode(...readBytes(c, readU16(c)));
  const fileMac = readBytes(c, MAC_BYTES);
  if (remaining(c) !== 0) throw new QErr("SEAL_DAMAGED", "bytes follow the proofs", { part: "proofs" });
  return { macs, signature, fileMac };
}
