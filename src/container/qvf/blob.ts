import { concat } from "../../bytes/concat.ts";
import { type Cursor, readBytes, readU32, remaining } from "../../bytes/cursor.ts";
import { type ByteWriter, writeBytes, writeU32 } from "../../bytes/writer.ts";
import { needs } from "../../errors.ts";
import { INFLATED_A_BYTE, MAX_FREE_INFLATED_BYTES } from "../../limits.ts";
import { deflateLikeQlik, type Inflate, inflateExactly } from "./deflate.ts";

/** Bytes of a chunk before compression; stored in every blob, and the only value seen. */
const CHUNK = 262_144;
/** A chunk is two bytes of zlib header, a block and a checksum at least. */
const MIN_CHUNK = 8;

/** A blob as it lies in a stream, not inflated: `u32 length, u32 262144, {u32 compressed, zlib of up to 256 KiB}*`. */
export interface Blob {
  /** Bytes when inflated. */
  readonly length: number;
  readonly chunks: readonly Uint8Array[];
  readonly part: string;
}

/** What stands before the chunks. */
export interface BlobHead {
  readonly length: number;
  /** Chunks that follow, each with its length before it. */
  readonly chunks: number;
}

/** Reads what stands before the chunks. Throws the cursor's code. */
export function readBlobHead(c: Cursor): BlobHead {
  const at = c.offset;
  const length = readU32(c);
  const chunkSize = readU32(c);
  const place = { part: c.part, offset: c.base + at };
  needs(chunkSize === CHUNK, c.code, `${c.part}: chunks of ${chunkSize} bytes, known are ${CHUNK}`, place);
  return { length, chunks: Math.ceil(length / CHUNK) };
}

/** Splits a blob into its chunks without inflating them. Throws the cursor's code. */
export function readBlob(c: Cursor): Blob {
  const place = { part: c.part, offset: c.base + c.offset };
  const head = readBlobHead(c);
  const fits = head.chunks * MIN_CHUNK <= remaining(c);
  needs(fits, c.code, `${c.part}: ${head.chunks} chunks do not fit in what is left`, place);
  const chunks: Uint8Array[] = [];
  for (let k = 0; k < head.chunks; k++) chunks.push(readBytes(c, readU32(c)));
  return { length: head.length, chunks, part: c.part };
}

/** @throws `QVF_DEFLATE` if a chunk is damaged, `LIMIT_EXCEEDED` if they would inflate to too much. */
export async function inflateBlob(blob: Blob, inflate: Inflate): Promise<Uint8Array> {
  const stored = blob.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  needs(
    blob.length <= MAX_FREE_INFLATED_BYTES + INFLATED_A_BYTE * stored,
    "LIMIT_EXCEEDED",
    `${blob.part}: ${stored} bytes would inflate to ${blob.length}`,
    { part: blob.part },
  );
  const pieces: Uint8Array[] = [];
  for (const [k, chunk] of blob.chunks.entries()) {
    pieces.push(await inflateExactly(inflate, chunk, Math.min(CHUNK, blob.length - k * CHUNK), blob.part));
  }
  return pieces.length === 1 ? pieces[0]! : concat(pieces);
}

/** Twin of {@link readBlob}. */
export function writeBlob(w: ByteWriter, bytes: Uint8Array): void {
  writeU32(w, bytes.byteLength);
  writeU32(w, CHUNK);
  for (let at = 0; at < bytes.byteLength; at += CHUNK) {
    const chunk = deflateLikeQlik(bytes.subarray(at, at + CHUNK));
    writeU32(w, chunk.byteLength);
    writeBytes(w, chunk);
  }
}
