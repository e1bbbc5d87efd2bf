import { open, readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { QErr } from "../errors.ts";
import { systemCode } from "../source/file.ts";

/** One rotation at a time on a file. */
export interface Lock {
  /** Remembers a temporary file, so that whoever finds this lock after a crash can clear it away. */
  note(temporary: string): Promise<void>;
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly temporary?: string;
}

/**
 * Locks a file for rotation by `.NAME.lock` beside it. A lock whose process is gone (killed, or the machine was
 * restarted) is taken over, and the temporary file it left is removed.
 * @throws `SINK_WRITE` if another process works on the file, or the folder cannot be written
 */
export async function takeLock(file: string): Promise<Lock> {
  const path = join(dirname(file), `.${basename(file)}.lock`);
  const mine: Holder = { pid: process.pid, host: hostname() };
  for (let tries = 0; ; tries++) {
    try {
      const handle = await open(path, "wx");
      await handle.writeFile(JSON.stringify(mine));
      await handle.close();
      break;
    } catch (cause) {
      if (systemCode(cause) !== "EEXIST")
        throw new QErr("SINK_WRITE", `${file} cannot be locked (${systemCode(cause)})`, { cause });
      const holder = await readHolder(path);
      if (tries > 0 || (holder !== undefined && isAlive(holder))) {
        throw new QErr("SINK_WRITE", `${file} is being rotated by another process`, {
          hint: `if there is none, remove ${path}`,
        });
      }
      if (
        holder?.temporary?.startsWith(join(dirname(file), `.${basename(file)}.`)) &&
        holder.temporary.endsWith(".tmp")
      )
        await rm(holder.temporary, { force: true });
      await rm(path, { force: true });
    }
  }
  return {
    async note(temporary) {
      await writeFile(path, JSON.stringify({ ...mine, temporary }));
    },
    async release() {
      await rm(path, { force: true });
    },
  };
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Holder;
  } catch {
    // Killed between creating and writing it, or gone meanwhile.
    return undefined;
  }
}

/** Of a process of another machine (a share) nothing is known, so it counts as alive. */
function isAlive(holder: Holder): boolean {
  if (holder.host !== hostname()) return true;
  if (holder.pid === process.pid) return false;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}
