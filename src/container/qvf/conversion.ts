import { QErr } from "../../errors.ts";
import type { ByteSource } from "../../source/source.ts";
import { SECTOR } from "./header.ts";

/** How much of a file is looked at to tell a converted file from a cut one. Compressed data shows either in far less. */
const SCAN_BYTES = 16 * 1024 * 1024;
const PIECE = 1024 * 1024;
const CR = 13;
const LF = 10;
/** Bare line feeds expected in compressed data for every CR LF pair: 256; below this many there is no evidence. */
const ENOUGH = 64;

/**
 * A QVF is made of whole sectors. One that is not has lost or gained bytes; git's line-ending conversion of a binary
 * file is the usual reason and leaves a file without a single CR LF (or without a single bare LF).
 * @throws `QVF_CONVERTED` if the line endings say so, else `QVF_HEADER`.
 */
export async function checkWholeSectors(source: ByteSource): Promise<void> {
  if (source.size % SECTOR === 0) return;
  const { pairs, bare } = await countLineEnds(source);
  if ((pairs === 0 && bare >= ENOUGH) || (bare === 0 && pairs >= ENOUGH)) {
    const change = pairs === 0 ? "CR LF became LF" : "LF became CR LF";
    throw new QErr("QVF_CONVERTED", `the file was converted as if it were text (${change}), so bytes moved`, {
      hint: "get it again without conversion (git: mark *.qvf as binary), or use --salvage for the script and objects",
    });
  }
  throw new QErr(
    "QVF_HEADER",
    `${source.size} bytes are not a whole number of ${SECTOR}-byte sectors: the file is cut`,
    {
      part: "header",
      hint: "get the file again, or use --salvage for the script and objects",
    },
  );
}

async function countLineEnds(source: ByteSource): Promise<{ readonly pairs: number; readonly bare: number }> {
  let pairs = 0;
  let bare = 0;
  let previous = 0;
  const end = Math.min(source.size, SCAN_BYTES);
  for (let at = 0; at < end; at += PIECE) {
    const piece = await source.read(at, Math.min(PIECE, end - at));
    for (const byte of piece) {
      if (byte === LF) {
        if (previous === CR) pairs += 1;
        else bare += 1;
      }
      previous = byte;
    }
  }
  return { pairs, bare };
}
