import { equalBytes } from "../bytes/concat.ts";
import { needs, QErr } from "../errors.ts";
import { MAX_SEALED_ITEMS, MAX_SEALED_PART_BYTES, MAX_SLOTS } from "../limits.ts";
import { messageLength, plainLength } from "./cobblestone.ts";
import { type Packed, packMessage, unpackMessage } from "./msgpack.ts";
import { FILE_ID_BYTES, PART_KIND, type PartKind } from "./suite.ts";
import { DIGEST_BYTES, LEAF_MAC_BYTES, leafCount, treeRoot } from "./tree.ts";

/** A sealed message: where it lies, and digests of its bytes as they lie there. */
export interface SealedPart {
  readonly kind: PartKind;
  /** From the first byte behind the region's head. */
  readonly offset: number;
  readonly length: number;
  /** One GMAC a leaf. */
  readonly macs: Uint8Array;
  /** One SHA-256 a leaf; only in signed files, where holders of a key must not be able to change these bytes either. */
  readonly leaves: Uint8Array | undefined;
}

/** A field, or a member of an app, that is sealed. */
export interface SealedItem {
  readonly ordinal: number;
  readonly name: string;
  /** The slot it was sealed for; others may have its key too. */
  readonly slot: number;
  /** What a plain reader sees in its place: NULL, one constant, keyed tokens, or nothing (`none`). */
  readonly mask: Mask;
  readonly parts: readonly SealedPart[];
}

export type Mask = "null" | "const" | "token" | "none";

/** A part that is not sealed. The header is one, as its exact bytes. */
export interface PlainPart {
  readonly name: string;
  readonly role: "header" | "symbols" | "records" | "member";
  /** In the file. */
  readonly offset: number;
  readonly length: number;
  readonly leaves: Uint8Array;
  readonly root: Uint8Array;
}

/** What never changes in a sealed file, whatever happens to its keys. */
export interface Manifest {
  readonly fileId: Uint8Array;
  readonly container: "qvd" | "qvf";
  readonly mode: "open" | "closed";
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly writer: string;
  /** Slot names; the number of a slot is its place here. */
  readonly slots: readonly string[];
  /** SHA-256 thumbprint of the certificate that signed; its presence makes the signature obligatory. */
  readonly signer: Uint8Array | undefined;
  readonly items: readonly SealedItem[];
  readonly plain: readonly PlainPart[];
}

const KINDS = Object.keys(PART_KIND) as PartKind[];
const ROLES = ["header", "symbols", "records", "member"] as const;
const MASKS = ["null", "const", "token", "none"] as const;

export function encodeManifest(m: Manifest): Uint8Array {
  return packMessage({
    id: m.fileId,
    container: m.container,
    mode: m.mode,
    at: m.createdAt,
    by: m.writer,
    slots: m.slots,
    signer: m.signer ?? null,
    items: m.items.map((item) => ({
      n: item.ordinal,
      name: item.name,
      slot: item.slot,
      mask: item.mask,
      parts: item.parts.map((p) => [PART_KIND[p.kind], p.offset, p.length, p.macs, p.leaves ?? null]),
    })),
    plain: m.plain.map((p) => [p.name, p.role, p.offset, p.length, p.root, p.leaves]),
  });
}

