import { QErr } from "../errors.ts";

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Decodes well-formed UTF-8; a byte order mark is kept as a character. Throws `BYTES_UTF8`, naming `part`. */
export function decodeUtf8(bytes: Uint8Array, part: string, offset?: number): string {
  try {
    return strict.decode(bytes);
  } catch (cause) {
    throw new QErr("BYTES_UTF8", `${part} is not valid UTF-8`, { part, offset, cause });
  }
}

/** True if `bytes` are well-formed UTF-8 (Unicode 15, table 3-7). */
export function isUtf8(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** True if `text` has no lone surrogate, so that encoding it to UTF-8 loses nothing. */
export function isWellFormed(text: string): boolean {
  return text.isWellFormed();
}
