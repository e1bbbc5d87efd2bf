import { close, fstat, open, read } from "node:fs";
import { promisify } from "node:util";
import { QErr } from "../errors.ts";
import { SYSTEM_BYTES } from "./file-operations.ts";
import { checkRange } from "./range.ts";
import type { ByteSource } from "./source.ts";

const openFd = promisify(open);
const statFd = promisify(fstat);
const closeFd = promisify(close);

/** One positional read; callbacks, because the promise API costs more than a page-cache read of 64 KiB. */
function readSome(fd: number, target: Uint8Array, at: number, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, target, at, Math.min(SYSTEM_BYTES, target.byteLength - at), offset + at, (error, count) =>
      error ? reject(error) : resolve(count),
    );
  });
}

/** A code of the operating system, e.g. `ENOENT`; empty if there is none. */
export function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** A source whose descriptor other threads can read from, until it is closed. */
export interface FileSource extends ByteSource {
  readonly fd: number;
}

/**
 * A source over a regular file, held open by its descriptor: if the path is replaced meanwhile, reading goes on in the
 * file that was opened. Files of any size; positions are exact up to 2^53.
 * @throws `SOURCE_NOT_FOUND` if there is no such file, `SOURCE_READ` if it cannot be opened or is no regular file.
 */
export async function fileSource(path: string): Promise<FileSource> {
  const fd = await openFd(path, "r").catch((cause: unknown) => {
    const missing = systemCode(cause) === "ENOENT";
    const why = missing ? "does not exist" : `cannot be opened (${systemCode(cause)})`;
    throw new QErr(missing ? "SOURCE_NOT_FOUND" : "SOURCE_READ", `${path} ${why}`, { cause });
  });
  const stat = await statFd(fd);
  if (!stat.isFile()) {
    await closeFd(fd);
    throw new QErr("SOURCE_READ", `${path} is not a regular file`);
  }
  const size = stat.size;
  let open_ = true;

  async function readInto(offset: number, target: Uint8Array): Promise<void> {
    checkRange(path, size, offset, target.byteLength);
    if (!open_) throw new QErr("SOURCE_READ", `${path} was closed`);
    for (let at = 0; at < target.byteLength; ) {
      const count = await readSome(fd, target, at, offset).catch((cause: unknown) => {
        throw new QErr("SOURCE_READ", `${path} cannot be read (${systemCode(cause)})`, { offset: offset + at, cause });
      });
      if (count === 0) {
        throw new QErr("SOURCE_CHANGED", `${path} became shorter while it was read`, { offset: offset + at });
      }
      at += count;
    }
  }

  return {
    fd,
    size,
    name: path,
    async read(offset, length) {
      checkRange(path, size, offset, length);
      // Not zeroed first: every byte is read over, or nothing is returned.
      const target = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
      await readInto(offset, target);
      return target;
    },
    readInto,
    async close() {
      if (!open_) return;
      open_ = false;
      await closeFd(fd);
    },
  };
}