/**
 * Reads a manifest and checks every value against the format, so that nothing behind this point meets a length or a
 * name it cannot trust to be of the right type. That the manifest is genuine is another matter: see `authenticate`.
 * @throws `SEAL_DAMAGED`, `LIMIT_EXCEEDED`
 */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const map = fields(unpackMessage(bytes, "manifest"));
  const signer = map.signer === null ? undefined : binary(map.signer, DIGEST_BYTES);
  const slots = list(map.slots).map((slot) => string(slot));
  needs(
    slots.length >= 1 && new Set(slots).size === slots.length,
    "SEAL_DAMAGED",
    "manifest: slots are not named apart",
    { part: "manifest" },
  );
  // They become file names and words of shell commands (SPEC 6.6.1), so no file may choose others than a writer.
  needs(slots.every(isSlotName), "SEAL_DAMAGED", "manifest: a slot name is not 1 to 64 letters, digits, - _ .", {
    part: "manifest",
  });
  needs(slots.length <= MAX_SLOTS, "LIMIT_EXCEEDED", `manifest: over ${MAX_SLOTS} slots`, { part: "manifest" });
  const listed = list(map.items);
  needs(listed.length <= MAX_SEALED_ITEMS, "LIMIT_EXCEEDED", `manifest: over ${MAX_SEALED_ITEMS} sealed items`, {
    part: "manifest",
  });
  const items = listed.map((item) => itemOf(fields(item), slots.length, signer !== undefined));
  const numbers = new Set(items.map((item) => item.ordinal));
  needs(numbers.size === items.length, "SEAL_DAMAGED", "manifest: two sealed items have one number", {
    part: "manifest",
  });
  return {
    fileId: binary(map.id, FILE_ID_BYTES),
    container: oneOf(map.container, ["qvd", "qvf"]),
    mode: oneOf(map.mode, ["open", "closed"]),
    createdAt: string(map.at),
    writer: string(map.by),
    slots,
    signer,
    items,
    plain: list(map.plain).map(plainOf),
  };
}

export function isSlotName(name: string): boolean {
  return /^[\w.-]{1,64}$/.test(name);
}

function itemOf(map: Record<string, Packed>, slots: number, signed: boolean): SealedItem {
  const slot = integer(map.slot, MAX_SLOTS);
  needs(slot < slots, "SEAL_DAMAGED", "manifest: an item belongs to no slot", { part: "manifest" });
  return {
    ordinal: integer(map.n, 2 ** 32 - 1),
    name: string(map.name),
    slot,
    mask: oneOf(map.mask, MASKS),
    parts: list(map.parts).map((part) => sealedPartOf(list(part), signed)),
  };
}

function sealedPartOf(values: readonly Packed[], signed: boolean): SealedPart {
  const kind = KINDS[integer(values[0], KINDS.length - 1)]!;
  const length = integer(values[2], messageLength(MAX_SEALED_PART_BYTES));
  plainLength(length);
  const count = leafCount(length);
  return {
    kind,
    offset: integer(values[1], Number.MAX_SAFE_INTEGER),
    length,
    macs: binary(values[3], count * LEAF_MAC_BYTES),
    leaves: signed ? binary(values[4], count * DIGEST_BYTES) : absent(values[4]),
  };
}

function plainOf(part: Packed): PlainPart {
  const values = list(part);
  const length = integer(values[3], Number.MAX_SAFE_INTEGER);
  const leaves = binary(values[5], leafCount(length) * DIGEST_BYTES);
  const root = binary(values[4], DIGEST_BYTES);
  needs(equalBytes(treeRoot(leaves), root), "SEAL_DAMAGED", "manifest: a root does not fit its leaves", {
    part: "manifest",
  });
  const offset = integer(values[2], Number.MAX_SAFE_INTEGER);
  return { name: string(values[0]), role: oneOf(values[1], ROLES), offset, length, leaves, root };
}

function bad(): QErr {
  return new QErr("SEAL_DAMAGED", "manifest: a value is not what the format asks for", { part: "manifest" });
}

/** A map, an array and so on, or `SEAL_DAMAGED`. Also used for slot entries. */
export function fields(value: Packed | undefined): Record<string, Packed> {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Uint8Array) throw bad();
  return value as Record<string, Packed>;
}

export function list(value: Packed | undefined): readonly Packed[] {
  if (!Array.isArray(value)) throw bad();
  return value as readonly Packed[];
}

export function string(value: Packed | undefined): string {
  if (typeof value !== "string") throw bad();
  return value;
}

export function binary(value: Packed | undefined, length?: number): Uint8Array {
  if (!(value instanceof Uint8Array) || (length !== undefined && value.byteLength !== length)) throw bad();
  return new Uint8Array(value);
}

export function integer(value: Packed | undefined, max: number): number {
  const number = Number.isSafeInteger(value) ? (value as number) : -1;
  if (number < 0 || number > max) throw bad();
  return number;
}

function oneOf<T extends string>(value: Packed | undefined, allowed: readonly T[]): T {
  const found = allowed.find((name) => name === value);
  if (found === undefined) throw bad();
  return found;
}

function absent(value: Packed | undefined): undefined {
  if (value !== null) throw bad();
  return undefined;
}
