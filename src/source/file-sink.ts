import type { Stats } from "node:fs";
import { readlink, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { needs, QErr } from "../errors.ts";
import { goesAtExit, staysAtExit } from "./at-exit.ts";
import { systemCode } from "./file.ts";
import { fileOperations, type OpenFile, removeFile, syncDirectory, writeAll } from "./file-operations.ts";
import type { PatchSink } from "./sink.ts";
import { clearLeftovers, temporaryName } from "./temporary.ts";

export interface FileSinkOptions {
  /** Replace a file that is there; without it an existing target is `SINK_EXISTS`. */
  readonly force?: boolean;
  /** Mode of a new file, before the umask; a replaced file keeps its own. 0o600 for what only its owner may read. */
  readonly mode?: number | undefined;
  /** The temporary file's name, from whoever holds a lock on the target and clears away what killed runs left. */
  readonly temporary?: string | undefined;
  /** Asked just before the target is replaced; what it throws keeps the target as it is. */
  readonly beforeReplace?: (() => Promise<void>) | undefined;
}

/** A file in the making. */
export interface FileSink extends PatchSink {
  /** Where the bytes are until `commit`, for those who check them before. */
  readonly temporary: string;
}

/**
 * Writes a file so that its name shows either what was there before or the whole new file: a temporary file beside the
 * target (created exclusively, its name tells its process), fsync, rename, fsync of the directory. Mode, owner and
 * group of a replaced file are kept as far as the system lets us. A crash can leave the temporary file, never a partial
 * target; the next sink for the same target removes it.
 *
 * Without `force` the final step is `link`, which fails if the target appeared meanwhile: two writers cannot both win.
 * A target that is a symbolic link is replaced, not written through; links in the folder's path are followed once.
 * @throws `SINK_EXISTS` if the target is there and `force` is not set, `SINK_WRITE` if the file cannot be made.
 */
export async function fileSink(path: string, options: FileSinkOptions = {}): Promise<FileSink> {
  const operations = fileOperations();
  const force = options.force ?? false;
  const failed = (cause: unknown): QErr =>
    cause instanceof QErr
      ? cause
      : new QErr("SINK_WRITE", `${path} cannot be written (${systemCode(cause)})`, { cause });

  // What a link in the path points to later cannot lead the rename elsewhere.
  const folder = await realpath(dirname(path)).catch((cause: unknown) => {
    throw failed(cause);
  });
  const target = join(folder, basename(path));
  await needsFileName(path, target);
  if (options.temporary === undefined) await clearLeftovers(target);
  const before = await stat(path).catch(() => undefined);
  if (before !== undefined && !force) throw exists(path);
  if (before !== undefined && !before.isFile()) throw new QErr("SINK_WRITE", `${path} is not a regular file`);
  const temporary = options.temporary ?? (await temporaryName(target));
  let file: OpenFile | undefined;
  let made = false;

  async function abort(): Promise<void> {
    const opened = file;
    file = undefined;
    await opened?.close().catch(() => {});
    if (made) await removeFile(temporary).catch(() => {});
    made = false;
    staysAtExit(temporary);
  }

  // Before it is there: a signal may come between its making and our being told.
  goesAtExit(temporary);
  try {
    // Nobody else reads what may yet be refused; the mode of a replaced file comes last.
    file = await operations.open(temporary, "wx", before === undefined ? (options.mode ?? 0o666) : 0o600);
    made = true;
  } catch (cause) {
    staysAtExit(temporary);
    throw failed(cause);
  }

  /** At `position`, or behind what was written last if it is null. */
  async function put(bytes: Uint8Array, position: number | null): Promise<void> {
    try {
      if (file === undefined) throw new QErr("SINK_WRITE", `${path} was written after commit or abort`);
      await writeAll(file, bytes, position);
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
        if (file === undefined) throw new QErr("SINK_WRITE", `${path} was committed after commit or abort`);
        if (before !== undefined) await keepRights(file, before);
        await file.sync();
        // Network shares tell of a full disk only here.
        const opened = file;
        file = undefined;
        await opened.close();
        await options.beforeReplace?.();
        await publish(temporary, target, force);
        made = false;
        staysAtExit(temporary);
      } catch (cause) {
        await abort();
        throw failed(cause);
      }
      try {
        await syncDirectory(folder);
      } catch (cause) {
        throw new QErr("SINK_WRITE", `${path} is written, but a crash might still undo that (${systemCode(cause)})`, {
          cause,
          hint: "the new file is in its place; look after the disk, then run the command again",
        });
      }
    },
    abort,
  };
}

/** Owner, group and mode as before; where the group cannot be kept, nobody gets its rights instead. */
async function keepRights(file: OpenFile, before: Pick<Stats, "uid" | "gid" | "mode">): Promise<void> {
  const now = await file.stat();
  const give = (uid: number, gid: number) =>
    (now.uid === uid && now.gid === gid) ||
    file.chown(uid, gid).then(
      () => true,
      () => false,
    );
  const kept = (await give(before.uid, before.gid)) || (await give(now.uid, before.gid));
  await file.chmod(before.mode & (kept ? 0o777 : 0o707));
}

/** A name of a folder is no file's; nor is one that stands for a stream of the process, which would be replaced by a file. */
async function needsFileName(path: string, target: string): Promise<void> {
  needs(!path.endsWith("/") && !path.endsWith(sep), "SINK_WRITE", `${path} is the name of a folder`);
  const behind = resolve(dirname(target), await readlink(target).catch(() => "."));
  needs(!/^\/(proc|dev\/fd)\//.test(behind), "SINK_WRITE", `${path} stands for a stream of this process`, {
    hint: "for standard output say -",
  });
}

async function publish(temporary: string, path: string, force: boolean): Promise<void> {
  const operations = fileOperations();
  if (force) return operations.rename(temporary, path);
  try {
    await operations.link(temporary, path);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === "EEXIST") throw exists(path);
    // No hard links here (FAT, some network shares): rename, after a last look.
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS" && code !== "EMLINK") throw cause;
    if ((await stat(path).catch(() => undefined)) !== undefined) throw exists(path);
    return operations.rename(temporary, path);
  }
  // The file is there under its name; a second name that cannot be removed is for the next run.
  await removeFile(temporary).catch(() => {});
}

function exists(path: string): QErr {
  return new QErr("SINK_EXISTS", `${path} exists`, { hint: "choose another name, or replace it with --force" });
}
