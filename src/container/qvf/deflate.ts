import { deflate, Inflate as PakoInflate } from "pako";
import { needs, QErr } from "../../errors.ts";

/**
 * Inflates one zlib stream (RFC 1950) to exactly `length` bytes, Adler-32 checked, all of `bytes` used. An
 * implementation must stop at `length` bytes whatever the stream holds; what it throws becomes `QVF_DEFLATE`.
 */
export type Inflate = (bytes: Uint8Array, length: number) => Uint8Array | Promise<Uint8Array>;

/** No deflate stream yields more than this many bytes for one of its own (a 258-byte match in 2 bits). */
const MAX_RATIO = 1032;
/** Room for the block headers and checksum of a tiny stream. */
const RATIO_SLACK = 64;

/** What pako's types leave out: input bytes not used. */
interface InflateState {
  readonly strm: { readonly avail_in: number };
}

/** The portable implementation of {@link Inflate}; the engine passes node's, which is several times faster. */
export function inflatePako(bytes: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let filled = 0;
  // An explicit windowBits keeps pako from taking gzip data too.
  const inflater = new PakoInflate({ windowBits: 15 }) as PakoInflate & InflateState;
  inflater.onData = (chunk) => {
    const piece = chunk as Uint8Array;
    // More than was stated does not fit, which is a RangeError.
    out.set(piece, filled);
    filled += piece.byteLength;
  };
  inflater.push(bytes, true);
  if (inflater.err !== 0) throw new RangeError(`zlib error ${inflater.err}`);
  if (filled !== length) throw new RangeError("less data than stated");
  if (inflater.strm.avail_in !== 0) throw new RangeError("bytes after the end of the stream");
  return out;
}

/**
 * Inflates `bytes`, the compressed data of `part`, to the `length` that the file states for it.
 * @throws `QVF_DEFLATE` if the data is no zlib stream, is damaged, or does not have the stated length.
 */
export async function inflateExactly(
  inflate: Inflate,
  bytes: Uint8Array,
  length: number,
  part: string,
): Promise<Uint8Array> {
  // Checked before anything is allocated: a stream cannot hold more than its ratio allows.
  needs(
    length <= bytes.byteLength * MAX_RATIO + RATIO_SLACK,
    "QVF_DEFLATE",
    `${part} cannot inflate to ${length} bytes`,
    {
      part,
    },
  );
  try {
    return await inflate(bytes, length);
  } catch (cause) {
    throw new QErr("QVF_DEFLATE", `${part} does not inflate to the ${length} bytes that it states`, { part, cause });
  }
}

/**
 * Deflates as Qlik does: zlib level 6, default window and memory. pako 2 is a port of stock zlib and gives Qlik's own
 * bytes for all 15,846 streams tried; zlib of Node (Chromium's variant), fflate and pako 3 give other bytes.
 */
export function deflateLikeQlik(bytes: Uint8Array): Uint8Array {
  return deflate(bytes, { level: 6 });
}
