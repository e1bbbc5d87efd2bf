import { readFile, readlink } from "node:fs/promises";
import { QErr } from "../errors.ts";
import { systemCode } from "../source/file.ts";
import { fileOperations, removeFile, writeAll } from "../source/file-operations.ts";
import { isGone, type Owner, ownerHere, ownerText, parseOwner } from "../source/process-owner.ts";

const WAIT_MS = 20;

export interface LockOptions {
  /** What is locked, as it is called in errors. */
  readonly what: string;
  /** How often to ask for the lock, 20 ms apart; 0 not to wait. */
  readonly tries: number;
  /** A temporary file that the holder will make; whoever finds the lock of a killed process removes it. */
  readonly temporary?: string | undefined;
  /** Whether a path in a lock that was left may be removed; a lock is a file like any other, and anybody's. */
  readonly mayRemove?: ((temporary: string) => boolean) | undefined;
}

export interface Lock {
  release(): Promise<void>;
}

/**
 * Takes a lock, which is a symbolic link whose text names its process: it is there at once with all of it, or not at
 * all. Where there are no symbolic links it is a file. A lock whose process is gone (killed, its number given to
 * another, the machine started anew) is taken away; where that cannot be told, as from another container or machine, it
 * stays and the error says which file to remove.
 * @throws `SINK_WRITE` if the lock cannot be made or had
 */
export async function takeLock(path: string, options: LockOptions): Promise<Lock> {
  const mine = JSON.stringify({ owner: ownerText(await ownerHere()), temporary: options.temporary });
  for (let left = options.tries; !(await create(path, mine, options)); left--) {
    if (await clearIfLeft(path, mine, options)) continue;
    if (left <= 0) {
      throw new QErr("SINK_WRITE", `another process keeps ${options.what} locked`, {
        hint: `remove ${path} and ${recoveryOf(path)} if no other qvault is running`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
  return { release: () => remove(path, options) };
}

/** Runs `work` while no other process does. */
export async function withLock(path: string, options: LockOptions, work: () => Promise<void>): Promise<void> {
  const lock = await takeLock(path, options);
  try {
    await work();
  } finally {
    await lock.release();
  }
}

async function create(path: string, text: string, { what }: LockOptions): Promise<boolean> {
  const operations = fileOperations();
  try {
    await operations.symlink(text, path).catch(async (cause: unknown) => {
      if (!["EPERM", "ENOTSUP", "ENOSYS", "ENAMETOOLONG"].includes(systemCode(cause))) throw cause;
      const file = await operations.open(path, "wx");
      try {
        await writeAll(file, new TextEncoder().encode(text), null);
      } catch (error) {
        // An empty lock tells of nobody, and would never be taken away.
        await removeFile(path).catch(() => {});
        throw error;
      } finally {
        await file.close();
      }
    });
    return true;
  } catch (cause) {
    if (systemCode(cause) === "EEXIST") return false;
    throw new QErr("SINK_WRITE", `${what} cannot be locked (${systemCode(cause)})`, { cause });
  }
}

async function remove(path: string, { what }: LockOptions): Promise<void> {
  await removeFile(path).catch((cause: unknown) => {
    throw new QErr("SINK_WRITE", `${what} stays locked (${systemCode(cause)})`, { cause, hint: `remove ${path}` });
  });
}

function recoveryOf(path: string): string {
  return `${path}.recovery`;
}

/**
 * Removes a lock whose owner is gone. A lock of its own sees to it that nobody removes the next lock, which somebody
 * else may have made after both saw the old one: under it the old lock is looked at again, and only then removed.
 */
async function clearIfLeft(path: string, mine: string, options: LockOptions): Promise<boolean> {
  if ((await leftBy(path)) === undefined) return false;
  const recovery = recoveryOf(path);
  if (!(await create(recovery, mine, options))) {
    // Killed while it cleared. Two could now clear at once; that takes two crashes and a race, against a lock for ever.
    if ((await leftBy(recovery)) !== undefined) await remove(recovery, options);
    return false;
  }
  try {
    const left = await leftBy(path);
    if (left === undefined) return false;
    if (left.temporary !== undefined && options.mayRemove?.(left.temporary)) await remove(left.temporary, options);
    await remove(path, options);
    return true;
  } finally {
    await remove(recovery, options);
  }
}

interface Holder {
  readonly owner: Owner;
  readonly temporary: string | undefined;
}

/** What a lock says, if its process is gone. */
async function leftBy(path: string): Promise<Holder | undefined> {
  const holder = parse((await readlink(path).catch(() => readFile(path, "utf8").catch(() => ""))) as string);
  return holder !== undefined && (await isGone(holder.owner, await ownerHere())) ? holder : undefined;
}

function parse(text: string): Holder | undefined {
  try {
    const { owner, temporary } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const parsed = typeof owner === "string" ? parseOwner(owner) : undefined;
    return parsed && { owner: parsed, temporary: typeof temporary === "string" ? temporary : undefined };
  } catch {
    // Gone, or its maker has not written it yet, where it is a file.
    return undefined;
  }
}
