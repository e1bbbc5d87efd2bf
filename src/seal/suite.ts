import { concat } from "../bytes/concat.ts";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { byteWriter, writeBytes, writeU8, writeU16, writeU32, written } from "../bytes/writer.ts";
import { hkdfExpand } from "./hkdf.ts";

/** Version of the region's layout. */
export const SEAL_VERSION = 1;
/**
 * The one suite there is: Cobblestone-256, AES-256-KW, HKDF-Expand-SHA-512, HMAC-SHA-256, GMAC-AES-256, SHA-256. A
 * suite has no options inside; another choice of algorithms would be another number.
 */
export const SUITE = 1;
export const FILE_ID_BYTES = 16;
export const MAC_BYTES = 32;

/** What a sealed part holds. */
export const PART_KIND = { meta: 0, symbols: 1, index: 2, member: 3 } as const;
export type PartKind = keyof typeof PART_KIND;

/** The keys that one slot key gives (SPEC 6.3). */
export interface SlotKeys {
  /** Wraps the data keys and the common key. */
  readonly wrap: Uint8Array;
  /** Authenticates the manifest and the slot's entry. */
  readonly mac: Uint8Array;
}

export function slotKeys(slotKey: Uint8Array, fileId: Uint8Array): SlotKeys {
  return {
    wrap: hkdfExpand(slotKey, concat([encodeUtf8("qvault seal/v1 kw\0"), fileId]), 32),
    mac: hkdfExpand(slotKey, concat([encodeUtf8("qvault seal/v1 mac\0"), fileId]), 64),
  };
}

export function fileMacKey(commonKey: Uint8Array, fileId: Uint8Array): Uint8Array {
  return hkdfExpand(commonKey, concat([encodeUtf8("qvault seal/v1 file mac\0"), fileId]), 64);
}

/** Where a sealed part belongs. It goes into the key derivation, so that bytes open at their place and nowhere else. */
export interface PartContext {
  readonly fileId: Uint8Array;
  readonly slot: number;
  /** Number of the field, or of the member of an app. */
  readonly ordinal: number;
  readonly kind: PartKind;
  readonly name: string;
}

/** `qvault seal/v1 part` 00, file id, u16 slot, u32 ordinal, u8 kind, u32 length, name in UTF-8; little endian. */
export function contextBytes(context: PartContext): Uint8Array {
  const w = byteWriter();
  const name = encodeUtf8(context.name);
  writeBytes(w, encodeUtf8("qvault seal/v1 part\0"));
  writeBytes(w, context.fileId);
  writeU16(w, context.slot);
  writeU32(w, context.ordinal);
  writeU8(w, PART_KIND[context.kind]);
  writeU32(w, name.byteLength);
  writeBytes(w, name);
  return written(w);
}
