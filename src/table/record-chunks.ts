import { QErr } from "../errors.ts";
import type { Strip } from "./strips.ts";

/** Record bytes read at a time: large enough for a disk, small enough for the second-level cache. */
export const CHUNK_BYTES = 1024 * 1024;
/** The same of a row that lies in several strips. */
const STRIPS_BYTES = 4 * 1024 * 1024;
/** Rows of a chunk at the most, whatever the record size. */
const CHUNK_ROWS = 65_536;
/** The same where every field lies for itself: else each read would be short. */
const STRIP_ROWS = 262_144;

/** Whole records of one chunk, in one of two sets of buffers. */
export interface RecordChunk {
  readonly buffer: 0 | 1;
  /** Row of the table that comes first. */
  readonly row: number;
  readonly rows: number;
}

/** Rows of a table, in order. */
export interface RecordRange {
  readonly strips: readonly Strip[];
  readonly from: number;
  readonly to: number;
  readonly chunkRows: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Rows a chunk: about {@link CHUNK_BYTES}, whole words of a row mask. Of several strips each has a part of it, but of
 * {@link STRIPS_BYTES} in all.
 */
export function chunkRowsOf(recordBytes: number, strips = 1, chunkBytes?: number): number {
  const bytes = chunkBytes ?? (strips > 1 ? STRIPS_BYTES : CHUNK_BYTES);
  const rows = Math.min(strips > 1 ? STRIP_ROWS : CHUNK_ROWS, Math.floor(bytes / Math.max(1, recordBytes)));
  return Math.max(64, rows - (rows % 64));
}

/**
 * Reads records into two sets of buffers in turns, one buffer a strip with room for `chunkRows` of its records, so that
 * the next chunk is on its way while one is worked on. The first chunk is read alone: who wants only that gets only that.
 * @throws `CANCELLED`, and what the source throws
 */
export async function* recordChunks(
  range: RecordRange,
  buffers: readonly [readonly Uint8Array[], readonly Uint8Array[]],
): AsyncGenerator<RecordChunk> {
  const { strips, from, to, chunkRows, signal } = range;
  let turn: 0 | 1 = 0;
  const fetch = async (row: number): Promise<RecordChunk> => {
    const rows = Math.min(chunkRows, to - row);
    const buffer = turn;
    turn = buffer === 0 ? 1 : 0;
    const reads = strips.map(async (strip, k) => {
      const length = rows * strip.recordBytes;
      if (length > 0) await strip.readInto(row, buffers[buffer][k]!.subarray(0, length));
    });
    // All of them, also if one fails: nobody writes into a buffer that was given back.
    for (const read of await Promise.allSettled(reads)) if (read.status === "rejected") throw read.reason;
    return { buffer, row, rows };
  };
  let next: Promise<RecordChunk> | undefined;
  try {
    for (let row = from; row < to; row += chunkRows) {
      throwIfAborted(signal);
      const chunk = await (next ?? fetch(row));
      next = undefined;
      if (row > from && row + chunkRows < to) {
        next = fetch(row + chunkRows);
        // A failure is met when the chunk is asked for; until then it is nobody's.
        next.catch(() => {});
      }
      yield chunk;
    }
  } finally {
    // The buffer is the reader's until its read has ended.
    await next?.catch(() => {});
  }
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new QErr("CANCELLED", "reading was cancelled", { cause: signal.reason });
}
