import { QErr } from "../../errors.ts";
import { MAX_QVF_FRAME_BYTES, MAX_QVF_SALVAGE_BYTES } from "../../limits.ts";
import type { ByteSource } from "../../source/source.ts";
import type { Inflate } from "./deflate.ts";
import { type Frame, type FrameFormat, inflateFrame, parseFrame } from "./frame.ts";

/** A stream found without the directory: what it holds is known, its name is not. */
export interface SalvagedStream {
  /** Where its frame begins in the file. */
  readonly offset: number;
  readonly format: FrameFormat;
  /** Inflated content; JSON without its NUL. */
  readonly bytes: Uint8Array;
}

const MARKER = '{"format":"';
const PIECE = 1024 * 1024;
/** Lengths and format before the compressed data. */
const FRAME_HEAD = 64;

/**
 * Looks for framed streams anywhere in a file whose directory cannot be trusted, and gives those that inflate to the
 * length they state with the right Adler-32: script, objects and media, in the order of the file. Streams in several
 * extents, and those that lost a byte, are not found; the data model has no frames and is never salvaged.
 * @throws `LIMIT_EXCEEDED` if the file is larger than is searched, and what the source throws
 */
export async function salvageStreams(
  source: ByteSource,
  inflate: Inflate,
  limit = MAX_QVF_SALVAGE_BYTES,
): Promise<readonly SalvagedStream[]> {
  if (source.size > limit) {
    throw new QErr("LIMIT_EXCEEDED", `${source.size} bytes, at most ${limit} are searched`);
  }
  const found: SalvagedStream[] = [];
  for (const marker of await findMarkers(source)) {
    const stream = await readStream(source, marker - 4, inflate);
    if (stream !== undefined) found.push(stream);
  }
  return found;
}

async function findMarkers(source: ByteSource): Promise<number[]> {
  const offsets: number[] = [];
  const latin = new TextDecoder("latin1");
  // A marker that begins in a piece ends in what is read with it; one that begins behind it does not.
  const overlap = MARKER.length - 1;
  for (let at = 0; at < source.size; at += PIECE) {
    const piece = latin.decode(await source.read(at, Math.min(PIECE + overlap, source.size - at)));
    for (let i = piece.indexOf(MARKER); i >= 0; i = piece.indexOf(MARKER, i + 1)) {
      if (at + i >= 4) offsets.push(at + i);
    }
  }
  return offsets;
}

async function readStream(source: ByteSource, offset: number, inflate: Inflate): Promise<SalvagedStream | undefined> {
  try {
    const head = await source.read(offset, Math.min(FRAME_HEAD, source.size - offset));
    const lengths = frameLengths(head);
    if (lengths === undefined) return undefined;
    const bytes = await source.read(offset, Math.min(lengths.end, source.size - offset));
    const frame: Frame = parseFrame(bytes, `stream at ${offset}`);
    const raw = await inflateFrame(frame, inflate);
    const content = frame.format === "gzjson" && raw.at(-1) === 0 ? raw.subarray(0, -1) : raw;
    return { offset, format: frame.format, bytes: content };
  } catch (error) {
    // Damage is what is expected here; only a file that cannot be read ends the search.
    if (error instanceof QErr && error.errorClass === "damaged") return undefined;
    throw error;
  }
}

function frameLengths(head: Uint8Array): { readonly end: number } | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const format = view.getUint32(0, true);
  if (format + 12 > head.byteLength) return undefined;
  const compressed = view.getUint32(8 + format, true);
  return compressed <= MAX_QVF_FRAME_BYTES ? { end: 12 + format + compressed } : undefined;
}
