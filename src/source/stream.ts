import { concat } from "../bytes/concat.ts";
import { isQErr, needs, QErr } from "../errors.ts";
import { MAX_STREAM_BYTES } from "../limits.ts";
import { fileSpool } from "./file-spool.ts";
import { memorySource } from "./memory.ts";
import { checkRange } from "./range.ts";
import type { ByteSource } from "./source.ts";
import type { Spool } from "./spool.ts";

/** Bytes of a stream that stay in memory; a longer stream goes to temporary space as a whole. */
export const STREAM_IN_MEMORY_BYTES = 64 * 1024 * 1024;

/**
 * A source over a stream, such as standard input: the stream is read to its end, into memory if it is short and into
 * temporary space if not, since a QVD says only in its header where its parts are.
 * @throws `SOURCE_READ` if the stream breaks off, `LIMIT_EXCEEDED` beyond {@link MAX_STREAM_BYTES}, `SINK_WRITE` if
 *   there is no temporary space
 */
export async function streamSource(
  stream: AsyncIterable<Uint8Array>,
  name: string,
  options: { readonly inMemory?: number; readonly limit?: number } = {},
): Promise<ByteSource> {
  const inMemory = options.inMemory ?? STREAM_IN_MEMORY_BYTES;
  const limit = options.limit ?? MAX_STREAM_BYTES;
  let pieces: Uint8Array[] = [];
  let size = 0;
  let spool: Spool | undefined;
  try {
    for await (const piece of stream) {
      size += piece.byteLength;
      needs(size <= limit, "LIMIT_EXCEEDED", `${name} is longer than ${limit} bytes`);
      if (spool === undefined && size > inMemory) {
        spool = await fileSpool();
        for (const early of pieces) await spool.append(early);
        pieces = [];
      }
      if (spool) await spool.append(piece);
      // Not slice(): that of a Node Buffer is a view.
      else pieces.push(new Uint8Array(piece));
    }
  } catch (error) {
    await spool?.close();
    if (isQErr(error)) throw error;
    throw new QErr("SOURCE_READ", `${name} cannot be read to its end`, { cause: error });
  }
  if (spool === undefined) return memorySource(concat(pieces), name);
  const held = spool;
  const readInto = async (offset: number, target: Uint8Array) => {
    checkRange(name, size, offset, target.byteLength);
    await held.readInto(offset, target);
  };
  return {
    size,
    name,
    readInto,
    async read(offset, length) {
      checkRange(name, size, offset, length);
      const target = new Uint8Array(length);
      await readInto(offset, target);
      return target;
    },
    close: () => held.close(),
  };
}
