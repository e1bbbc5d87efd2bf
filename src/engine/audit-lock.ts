import { open, readFile, readlink, rm } from "node:fs/promises";
import { QErr } from "../errors.ts";

const WAIT_MS = 20;
const TRIES = 500;

/**
 * Runs `work` while no other process does, by a lock file beside what is locked. A lock left by a process of this
 * machine that is gone (killed, or its number given to another) is taken away; where that cannot be told, as on other
 * systems than Linux, from another container or after a restart, it stays and the error says which file to remove.
 * @throws `SINK_WRITE` if the lock cannot be made or had
 */
export async function withLock(path: string, work: () => Promise<void>, tries = TRIES): Promise<void> {
  const me = await ownerHere();
  for (let left = tries; !(await create(path, me)); left--) {
    if (await clearIfLeft(path, me)) continue;
    if (left <= 0) {
      throw new QErr("SINK_WRITE", "another process keeps the audit log locked", {
        hint: `remove ${path} and ${recoveryOf(path)} if no other qvault is running`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
  try {
    await work();
  } finally {
    await rm(path, { force: true });
  }
}

/** Who made a lock. `place`: machine since its start, and process numbers as seen there; "" where that is unknown. */
interface Owner {
  readonly pid: number;
  readonly place: string;
  /** Clock ticks from the start of the machine to that of the process. */
  readonly started: string;
}

async function ownerHere(): Promise<Owner> {
  try {
    const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    const numbers = await readlink("/proc/self/ns/pid");
    const { started } = await processState(process.pid);
    return { pid: process.pid, place: `${boot} ${numbers}`, started };
  } catch {
    return { pid: process.pid, place: "", started: "" };
  }
}

/** `/proc/PID/stat`: members 3 and 22 (proc(5)); the name before them may hold blanks and parentheses. */
async function processState(pid: number): Promise<{ readonly state: string; readonly started: string }> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1");
  const members = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: members[0]!, started: members[19]! };
}

async function create(path: string, owner: Owner): Promise<boolean> {
  try {
    const lock = await open(path, "wx");
    try {
      await lock.writeFile(JSON.stringify(owner));
    } finally {
      await lock.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw new QErr("SINK_WRITE", "the audit log cannot be locked", { cause: error });
  }
}

function recoveryOf(path: string): string {
  return `${path}.recovery`;
}

/**
 * Removes a lock whose owner is gone. A lock of its own sees to it that nobody removes the next lock, which somebody
 * else may have made after both saw the old one: under it the old lock is looked at again, and only then removed.
 */
async function clearIfLeft(path: string, me: Owner): Promise<boolean> {
  if (!(await isLeft(path, me))) return false;
  if (!(await create(recoveryOf(path), me))) return false;
  try {
    if (!(await isLeft(path, me))) return false;
    await rm(path, { force: true });
    return true;
  } finally {
    await rm(recoveryOf(path), { force: true });
  }
}

async function isLeft(path: string, me: Owner): Promise<boolean> {
  const owner = await ownerOf(path);
  if (owner === undefined || owner.place === "" || owner.place !== me.place) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  try {
    const { state, started } = await processState(owner.pid);
    return state === "Z" || state === "X" || started !== owner.started;
  } catch {
    return false;
  }
}

async function ownerOf(path: string): Promise<Owner | undefined> {
  try {
    const { pid, place, started } = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    if (!Number.isInteger(pid) || (pid as number) <= 0) return undefined;
    if (typeof place !== "string" || typeof started !== "string") return undefined;
    return { pid: pid as number, place, started };
  } catch {
    // Gone, or its maker has not written it yet.
    return undefined;
  }
}
