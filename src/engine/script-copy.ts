import { decodeUtf8 } from "../bytes/utf8.ts";
import { isQErr } from "../errors.ts";

const FIRST_TAB = new TextEncoder().encode("///$tab");
/** Four bytes are enough for 128 MiB. */
const MAX_LENGTH_BYTES = 4;

/**
 * The load script in `qvapp_allproperties`, a blob that is not understood: a text that begins with Qlik's first tab and
 * has its length in bytes before it. In files with a script of its own this copy is often
 * an older one, so it is the last resort.
 */
export function scriptCopy(blob: Uint8Array): string | undefined {
  for (let at = blob.indexOf(FIRST_TAB[0]!); at >= 0; at = blob.indexOf(FIRST_TAB[0]!, at + 1)) {
    if (!FIRST_TAB.every((byte, k) => blob[at + k] === byte)) continue;
    const length = lengthBefore(blob, at);
    const text = length === undefined ? undefined : textOf(blob.subarray(at, at + length));
    if (text !== undefined) return text;
  }
  return undefined;
}

/** The longest number that ends right before `at` and fits what follows. */
function lengthBefore(blob: Uint8Array, at: number): number | undefined {
  for (let count = Math.min(MAX_LENGTH_BYTES, at); count >= 1; count--) {
    const length = numberOf(blob.subarray(at - count, at));
    if (length !== undefined && length >= FIRST_TAB.byteLength && length <= blob.byteLength - at) return length;
  }
  return undefined;
}

/** Six bits in the first byte (0x40 is a sign), seven in each further one; 0x80 says that another follows. */
function numberOf(bytes: Uint8Array): number | undefined {
  const last = bytes.byteLength - 1;
  if ((bytes[0]! & 0x40) !== 0 || bytes.some((byte, k) => byte >= 0x80 !== k < last)) return undefined;
  let value = 0;
  for (let k = last; k >= 1; k--) value = value * 128 + (bytes[k]! & 0x7f);
  return value * 64 + (bytes[0]! & 0x3f);
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return decodeUtf8(bytes, "qvapp_allproperties");
  } catch (error) {
    if (isQErr(error)) return undefined;
    throw error;
  }
}
