import { decodeUtf8 } from "../bytes/utf8.ts";
import { type ByteWriter, reserve } from "../bytes/writer.ts";

const encoder = new TextEncoder();

/** Below this length a loop over ASCII characters is faster than a call of the encoder. */
const SHORT_STRING = 24;

/** Appends a string in UTF-8. */
export function appendString(out: ByteWriter, text: string): void {
  // Three bytes a UTF-16 unit is the most that UTF-8 takes.
  const at = reserve(out, text.length * 3);
  if (text.length < SHORT_STRING) {
    let i = 0;
    for (; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) break;
      out.bytes[at + i] = code;
    }
    if (i === text.length) {
      out.length = at + i;
      return;
    }
  }
  out.length = at + encoder.encodeInto(text, out.bytes.subarray(at)).written;
}

/**
 * Checks the UTF-8 of a text before it is copied as it is: output is well formed even if a damaged symbol is not.
 * @throws `BYTES_UTF8`
 */
export function checkText(text: Uint8Array): void {
  for (let i = 0; i < text.length; i++) {
    if (text[i]! >= 0x80) {
      decodeUtf8(text, "a symbol");
      return;
    }
  }
}
