import { createHash } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { needs, QErr } from "../errors.ts";
import { MAX_AUDIT_LINE_BYTES } from "../limits.ts";
import { withLock } from "./audit-lock.ts";

/** What is written down of one opening. Never a data value, never a password. */
export interface AuditEvent {
  readonly time: string;
  readonly user: {
    readonly userid?: string;
    readonly email?: string;
    readonly ntname?: string;
    readonly groups?: readonly string[];
  };
  readonly app: string;
  /** Hash over data and section access of the app. */
  readonly version: string;
  readonly mode: string;
  readonly outcome: "opened" | "denied" | "no-data";
  /** Every reason that holds, for a denial; field names may occur in it. */
  readonly reasons?: readonly string[];
  /** Hash of what the user sees: equal for equal reductions of one version. */
  readonly reduction?: string;
  /** Kept rows per table. */
  readonly rows?: Readonly<Record<string, number>>;
  readonly omitted?: readonly string[];
}

/** Where events go. `append` returns when the event is durable; it rejects if it is not, and then nothing is opened. */
export interface AuditLog {
  append(event: AuditEvent): Promise<void>;
}

interface ChainedEvent extends AuditEvent {
  readonly seq: number;
  readonly previous: string;
  readonly hash: string;
}

/** The hash before the first line. */
export const AUDIT_START = "0".repeat(64);

export interface FileAuditOptions {
  /** Bytes of a line without its end; {@link MAX_AUDIT_LINE_BYTES} if left out. */
  readonly maxLineBytes?: number | undefined;
  /** How often to ask for the lock, 20 ms apart; 500 if left out. */
  readonly lockTries?: number | undefined;
}

/**
 * An append-only file of JSON lines, each with the hash of the line before it. Writers of several processes take turns
 * by a lock file. `append` throws `LIMIT_EXCEEDED` for a line that is too long, `AUDIT_BROKEN` if the last line is
 * damaged, `SINK_WRITE` if the lock cannot be had.
 */
export function fileAuditLog(path: string, options: FileAuditOptions = {}): AuditLog {
  const most = options.maxLineBytes ?? MAX_AUDIT_LINE_BYTES;
  const write = async (event: AuditEvent): Promise<void> => {
    const file = await open(path, "a+");
    try {
      const last = await lastEvent(file, most);
      const line = chain(event, (last?.seq ?? 0) + 1, last?.hash ?? AUDIT_START);
      const bytes = new TextEncoder().encode(`${line}\n`);
      // The next one could not find its end again.
      needs(bytes.length - 1 <= most, "LIMIT_EXCEEDED", `a line of the audit log takes at most ${most} bytes`);
      await file.appendFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  };
  return { append: (event) => withLock(`${path}.lock`, () => write(event), options.lockTries) };
}

/** One line: the event with its number, the hash before it, and as the last member its own hash. */
export function chain(event: AuditEvent, seq: number, previous: string): string {
  const body = JSON.stringify({ seq, previous, ...event });
  return `${body.slice(0, -1)},"hash":"${sha256(body)}"}`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function lastEvent(
  file: Awaited<ReturnType<typeof open>>,
  maxLineBytes: number,
): Promise<ChainedEvent | undefined> {
  const { size } = await file.stat();
  if (size === 0) return undefined;
  const length = Math.min(size, maxLineBytes + 1);
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
  const lines = buffer.toString("utf8").split("\n");
  const last = checkLine(lines.at(-2) ?? "");
  if (lines.at(-1) !== "" || last === undefined) {
    throw new QErr("AUDIT_BROKEN", "the last line of the audit log is damaged, so nothing can be chained to it", {
      hint: "run `qvault audit verify`, keep the file, and start a new one",
    });
  }
  return last;
}

/** The event of a line whose own hash is right. */
function checkLine(line: string): ChainedEvent | undefined {
  const match = /^(\{.*),"hash":"([0-9a-f]{64})"\}$/s.exec(line);
  if (match === null || sha256(`${match[1]}}`) !== match[2]) return undefined;
  return JSON.parse(line) as ChainedEvent;
}

/** What is wrong with an audit log, by line. */
export interface AuditFinding {
  /** From 1. */
  readonly line: number;
  readonly what: "changed" | "missing or re-ordered" | "cut short";
}

export interface AuditVerdict {
  readonly ok: boolean;
  readonly lines: number;
  /** Hash of the last line: keep it elsewhere, since lines cut off at the end leave a shorter, perfect chain. */
  readonly head: string;
  readonly findings: readonly AuditFinding[];
}

/**
 * Checks a log: every line unchanged, none missing, none out of order. Lines removed from the end are found only by the
 * `head` that was seen before.
 */
export async function verifyAuditLog(path: string, head?: string): Promise<AuditVerdict> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new QErr("SOURCE_NOT_FOUND", `${path} cannot be read`, { cause });
  }
  return verifyAudit(text, head);
}

export function verifyAudit(text: string, head?: string): AuditVerdict {
  const findings: AuditFinding[] = [];
  const lines = text.split("\n");
  const whole = lines.pop() === "";
  if (!whole) findings.push({ line: lines.length + 1, what: "cut short" });
  let previous = AUDIT_START;
  let seq = 0;
  let headSeen = head === undefined || head === AUDIT_START;
  lines.forEach((line, i) => {
    const event = checkLine(line);
    if (event === undefined) {
      findings.push({ line: i + 1, what: "changed" });
      // What follows is judged by itself: its predecessor's hash is unknown.
      previous = "";
      seq += 1;
      return;
    }
    const follows = event.seq === seq + 1 && (previous === "" || event.previous === previous);
    if (!follows) findings.push({ line: i + 1, what: "missing or re-ordered" });
    previous = event.hash;
    seq = event.seq;
    if (event.hash === head) headSeen = true;
  });
  if (!headSeen) findings.push({ line: lines.length + 1, what: "missing or re-ordered" });
  return { ok: findings.length === 0, lines: lines.length, head: previous, findings };
}
