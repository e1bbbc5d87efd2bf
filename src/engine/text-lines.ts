import { open } from "node:fs/promises";
import { isUtf8 } from "../bytes/utf8.ts";

const PIECE_BYTES = 64 * 1024;
const NEW_LINE = 10;
/** What a decoder writes for bytes that are no UTF-8; a text may hold it, too. */
const REPLACEMENT = "\ufffd";

/**
 * Called with each line, without its end; `text` is undefined if it is longer than was to be kept, or no UTF-8: other bytes
 * must not pass for the same text. `ended` is false for bytes behind the last line end, where a letter may be cut in two.
 */
export type TakeLine = (text: string | undefined, ended: boolean) => void;

/**
 * Reads the lines of a file of any length, one after the other; of a line no more than `most` bytes are held. Lines are
 * handed over by call and not as an async iterable, which takes ten times as long for short ones.
 * @throws what the system throws: the caller knows what the file is
 */
export async function readLines(path: string, most: number, take: TakeLine): Promise<void> {
  const file = await open(path, "r");
  try {
    const piece = Buffer.alloc(PIECE_BYTES);
    // What earlier pieces had of the line that is being read.
    let held: Uint8Array[] = [];
    let before = 0;
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, PIECE_BYTES, null);
      if (bytesRead === 0) break;
      const bytes = piece.subarray(0, bytesRead);
      let at = 0;
      for (let end = bytes.indexOf(NEW_LINE); end >= 0; end = bytes.indexOf(NEW_LINE, at)) {
        if (before + end - at > most) take(undefined, true);
        else if (before > 0) take(wholeText([...held, bytes.subarray(at, end)]), true);
        else {
          // Lines come by the million: their bytes are cut out only where they have to be looked at.
          const text = piece.toString("utf8", at, end);
          take(text.includes(REPLACEMENT) ? wholeText([bytes.subarray(at, end)]) : text, true);
        }
        held = [];
        before = 0;
        at = end + 1;
      }
      before += bytesRead - at;
      if (before > most) held = [];
      else if (at < bytesRead) held.push(Uint8Array.from(bytes.subarray(at)));
    }
    if (before > 0) take(before > most ? undefined : textOf(held), false);
  } finally {
    await file.close();
  }
}

function wholeText(pieces: readonly Uint8Array[]): string | undefined {
  return isUtf8(Buffer.concat(pieces)) ? textOf(pieces) : undefined;
}

function textOf(pieces: readonly Uint8Array[]): string {
  return Buffer.concat(pieces).toString("utf8");
}
