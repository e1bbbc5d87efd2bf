import { type Cursor, readBytes, readU8, readU16, readU32 } from "../../bytes/cursor.ts";
import { decodeUtf8, encodeUtf8 } from "../../bytes/utf8.ts";
import { type ByteWriter, writeBytes, writeU8, writeU16, writeU32 } from "../../bytes/writer.ts";
import { QErr } from "../../errors.ts";

/**
 * A string of the model: u8 length; 0xff, then u16 length; 0xffff, then u32 length; UTF-8 without terminator.
 * @throws the cursor's code if it runs past the end or is not UTF-8.
 */
export function readText(c: Cursor): string {
  let length = readU8(c);
  if (length === 0xff) length = readU16(c);
  if (length === 0xffff) length = readU32(c);
  const at = c.offset;
  const bytes = readBytes(c, length);
  try {
    return decodeUtf8(bytes, c.part);
  } catch (cause) {
    throw new QErr(c.code, `${c.part} holds a string that is not UTF-8`, { part: c.part, offset: c.base + at, cause });
  }
}

/** Twin of {@link readText}; the shortest form that holds the length, as Qlik writes it. */
export function writeText(w: ByteWriter, text: string): void {
  const bytes = encodeUtf8(text);
  if (bytes.byteLength < 0xff) writeU8(w, bytes.byteLength);
  else {
    writeU8(w, 0xff);
    if (bytes.byteLength < 0xffff) writeU16(w, bytes.byteLength);
    else {
      writeU16(w, 0xffff);
      writeU32(w, bytes.byteLength);
    }
  }
  writeBytes(w, bytes);
}

/** The length of a symbol's text: u8; 0xff, then u32 (not u16: symbols differ from strings in this). */
export function readSymbolLength(c: Cursor): number {
  const length = readU8(c);
  return length === 0xff ? readU32(c) : length;
}
