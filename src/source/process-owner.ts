import { createHash } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";

/** Which process made a lock or a temporary file: enough to tell later that it is gone. */
export interface Owner {
  readonly pid: number;
  /** Clock ticks from the start of the machine to that of the process; "" where the system does not tell. */
  readonly started: string;
  /** Host name and machine, hashed. */
  readonly host: string;
  /** The machine's last start, hashed. */
  readonly boot: string;
  /** Where process numbers mean the same (a container has its own), hashed. */
  readonly space: string;
}

/** This process, and whether its machine has a name that lasts, by which it is known again after a restart. */
export interface Self extends Owner {
  readonly lasting: boolean;
}

const textOf = async (path: string) => (await readFile(path, "utf8").catch(() => "")).trim();
const short = (...words: readonly string[]) =>
  createHash("sha256").update(JSON.stringify(words)).digest("hex").slice(0, 8);

export async function ownerHere(): Promise<Self> {
  const machine = await textOf("/etc/machine-id");
  return {
    pid: process.pid,
    started: (await processState(process.pid))?.started ?? "",
    host: short(hostname(), machine),
    boot: short(await textOf("/proc/sys/kernel/random/boot_id")),
    space: short(await readlink("/proc/self/ns/pid").catch(() => "")),
    lasting: machine !== "",
  };
}

/** `/proc/PID/stat`: members 3 and 22 (proc(5)); the name before them may hold blanks and parentheses. */
async function processState(pid: number): Promise<{ readonly state: string; readonly started: string } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  const members = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, started] = [members[0], members[19]];
  return state === undefined || started === undefined ? undefined : { state, started };
}

/**
 * True if `owner` is certainly gone: killed, its number given to another process, or the machine started anew. Of
 * another machine or another container nothing is known, so its processes count as alive.
 */
export async function isGone(owner: Owner, me: Self): Promise<boolean> {
  if (owner.host !== me.host) return false;
  if (owner.boot !== me.boot) return me.lasting;
  if (owner.space !== me.space) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  const now = await processState(owner.pid);
  if (now === undefined || owner.started === "") return false;
  return now.state === "Z" || now.state === "X" || now.started !== owner.started;
}

/** An owner as a piece of a file name; {@link parseOwner} reads it. */
export function ownerText({ host, boot, space, pid, started }: Owner): string {
  return [host, boot, space, pid.toString(36), started].join("-");
}

export function parseOwner(text: string): Owner | undefined {
  const match = /^([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-z]{1,8})-([0-9]{0,20})$/.exec(text);
  if (match === null) return undefined;
  const [, host, boot, space, pid, started] = match as unknown as readonly [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const number = Number.parseInt(pid, 36);
  return number > 0 && number <= 0x7fffffff ? { host, boot, space, pid: number, started } : undefined;
}
