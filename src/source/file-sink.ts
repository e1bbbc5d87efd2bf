import { randomBytes } from "node:crypto";
import { type FileHandle, link, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { QErr } from "../errors.ts";
import { SYSTEM_BYTES, systemCode } from "./file.ts";
import type { PatchSink } from "./sink.ts";

export interface FileSinkOptions {
  /** Replace a file that is there; without it an existing target is `SINK_EXISTS`. */
  readonly force?: boolean;
}

/** A file in the making. */
export interface FileSink extends PatchSink {
  /** Where the bytes are until `commit`, for those who check them before. */
  readonly temporary: string;
}

/** The operations of a commit, in order; fault-injection tests stand in front of each of them. */
export type SinkStep = "create" | "write" | "sync" | "rename" | "sync-directory";

/** Called before each step; what it throws is treated as the step's own failure. */
export type SinkProbe = (step: SinkStep) => void;

/**
 * Writes a file so that its name shows either what was there before or the whole new file: a temporary file beside the
 * target (`.name.<random>.tmp`, created exclusively), fsync, rename, fsync of the directory. The mode of a replaced
 * file is kept. A crash can leave the temporary file, never a partial target.
 *
 * Without `force` the final step is `link`, which fails if the target appeared meanwhile: two writers cannot both win.
 * @throws `SINK_EXISTS` if the target is there and `force` is not set, `SINK_WRITE` if the file cannot be made.
 */
export async function fileSink(
  path: string,
  options: FileSinkOptions = {},
  probe: SinkProbe = () => {},
): Promise<FileSink> {
  const force = options.force ?? false;
  const before = await stat(path).catch(() => undefined);
  if (before !== undefined && !force) throw exists(path);
  if (before !== undefined && !before.isFile()) throw new QErr("SINK_WRITE", `${path} is not a regular file`);
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  let handle: FileHandle | undefined;

  const failed = (cause: unknown): QErr =>
    cause instanceof QErr
      ? cause
      : new QErr("SINK_WRITE", `${path} cannot be written (${systemCode(cause)})`, { cause });

  async function abort(): Promise<void> {
    const open_ = handle;
    handle = undefined;
    await open_?.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
  }

  try {
    probe("create");
    handle = await open(temporary, "wx", before?.mode ?? 0o666);
    // `open` applies the umask; a replaced file keeps exactly the mode it had.
    if (before !== undefined) await handle.chmod(before.mode & 0o7777);
  } catch (cause) {
    await abort();
    throw failed(cause);
  }

  /** At `position`, or behind what was written last if it is null. */
  async function put(bytes: Uint8Array, position: number | null): Promise<void> {
    try {
      probe("write");
      if (handle === undefined) throw new QErr("SINK_WRITE", `${path} was written after commit or abort`);
      for (let at = 0; at < bytes.byteLength; ) {
        const place = position === null ? null : position + at;
        const length = Math.min(SYSTEM_BYTES, bytes.byteLength - at);
        const { bytesWritten } = await handle.write(bytes, at, length, place);
        at += bytesWritten;
      }
    } catch (cause) {
      await abort();
      throw failed(cause);
    }
  }

  return {
    temporary,
    write: (bytes) => put(bytes, null),
    writeAt: (offset, bytes) => put(bytes, offset),
    async commit() {
      try {
        if (handle === undefined) throw new QErr("SINK_WRITE", `${path} was committed after commit or abort`);
        probe("sync");
        await handle.sync();
        const open_ = handle;
        handle = undefined;
        await open_.close();
        probe("rename");
        await publish(temporary, path, force);
        probe("sync-directory");
        await syncDirectory(dirname(path));
      } catch (cause) {
        await abort();
        throw failed(cause);
      }
    },
    abort,
  };
}

async function publish(temporary: string, path: string, force: boolean): Promise<void> {
  if (force) return rename(temporary, path);
  try {
    await link(temporary, path);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === "EEXIST") throw exists(path);
    // No hard links here (FAT, some network shares): rename, after a last look.
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS" && code !== "EMLINK") throw cause;
    if ((await stat(path).catch(() => undefined)) !== undefined) throw exists(path);
    return rename(temporary, path);
  }
  await rm(temporary, { force: true });
}

/** Makes a rename durable. Windows cannot open directories and has no need of it. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function exists(path: string): QErr {
  return new QErr("SINK_EXISTS", `${path} exists`, { hint: "choose another name, or replace it with --force" });
}
