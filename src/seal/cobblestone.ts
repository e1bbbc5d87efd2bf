import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import { concat } from "../bytes/concat.ts";

import { encodeUtf8 } from "../bytes/utf8.ts";
import { needs, QErr } from "../errors.ts";
import { MAX_SEALED_PART_BYTES } from "../limits.ts";
import { discard } from "./discard.ts";
import { hkdfExpand } from "./hkdf.ts";

/** Plaintext bytes of every chunk but the last, which is always shorter (C2SP chunked-encryption). */
export const CHUNK_BYTES = 16 * 1024;
export const TAG_BYTES = 16;
export const SALT_BYTES = 24;
const COMMITMENT_BYTES = 32;
/** Salt and commitment stand before the first chunk. */
export const MESSAGE_HEADER_BYTES = SALT_BYTES + COMMITMENT_BYTES;
export const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const INFO_PREFIX = encodeUtf8("c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0");
// Without the fixed length node also accepts a tag cut to 4 bytes.
const GCM = { authTagLength: TAG_BYTES } as const;

/** What one message is sealed with. Made from the input key, a salt and the context; used for one message only. */
export interface MessageKey {
  /**
   * Undefined once it was wiped. An object of OpenSSL, which overwrites it when it lets it go; and Node 24 takes ten times
   * as long to begin a chunk with bytes.
   */
  key: KeyObject | undefined;
  readonly baseNonce: Uint8Array;
  /** The 56 bytes that begin the message. */
  readonly header: Uint8Array;
}

/** Bytes of the message that holds `plain` bytes. */
export function messageLength(plain: number): number {
  return MESSAGE_HEADER_BYTES + plain + TAG_BYTES * (Math.floor(plain / CHUNK_BYTES) + 1);
}

/**
 * Bytes inside a message of `length` bytes.
 * @throws `SEAL_TRUNCATED` if no message has that length: the last chunk must be short, and have a whole tag
 */
export function plainLength(length: number): number {
  const body = length - MESSAGE_HEADER_BYTES;
  const full = Math.floor(body / SEALED_CHUNK_BYTES);
  const last = body - full * SEALED_CHUNK_BYTES;
  needs(body >= TAG_BYTES && last >= TAG_BYTES, "SEAL_TRUNCATED", "a sealed part ends in the middle of a chunk");
  return full * CHUNK_BYTES + last - TAG_BYTES;
}

/** Derives the key of a new message (a fresh random salt unless one is given, which only tests do). */
export function newMessage(inputKey: Uint8Array, context: Uint8Array, salt?: Uint8Array): MessageKey {
  const fresh = salt ?? new Uint8Array(randomBytes(SALT_BYTES));
  const { key, baseNonce, commitment } = derive(inputKey, fresh, context);
  return { key: secret(key), baseNonce, header: concat([fresh, commitment]) };
}

/**
 * Derives the key of a message from its first 56 bytes and checks the commitment, before anything is decrypted.
 * @throws `SEAL_WRONG_KEY` if the key, the context or these bytes are not those of the message
 */
export function openMessageKey(inputKey: Uint8Array, context: Uint8Array, header: Uint8Array): MessageKey {
  needs(
    header.byteLength === MESSAGE_HEADER_BYTES,
    "SEAL_TRUNCATED",
    "a sealed part is shorter than its 56-byte header",
  );
  const { key, baseNonce, commitment } = derive(inputKey, header.subarray(0, SALT_BYTES), context);
  if (!timingSafeEqual(commitment, header.subarray(SALT_BYTES))) {
    key.fill(0);
    throw new QErr("SEAL_WRONG_KEY", "a sealed part was made with another key or for another place");
  }
  return { key: secret(key), baseNonce, header: header.slice() };
}

/** Takes the bytes over. */
function secret(key: Uint8Array): KeyObject {
  const made = createSecretKey(key);
  key.fill(0);
  return made;
}

/** Lets go of the key, and overwrites the nonce. */
export function wipeMessageKey(message: MessageKey): void {
  message.key = undefined;
  message.baseNonce.fill(0);
}

function derive(inputKey: Uint8Array, salt: Uint8Array, context: Uint8Array) {
  needs(inputKey.byteLength === KEY_BYTES, "USAGE", "Cobblestone-256 needs a 32-byte key");
  const all = hkdfExpand(inputKey, concat([INFO_PREFIX, salt, context]), KEY_BYTES + NONCE_BYTES + COMMITMENT_BYTES);
  const parts = {
    key: all.slice(0, KEY_BYTES),
    baseNonce: all.slice(KEY_BYTES, KEY_BYTES + NONCE_BYTES),
    commitment: all.slice(KEY_BYTES + NONCE_BYTES),
  };
  all.fill(0);
  return parts;
}

