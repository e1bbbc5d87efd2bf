import type { ByteSource } from "./source.ts";

/** Bytes a piece at the most. */
const PIECE_BYTES = 1024 * 1024;

/**
 * A source from beginning to end, in pieces.
 * @param onProgress called with the bytes done, and the bytes in all
 */
export async function* sourcePieces(
  source: ByteSource,
  onProgress: (done: number, all: number) => void = () => {},
): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < source.size; ) {
    const length = Math.min(PIECE_BYTES, source.size - offset);
    yield await source.read(offset, length);
    offset += length;
    onProgress(offset, source.size);
  }
}
