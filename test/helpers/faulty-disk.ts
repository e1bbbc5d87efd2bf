import { lstatSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type FileOperations, type OpenFile, SYSTEM_OPERATIONS } from "../../src/source/file-operations.ts";

/** What happens at the chosen operation: an error of the system, a write that takes less, or the end of the process. */
export type FaultKind = "ENOSPC" | "EIO" | "EACCES" | "EPERM" | "short" | "nothing" | "kill" | "torn";

export interface Fault {
  readonly kind: FaultKind;
  /** Number of the operation, from 1. */
  readonly at: number;
  /** At every operation from there on. */
  readonly forEver?: boolean;
}

/** Thrown when the process has been killed: nothing that is tried afterwards does anything. */
export class Killed extends Error {}

export interface FaultyDisk extends FileOperations {
  /** The operations that were tried, in order. */
  readonly calls: readonly string[];
}

/** The system's operations, of which one (or all from one on) goes wrong. */
export function faultyDisk(fault?: Fault): FaultyDisk {
  const calls: string[] = [];
  let dead = false;

  async function step<T>(name: string, work: () => Promise<T>, partly?: () => Promise<T>): Promise<T> {
    if (dead) throw new Killed();
    calls.push(name);
    const hit = fault !== undefined && (fault.forEver ? calls.length >= fault.at : calls.length === fault.at);
    if (!hit) return work();
    const { kind } = fault;
    if (kind === "short" || kind === "nothing") return partly ? partly() : work();
    if (kind === "kill" || kind === "torn") {
      if (kind === "torn") await partly?.();
      dead = true;
      throw new Killed();
    }
    throw Object.assign(new Error(`${kind}: injected`), { code: kind });
  }

  function wrapped(file: OpenFile): OpenFile {
    const write = (bytes: Uint8Array, at = 0, length = bytes.byteLength - at, position: number | null = null) => {
      const take = fault?.kind === "nothing" ? 0 : Math.ceil(length / 2);
      const all = () => file.write(bytes, at, length, position);
      const some = async () =>
        take === 0 ? { bytesWritten: 0, buffer: bytes } : file.write(bytes, at, take, position);
      return step("write", all, some);
    };
    return {
      write: write as OpenFile["write"],
      read: file.read.bind(file),
      stat: file.stat.bind(file),
      fd: file.fd,
      sync: () => step("sync", () => file.sync()),
      truncate: (length) => step("truncate", () => file.truncate(length)),
      chmod: (mode) => step("chmod", () => file.chmod(mode)),
      chown: (uid, gid) => step("chown", () => file.chown(uid, gid)),
      async close() {
        // A descriptor is closed whatever is reported, as by the system.
        await file.close();
        await step("close", async () => {});
      },
    };
  }

  return {
    calls,
    open: (path, flags, mode) => step("open", async () => wrapped(await SYSTEM_OPERATIONS.open(path, flags, mode))),
    rename: (from, to) => step("rename", () => SYSTEM_OPERATIONS.rename(from, to)),
    link: (from, to) => step("link", () => SYSTEM_OPERATIONS.link(from, to)),
    symlink: (text, path) => step("symlink", () => SYSTEM_OPERATIONS.symlink(text, path)),
    unlink: (path) => step("unlink", () => SYSTEM_OPERATIONS.unlink(path)),
    mkdir: (path, mode) => step("mkdir", () => SYSTEM_OPERATIONS.mkdir(path, mode)),
    rmdir: (path) => step("rmdir", () => SYSTEM_OPERATIONS.rmdir(path)),
    removeAll: (path) => step("removeAll", () => SYSTEM_OPERATIONS.removeAll(path)),
  };
}

const OWNER = /([0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-z]+-)[0-9]+/g;

/**
 * Makes what this process left in a folder look as if a process that is gone had left it: one with the same number, that
 * was started at another time. For faults that only play the death of a process.
 */
export function disown(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there?.isSymbolicLink()) {
      const text = readlinkSync(path);
      if (text.replace(OWNER, "$11") === text) continue;
      rmSync(path);
      // Of the temporary file's name too, which goes with it below.
      symlinkSync(text.replace(OWNER, "$11"), path);
    } else if (there !== undefined && name.replace(OWNER, "$11") !== name) {
      renameSync(path, join(folder, name.replace(OWNER, "$11")));
    }
  }
}