function keyOf({ key }: MessageKey): KeyObject {
  needs(key !== undefined, "USAGE", "the key of this sealed part was let go");
  return key;
}

/** Base nonce XOR chunk number as a big-endian integer; a number of 2^38 or more would reach into the fixed part. */
function nonceOf(message: MessageKey, chunk: number): Uint8Array {
  needs(chunk >= 0 && chunk < 2 ** 38, "LIMIT_EXCEEDED", "a sealed part has 2^38 chunks or more");
  const nonce = message.baseNonce.slice();
  for (let i = NONCE_BYTES - 1, rest = chunk; rest > 0; i--, rest = Math.floor(rest / 256)) nonce[i]! ^= rest % 256;
  return nonce;
}

/** Seals chunk number `chunk` into `target` at `at`; returns the bytes written, always 16 more than given. */
export function sealChunk(
  message: MessageKey,
  chunk: number,
  plain: Uint8Array,
  target: Uint8Array,
  at: number,
): number {
  const cipher = createCipheriv("aes-256-gcm", keyOf(message), nonceOf(message, chunk), GCM);
  const sealed = cipher.update(plain);
  target.set(sealed, at);
  discard(sealed);
  cipher.final();
  target.set(cipher.getAuthTag(), at + plain.byteLength);
  return plain.byteLength + TAG_BYTES;
}

/**
 * Opens chunk number `chunk` into `target` at `at`; returns the bytes written. Nothing is written before the tag was
 * checked.
 * @throws `SEAL_DAMAGED` if the chunk is not, bit for bit, the one sealed at this place
 */
export function openChunk(
  message: MessageKey,
  chunk: number,
  sealed: Uint8Array,
  target: Uint8Array,
  at: number,
): number {
  needs(sealed.byteLength >= TAG_BYTES, "SEAL_TRUNCATED", "a sealed chunk is shorter than its tag");
  const length = sealed.byteLength - TAG_BYTES;
  const decipher = createDecipheriv("aes-256-gcm", keyOf(message), nonceOf(message, chunk), GCM);
  decipher.setAuthTag(sealed.subarray(length));
  const plain = decipher.update(sealed.subarray(0, length));
  try {
    decipher.final();
  } catch {
    discard(plain);
    throw new QErr("SEAL_DAMAGED", `chunk ${chunk} of a sealed part is damaged`);
  }
  target.set(plain, at);
  discard(plain);
  return length;
}

/** Seals a whole message in memory. */
export function sealMessage(
  inputKey: Uint8Array,
  context: Uint8Array,
  plain: Uint8Array,
  salt?: Uint8Array,
): Uint8Array {
  needs(plain.byteLength <= MAX_SEALED_PART_BYTES, "LIMIT_EXCEEDED", "a sealed part is too long");
  const message = newMessage(inputKey, context, salt);
  const out = new Uint8Array(messageLength(plain.byteLength));
  out.set(message.header);
  let at = MESSAGE_HEADER_BYTES;
  for (let chunk = 0; chunk * CHUNK_BYTES <= plain.byteLength; chunk++) {
    const from = chunk * CHUNK_BYTES;
    at += sealChunk(message, chunk, plain.subarray(from, from + CHUNK_BYTES), out, at);
  }
  wipeMessageKey(message);
  return out;
}

/** Opens a whole message in memory. Errors as {@link openMessageKey}, {@link plainLength} and {@link openChunk}. */
export function openMessage(inputKey: Uint8Array, context: Uint8Array, sealed: Uint8Array): Uint8Array {
  const message = openMessageKey(inputKey, context, sealed.subarray(0, MESSAGE_HEADER_BYTES));
  try {
    const out = new Uint8Array(plainLength(sealed.byteLength));
    for (let chunk = 0; chunk * CHUNK_BYTES <= out.byteLength; chunk++) {
      const from = MESSAGE_HEADER_BYTES + chunk * SEALED_CHUNK_BYTES;
      openChunk(message, chunk, sealed.subarray(from, from + SEALED_CHUNK_BYTES), out, chunk * CHUNK_BYTES);
    }
    return out;
  } finally {
    wipeMessageKey(message);
  }
}
