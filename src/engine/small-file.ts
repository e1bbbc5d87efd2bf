import { open } from "node:fs/promises";
import { concat } from "../bytes/concat.ts";
import { decodeUtf8 } from "../bytes/utf8.ts";
import { needs, QErr } from "../errors.ts";
import { MAX_CONFIG_BYTES } from "../limits.ts";

const PIECE_BYTES = 64 * 1024;

/**
 * Reads a file that is held in memory as a whole: a manifest, a policy case, a list of names. Pipes as well, so that a
 * password can come from one; no more is read than may be kept, whatever the size says.
 * @throws `SOURCE_NOT_FOUND` if it cannot be read, `LIMIT_EXCEEDED` beyond `most` bytes
 */
export async function readSmallFile(path: string, most = MAX_CONFIG_BYTES): Promise<Uint8Array> {
  const unreadable = (cause: unknown): never => {
    throw new QErr("SOURCE_NOT_FOUND", `${path} cannot be read`, { cause });
  };
  const file = await open(path, "r").catch(unreadable);
  const pieces: Uint8Array[] = [];
  try {
    for (let length = 0; ; ) {
      const piece = new Uint8Array(PIECE_BYTES);
      const { bytesRead } = await file.read(piece, 0, PIECE_BYTES, null).catch(unreadable);
      if (bytesRead === 0) return concat(pieces);
      length += bytesRead;
      needs(length <= most, "LIMIT_EXCEEDED", `${path} has over ${most} bytes`, {
        hint: "a file of this kind is small; check that it is the one that was meant",
      });
      pieces.push(piece.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/**
 * The same as text, without a byte order mark.
 * @throws `BYTES_UTF8` as well
 */
export async function readSmallText(path: string, most = MAX_CONFIG_BYTES): Promise<string> {
  return decodeUtf8(await readSmallFile(path, most), path).replace(/^\ufeff/, "");
}
