import { open } from "node:fs/promises";
import { concat } from "../bytes/concat.ts";

const PIECE_BYTES = 64 * 1024;
const NEW_LINE = 10;

export interface TextLine {
  /** Without its end; undefined if it is longer than was to be kept. What is no UTF-8 in it is replaced. */
  readonly text: string | undefined;
  /** False for bytes behind the last line end. */
  readonly ended: boolean;
}

/**
 * The lines of a file of any length, one at a time; of a line no more than `most` bytes are held.
 * @throws what the system throws: the caller knows what the file is
 */
export async function* textLines(path: string, most: number): AsyncGenerator<TextLine> {
  const file = await open(path, "r");
  try {
    const piece = new Uint8Array(PIECE_BYTES);
    let held: Uint8Array[] = [];
    let length = 0;
    const take = (ended: boolean): TextLine => {
      const text = length > most ? undefined : Buffer.from(concat(held)).toString("utf8");
      held = [];
      length = 0;
      return { text, ended };
    };
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, PIECE_BYTES, null);
      if (bytesRead === 0) break;
      for (let at = 0; at < bytesRead; ) {
        const found = piece.subarray(0, bytesRead).indexOf(NEW_LINE, at);
        const end = found < 0 ? bytesRead : found;
        length += end - at;
        if (length <= most) held.push(piece.slice(at, end));
        else held = [];
        at = end + 1;
        if (found >= 0) yield take(true);
      }
    }
    if (length > 0) yield take(false);
  } finally {
    await file.close();
  }
}
