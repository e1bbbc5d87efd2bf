import { concat } from "../../bytes/concat.ts";
import { cursor, readBytes, readU32, remaining } from "../../bytes/cursor.ts";
import { parseJsonText } from "../../bytes/json.ts";
import { decodeUtf8, encodeUtf8 } from "../../bytes/utf8.ts";
import { byteWriter, writeBytes, writeU32, written } from "../../bytes/writer.ts";
import { needs, QErr } from "../../errors.ts";
import { MAX_QVF_FRAME_BYTES } from "../../limits.ts";
import { deflateLikeQlik, type Inflate, inflateExactly } from "./deflate.ts";

/** What a frame holds: JSON with a NUL after it, or bytes (images, QlikView property blobs). */
export type FrameFormat = "gzjson" | "binary";

/**
 * A framed stream, not inflated: `u32 length, {"format":…} NUL, u32 raw length, u32 compressed length, zlib`. What
 * follows in the stream is stale: streams are overwritten in place and not cut.
 */
export interface Frame {
  readonly format: FrameFormat;
  readonly rawLength: number;
  readonly compressed: Uint8Array;
  /** Bytes of the stream that belong to the frame. */
  readonly end: number;
  readonly part: string;
}

const FORMATS: readonly FrameFormat[] = ["gzjson", "binary"];
/** `{"format":"binary"}` has 19 bytes; a longer header would be another kind of stream. */
const MAX_FORMAT_HEADER = 256;

function formatHeader(format: FrameFormat): Uint8Array {
  return encodeUtf8(`{"format":"${format}"}\0`);
}

/** @throws `QVF_STREAM` if `bytes`, the stream `part`, is not a frame; `LIMIT_EXCEEDED` if it claims too much. */
export function parseFrame(bytes: Uint8Array, part: string): Frame {
  const c = cursor(bytes, part, { code: "QVF_STREAM" });
  const length = readU32(c);
  needs(length <= MAX_FORMAT_HEADER, "QVF_STREAM", `${part} does not begin with a format`, { part });
  const format = parseFormat(readBytes(c, length), part);
  const rawLength = readU32(c);
  if (rawLength > MAX_QVF_FRAME_BYTES) {
    throw new QErr("LIMIT_EXCEEDED", `${part} states ${rawLength} bytes, at most ${MAX_QVF_FRAME_BYTES} are read`, {
      part,
    });
  }
  const compressed = readBytes(c, readU32(c));
  return { format, rawLength, compressed, end: bytes.byteLength - remaining(c), part };
}

function parseFormat(header: Uint8Array, part: string): FrameFormat {
  let stated: unknown;
  try {
    const parsed: unknown = JSON.parse(decodeUtf8(header.subarray(0, -1), part));
    stated = (parsed as { format?: unknown } | null)?.format;
  } catch (cause) {
    throw new QErr("QVF_STREAM", `${part} does not begin with a format`, { part, cause });
  }
  const format = FORMATS.find((known) => known === stated);
  if (format === undefined || header.at(-1) !== 0) {
    throw new QErr("QVF_STREAM", `${part} has a format that is not known`, { part });
  }
  return format;
}

/** @throws `QVF_DEFLATE` if the data is damaged. */
export function inflateFrame(frame: Frame, inflate: Inflate): Promise<Uint8Array> {
  return inflateExactly(inflate, frame.compressed, frame.rawLength, frame.part);
}

/** The JSON text of a `gzjson` frame, without its NUL. Throws `QVF_JSON`, `QVF_DEFLATE`. */
export async function frameText(frame: Frame, inflate: Inflate): Promise<string> {
  const raw = await inflateFrame(frame, inflate);
  try {
    return decodeUtf8(raw.at(-1) === 0 ? raw.subarray(0, -1) : raw, frame.part);
  } catch (cause) {
    throw new QErr("QVF_JSON", `${frame.part} is not UTF-8`, { part: frame.part, cause });
  }
}

/** Parses JSON of a stream. Throws `QVF_JSON`. */
export function parseJson(text: string, part: string): unknown {
  try {
    return parseJsonText(text);
  } catch {
    // The parser's own message quotes the text, which is content of the app.
    throw new QErr("QVF_JSON", `${part} is not JSON`, { part });
  }
}

/** Twin of {@link parseFrame}: `raw` as a framed stream. */
export function encodeFrame(format: FrameFormat, raw: Uint8Array): Uint8Array {
  const header = formatHeader(format);
  const compressed = deflateLikeQlik(raw);
  const w = byteWriter();
  writeU32(w, header.byteLength);
  writeBytes(w, header);
  writeU32(w, raw.byteLength);
  writeU32(w, compressed.byteLength);
  return concat([written(w), compressed]);
}

/** A value as a `gzjson` stream, with Qlik's NUL after the JSON. */
export function encodeJsonFrame(value: unknown): Uint8Array {
  return encodeFrame("gzjson", encodeUtf8(`${JSON.stringify(value)}\0`));
}
