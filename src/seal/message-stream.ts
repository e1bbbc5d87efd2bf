import { needs, QErr } from "../errors.ts";
import type { ByteSource } from "../source/source.ts";
import {
  CHUNK_BYTES,
  MESSAGE_HEADER_BYTES,
  type MessageKey,
  newMessage,
  openChunk,
  openMessageKey,
  plainLength,
  SEALED_CHUNK_BYTES,
  sealChunk,
  wipeMessageKey,
} from "./cobblestone.ts";

/** Chunks sealed or opened in one go: 16 chunks are 256 KiB, where one read costs little beside the decryption. */
const RUN_CHUNKS = 16;

/** Chunks that random access reads in one go, into a buffer that many readers share: 1 MiB, as a read costs more than it moves. */
const READ_CHUNKS = 64;

/** Takes the bytes of a message in pieces of any size; `write` gets the sealed bytes in order. */
export interface MessageSealer {
  push(plain: Uint8Array): Promise<void>;
  /** Seals the last chunk, which may be empty. Without it the message is cut off, and opening says so. */
  end(): Promise<void>;
  /** Lets go of the key, and overwrites what is buffered. `end` does it too. */
  wipe(): void;
}

/** Seals a message as it comes, 16 KiB at a time. `write` may keep nothing: its buffer is written over. */
export function messageSealer(
  inputKey: Uint8Array,
  context: Uint8Array,
  write: (sealed: Uint8Array) => Promise<void>,
): MessageSealer {
  const message = newMessage(inputKey, context);
  const pending = new Uint8Array(CHUNK_BYTES);
  const out = new Uint8Array(MESSAGE_HEADER_BYTES + RUN_CHUNKS * SEALED_CHUNK_BYTES);
  out.set(message.header);
  let filled = 0;
  let chunk = 0;
  let at = message.header.byteLength;

  async function seal(plain: Uint8Array): Promise<void> {
    at += sealChunk(message, chunk, plain, out, at);
    chunk += 1;
    if (at + SEALED_CHUNK_BYTES > out.byteLength) await flush();
  }

  async function flush(): Promise<void> {
    const length = at;
    at = 0;
    await write(out.subarray(0, length));
  }

  function wipe(): void {
    wipeMessageKey(message);
    pending.fill(0);
  }

  return {
    async push(plain) {
      let from = 0;
      while (from < plain.byteLength) {
        if (filled === 0 && plain.byteLength - from >= CHUNK_BYTES) {
          await seal(plain.subarray(from, from + CHUNK_BYTES));
          from += CHUNK_BYTES;
          continue;
        }
        const piece = plain.subarray(from, from + CHUNK_BYTES - filled);
        pending.set(piece, filled);
        filled += piece.byteLength;
        from += piece.byteLength;
        if (filled < CHUNK_BYTES) return;
        filled = 0;
        await seal(pending);
      }
    },
    async end() {
      await seal(pending.subarray(0, filled));
      wipe();
      if (at > 0) await flush();
    },
    wipe,
  };
}

/** Random access to one sealed part. */
export interface MessageReader {
  /** Bytes inside. Taken from the length of the part, and true only once the last chunk was opened. */
  readonly size: number;
  /**
   * Fills `target`, which may lie in linear memory, with the bytes from `offset`; only the chunks that hold them are
   * read, each checked before a byte of it is handed out. The chunk that a range ends in is kept for the next one.
   * @throws `SEAL_DAMAGED` with the place in the file of the chunk that is wrong
   */
  readInto(offset: number, target: Uint8Array): Promise<void>;
  /** Lets go of the key, and overwrites every buffer. */
  wipe(): void;
}

export interface MessagePlace {
  /** For messages, e.g. `rows of "Name"`. */
  readonly name: string;
  readonly offset: number;
  readonly length: number;
}

/** Bytes of a buffer that is worth sharing: one with which {@link messageReader} reads as much as pays. */
export const SCRATCH_BYTES = READ_CHUNKS * SEALED_CHUNK_BYTES;

/**
 * Opens the message at `place` of `source` for random access: one read of 56 bytes, and the commitment is checked.
 * Several readers may have one `scratch` of {@link SCRATCH_BYTES} bytes if only one of them works at a time.
 * The input key has been authenticated before, so that a commitment that does not fit is damage, not a wrong key.
 * @throws `SEAL_TRUNCATED`, `SEAL_DAMAGED`
 */
