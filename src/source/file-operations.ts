import { AsyncLocalStorage } from "node:async_hooks";
import { type FileHandle, link, mkdir, open, realpath, rename, rm, rmdir, symlink, unlink } from "node:fs/promises";
import { dirname } from "node:path";

/** What is done with a file that is open for writing. */
export type OpenFile = Pick<
  FileHandle,
  "write" | "read" | "stat" | "sync" | "truncate" | "chmod" | "chown" | "close" | "fd"
>;

/** Every call that changes something on a disk. All writing goes through these, so that tests can make each one fail. */
export interface FileOperations {
  open(path: string, flags: "wx" | "wx+" | "a" | "a+" | "r", mode?: number): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  /** A second name for a file; fails if it is taken. */
  link(from: string, to: string): Promise<void>;
  /** A file that is only a text of at most some 4000 bytes, there at once with all of it, or not at all. */
  symlink(text: string, path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  mkdir(path: string, mode?: number): Promise<void>;
  rmdir(path: string): Promise<void>;
  /** A folder with all that is in it. */
  removeAll(path: string): Promise<void>;
}

export const SYSTEM_OPERATIONS: FileOperations = {
  open,
  rename,
  link,
  symlink,
  unlink,
  async mkdir(path, mode) {
    await mkdir(path, mode === undefined ? {} : { mode });
  },
  rmdir,
  removeAll: (path) => rm(path, { recursive: true, force: true }),
};

const given = new AsyncLocalStorage<FileOperations>();

/** The operations to write with here: the system's, unless the caller of a caller gave others. */
export function fileOperations(): FileOperations {
  return given.getStore() ?? SYSTEM_OPERATIONS;
}

/** Does `work` with other operations than the system's: for tests of what happens when a disk fails. */
export function withFileOperations<T>(operations: FileOperations, work: () => Promise<T>): Promise<T> {
  return given.run(operations, work);
}

/** Bytes of one read or write of the system: beyond 2^31 - 1 Node refuses, and the system gives less anyway. */
export const SYSTEM_BYTES = 2 ** 30;

/** Writes all of `bytes`, however few the system takes at a time; behind what was written last if `position` is null. */
export async function writeAll(file: OpenFile, bytes: Uint8Array, position: number | null): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) {
    const length = Math.min(SYSTEM_BYTES, bytes.byteLength - at);
    const { bytesWritten } = await file.write(bytes, at, length, position === null ? null : position + at);
    // A system that takes nothing and reports no error would be asked for ever.
    if (bytesWritten === 0) throw Object.assign(new Error("nothing was written"), { code: "EIO" });
    at += bytesWritten;
  }
}

/** Makes names in a folder durable. Windows cannot open directories and has no need of it. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await fileOperations().open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Makes the name of a new file durable, which its own fsync does not promise. Who may make files in a folder and not list
 * it cannot do so: there the system is believed.
 */
export async function syncName(path: string): Promise<void> {
  try {
    await syncDirectory(dirname(await realpath(path)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
  }
}

/** Removes a file if it is there. */
export async function removeFile(path: string): Promise<void> {
  try {
    await fileOperations().unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
