import { decodeUtf8 } from "../bytes/utf8.ts";
import { isQErr } from "../errors.ts";

const FIRST_TAB = new TextEncoder().encode("///$tab");

/** A load script in the property blob: where its text begins, and how many bytes it has. */
export interface ScriptCopy {
  readonly at: number;
  readonly length: number;
  readonly text: string;
}

/**
 * The load scripts in `qvapp_allproperties`, a blob that is not understood: texts that begin with Qlik's first tab and
 * have their length in bytes before them. Real files have one, or an older one besides.
 */
export function scriptCopies(blob: Uint8Array): ScriptCopy[] {
  const copies: ScriptCopy[] = [];
  for (let at = blob.indexOf(FIRST_TAB[0]!); at >= 0; at = blob.indexOf(FIRST_TAB[0]!, at + 1)) {
    if (!FIRST_TAB.every((byte, k) => blob[at + k] === byte)) continue;
    const copy = copyAt(blob, at);
    if (copy === undefined) continue;
    copies.push(copy);
    // Further tabs of the same script are inside it.
    at += copy.length - 1;
  }
  return copies;
}

/**
 * The first of the {@link scriptCopies}. In files with a script of its own this copy is often an older one, so it is the
 * last resort.
 */
export function scriptCopy(blob: Uint8Array): string | undefined {
  return scriptCopies(blob)[0]?.text;
}

/** The longest text whose length ends right before `at` and that is UTF-8. */
function copyAt(blob: Uint8Array, at: number): ScriptCopy | undefined {
  for (let count = Math.min(MOST_MORE + 1, at); count >= 1; count--) {
    const length = lengthOf(blob.subarray(at - count, at));
    if (length === undefined || length < FIRST_TAB.byteLength || length > blob.byteLength - at) continue;
    const text = textOf(blob.subarray(at, at + length));
    if (text !== undefined) return { at, length, text };
  }
  return undefined;
}

/** Three more bytes are enough for 256 MiB. */
const MOST_MORE = 3;

/**
 * A length of the blob: the ones at the top of the first byte count the bytes that follow, a zero ends them; the bits
 * below are the lowest of the number, the following bytes go on from there, little endian. `98 27` is 24 + 39 * 64.
 */
function lengthOf(bytes: Uint8Array): number | undefined {
  const more = bytes.byteLength - 1;
  const ones = Math.clz32(~(bytes[0]! << 24));
  if (ones !== more) return undefined;
  let value = bytes[0]! & (0x7f >> more);
  for (let k = 0; k < more; k++) value += bytes[k + 1]! * 2 ** (7 - more + 8 * k);
  return value;
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return decodeUtf8(bytes, "qvapp_allproperties");
  } catch (error) {
    if (isQErr(error)) return undefined;
    throw error;
  }
}
