import { QErr } from "../../errors.ts";
import { MAX_HEADER_BYTES } from "../../limits.ts";
import type { ByteSource } from "../../source/source.ts";
import { type HeaderOptions, parseHeader, type QvdHeader } from "./header.ts";

/** First fetch: nearly every header fits; the largest real one takes two fetches. */
const FIRST_FETCH = 64 * 1024;

/**
 * Reads the header and nothing else: one fetch of 64 KiB, then doubling until the first NUL.
 * @throws `QVD_HEADER_UNTERMINATED` if there is no NUL in the file or in the first {@link MAX_HEADER_BYTES};
 *   `QVD_XML`, `QVD_HEADER` if it is malformed
 */
export async function readHeader(source: ByteSource, options: HeaderOptions = {}): Promise<QvdHeader> {
  let bytes: Uint8Array = new Uint8Array(0);
  for (let want = FIRST_FETCH; ; want *= 2) {
    const size = Math.min(want, source.size, MAX_HEADER_BYTES);
    const grown = new Uint8Array(size);
    grown.set(bytes);
    await source.readInto(bytes.byteLength, grown.subarray(bytes.byteLength));
    const nul = grown.indexOf(0, bytes.byteLength);
    if (nul >= 0) return parseHeader(grown.slice(0, nul + 1), options);
    bytes = grown;
    if (size === source.size || size === MAX_HEADER_BYTES) {
      throw new QErr("QVD_HEADER_UNTERMINATED", `the XML header does not end within ${size} bytes`, {
        part: "header",
        offset: size,
        hint: "the file was cut off inside its header, or is no QVD",
      });
    }
  }
}