export async function messageReader(
  source: ByteSource,
  place: MessagePlace,
  inputKey: Uint8Array,
  context: Uint8Array,
  scratch: Uint8Array = new Uint8Array(RUN_CHUNKS * SEALED_CHUNK_BYTES),
): Promise<MessageReader> {
  const most = Math.max(1, Math.floor(scratch.byteLength / SEALED_CHUNK_BYTES));
  const size = plainLength(place.length);
  const head = await source.read(place.offset, MESSAGE_HEADER_BYTES);
  const message = keyOf(inputKey, context, head, place);
  /** The last chunk that was asked for in part, so that ranges one after the other open it once. */
  const part = { chunk: -1, length: 0, plain: new Uint8Array(0) };

  async function readInto(offset: number, target: Uint8Array): Promise<void> {
    const end = offset + target.byteLength;
    needs(offset >= 0 && end <= size, "SOURCE_RANGE", `range is not inside ${place.name}`);
    let at = offset;
    if (at < end && Math.floor(at / CHUNK_BYTES) === part.chunk) at += hand(offset, target);
    while (at < end) {
      const first = Math.floor(at / CHUNK_BYTES);
      const count = Math.min(most, Math.ceil(end / CHUNK_BYTES) - first);
      const from = MESSAGE_HEADER_BYTES + first * SEALED_CHUNK_BYTES;
      const run = scratch.subarray(0, Math.min(count * SEALED_CHUNK_BYTES, place.length - from));
      await source.readInto(place.offset + from, run);
      for (let i = 0; i < count; i++) {
        const bytes = run.subarray(i * SEALED_CHUNK_BYTES, (i + 1) * SEALED_CHUNK_BYTES);
        at += openOne(first + i, bytes, offset, target);
      }
    }
  }

  /** Opens a chunk straight to its place if all of it is wanted, else by way of `part`. Gives the bytes handed out. */
  function openOne(chunk: number, bytes: Uint8Array, offset: number, target: Uint8Array): number {
    const start = chunk * CHUNK_BYTES;
    const length = Math.min(CHUNK_BYTES, size - start);
    try {
      if (start >= offset && start + length <= offset + target.byteLength) {
        return openChunk(message, chunk, bytes, target, start - offset);
      }
      part.chunk = -1;
      if (part.plain.byteLength === 0) part.plain = new Uint8Array(CHUNK_BYTES);
      part.length = openChunk(message, chunk, bytes, part.plain, 0);
      part.chunk = chunk;
    } catch (cause) {
      throw damagedChunk(cause, chunk, place, bytes.byteLength);
    }
    return hand(offset, target);
  }

  /** Copies what `part` has of the range. */
  function hand(offset: number, target: Uint8Array): number {
    const start = part.chunk * CHUNK_BYTES;
    const from = Math.max(offset, start);
    const to = Math.min(offset + target.byteLength, start + part.length);
    target.set(part.plain.subarray(from - start, to - start), from - offset);
    return to - from;
  }

  return {
    size,
    readInto,
    wipe() {
      wipeMessageKey(message);
      part.plain.fill(0);
      part.chunk = -1;
    },
  };
}

/** Takes each piece that is not what was sealed, with its place in the file, in order; what it throws ends the check. */
export type OnDamage = (error: QErr) => void;

export const raise: OnDamage = (error) => {
  throw error;
};

/**
 * Opens every chunk of a part in order, hands out each, and so proves its length: the last one is the short one.
 * `take` may keep nothing, and gets nothing of a damaged chunk.
 */
export async function readMessage(
  source: ByteSource,
  place: MessagePlace,
  inputKey: Uint8Array,
  context: Uint8Array,
  take: (plain: Uint8Array) => void | Promise<void>,
  onDamage: OnDamage = raise,
): Promise<void> {
  const size = plainLength(place.length);
  const head = await source.read(place.offset, MESSAGE_HEADER_BYTES);
  let message: MessageKey;
  try {
    message = openMessageKey(inputKey, context, head);
  } catch {
    return onDamage(strangeHead(place));
  }
  const plain = new Uint8Array(CHUNK_BYTES);
  const sealed = new Uint8Array(Math.min(place.length, RUN_CHUNKS * SEALED_CHUNK_BYTES));
  const chunks = Math.floor(size / CHUNK_BYTES) + 1;
  try {
    for (let first = 0; first < chunks; first += RUN_CHUNKS) {
      const from = MESSAGE_HEADER_BYTES + first * SEALED_CHUNK_BYTES;
      const run = sealed.subarray(0, Math.min(sealed.byteLength, place.length - from));
      await source.readInto(place.offset + from, run);
      for (let i = 0; i < RUN_CHUNKS && first + i < chunks; i++) {
        const bytes = run.subarray(i * SEALED_CHUNK_BYTES, (i + 1) * SEALED_CHUNK_BYTES);
        let length: number;
        try {
          length = openChunk(message, first + i, bytes, plain, 0);
        } catch (cause) {
          onDamage(damagedChunk(cause, first + i, place, bytes.byteLength));
          continue;
        }
        await take(plain.subarray(0, length));
      }
    }
  } finally {
    wipeMessageKey(message);
    plain.fill(0);
  }
}

function keyOf(inputKey: Uint8Array, context: Uint8Array, head: Uint8Array, place: MessagePlace): MessageKey {
  try {
    return openMessageKey(inputKey, context, head);
  } catch {
    throw strangeHead(place);
  }
}

function strangeHead({ name, offset }: MessagePlace): QErr {
  const message = `${name}: its first ${MESSAGE_HEADER_BYTES} bytes are not those that were sealed here`;
  return new QErr("SEAL_DAMAGED", message, { part: name, offset, length: MESSAGE_HEADER_BYTES });
}

function damagedChunk(cause: unknown, chunk: number, { name, offset }: MessagePlace, length: number): QErr {
  if (!(cause instanceof QErr)) throw cause;
  const at = offset + MESSAGE_HEADER_BYTES + chunk * SEALED_CHUNK_BYTES;
  return new QErr("SEAL_DAMAGED", `${name}: chunk ${chunk} is damaged`, { part: name, offset: at, length });
}
