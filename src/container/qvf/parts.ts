import { cursor, readBytes } from "../../bytes/cursor.ts";
import { decodeUtf8, encodeUtf8 } from "../../bytes/utf8.ts";
import { QErr } from "../../errors.ts";
import { parseFieldStream } from "./field-stream.ts";
import { parseFrame, parseJson } from "./frame.ts";
import type { QvfContainer } from "./reader.ts";
import { readTableHead, readVectorLengths } from "./table-stream.ts";

/** A stream or subdirectory to be written. */
export interface QvfPart {
  readonly path: string;
  readonly isDirectory: boolean;
  /** OLE automation date. */
  readonly time: number;
  /** As stored, with its NUL; empty for directories. */
  readonly meta: Uint8Array;
  /** Bytes that {@link read} will give; 0 for directories. */
  readonly size: number;
  read(): Promise<Uint8Array>;
}

/**
 * `ContentHash` of a stream that was not hashed: 0x11 32 times, as Qlik itself leaves it in many streams. How the hash is
 * made is not known, so whatever is written anew carries this.
 */
const START_HASH = "ERERERERERERERERERERERERERERERERERERERERERE=";

/** Path of the stream that holds the seal region of a sealed app; it comes last in the file (SPEC 6.13). */
export const SEAL_MEMBER = "qvault_seal";

const UNFRAMED = new Set(["qvapp_data", "qvapp_qaccess", "qvapp_header", SEAL_MEMBER]);

/** True if the stream is a frame: everything but the data model and `qvapp_header`. */
export function isFramed(path: string): boolean {
  return !UNFRAMED.has(path) && !path.startsWith("data/");
}

/**
 * Bytes of a stream that count. Qlik overwrites streams in place, so older bytes may follow; writing leaves them out.
 * @throws the errors of the stream's own reader
 */
export function streamEnd(path: string, bytes: Uint8Array): number {
  if (isFramed(path)) return parseFrame(bytes, path).end;
  if (path.startsWith("data/field_")) return parseFieldStream(bytes, path).end;
  if (path.startsWith("data/table_")) return tableEnd(path, bytes);
  if (path === "qvapp_header") return bytes.indexOf(0) + 1 || bytes.byteLength;
  return bytes.byteLength;
}

function tableEnd(path: string, bytes: Uint8Array): number {
  const c = cursor(bytes, path, { code: "QVF_TABLE" });
  const head = readTableHead(c);
  for (const column of head.columns) {
    if (head.rows > 0 && column.width > 0) readBytes(c, readVectorLengths(c, head.rows, column.width).compressed);
  }
  return c.offset;
}

/** Every entry of a container as a part, stale bytes left out. Each stream is read once here, and again when written. */
export async function partsOf(container: QvfContainer): Promise<QvfPart[]> {
  const parts: QvfPart[] = [];
  for (const { path, isDirectory, time, meta } of container.entries) {
    if (isDirectory) {
      parts.push({ ...directoryPart(path, time), meta });
      continue;
    }
    const size = streamEnd(path, await container.read(path));
    parts.push({ path, isDirectory, time, meta, size, read: () => container.readRange(path, 0, size) });
  }
  return parts;
}

/** A part over bytes in memory, with the meta of a stream that was not hashed. */
export function newPart(path: string, type: string, bytes: Uint8Array, time: number): QvfPart {
  const meta = encodeMeta({ ContentHash: START_HASH, ...(isFramed(path) && { Format: "gzjson" }), Type: type });
  return { path, isDirectory: false, time, meta, size: bytes.byteLength, read: async () => bytes };
}

export function directoryPart(path: string, time: number): QvfPart {
  return { path, isDirectory: true, time, meta: new Uint8Array(0), size: 0, read: async () => new Uint8Array(0) };
}

/** `part` with other content: the meta stays but for its hash, which no longer belongs to the content. */
export function replacedPart(part: QvfPart, bytes: Uint8Array): QvfPart {
  const meta = encodeMeta({ ...parseMeta(part.meta, part.path), ContentHash: START_HASH });
  return { ...part, meta, size: bytes.byteLength, read: async () => bytes };
}

/** The meta of an entry: `Type`, `Format`, `ContentHash`, `SecurityMetaAsBase64`, … Throws `QVF_JSON`. */
export function parseMeta(meta: Uint8Array, part: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = decodeUtf8(meta.at(-1) === 0 ? meta.subarray(0, -1) : meta, part);
  } catch (cause) {
    throw new QErr("QVF_JSON", `the directory entry of ${part} is not UTF-8`, { part, cause });
  }
  const parsed = parseJson(text, `directory entry of ${part}`);
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>;
  throw new QErr("QVF_JSON", `the directory entry of ${part} is no object`, { part });
}

function encodeMeta(meta: Readonly<Record<string, unknown>>): Uint8Array {
  return encodeUtf8(`${JSON.stringify(meta)}\0`);
}
