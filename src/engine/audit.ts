import { createHash } from "node:crypto";
import { realpath } from "node:fs/promises";
import { parseJsonText } from "../bytes/json.ts";
import { needs, QErr } from "../errors.ts";
import { MAX_AUDIT_LINE_BYTES } from "../limits.ts";
import { systemCode } from "../source/file.ts";
import { fileOperations, type OpenFile, syncName, writeAll } from "../source/file-operations.ts";
import { withLock } from "./file-lock.ts";

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

export interface ChainedEvent extends AuditEvent {
  readonly seq: number;
  readonly previous: string;
  /** Bytes of a line that a crash had cut short and that made room for this one; what it told of was not opened. */
  readonly tornBytes?: number;
  readonly hash: string;
}

/** How often to ask for the log's lock, 20 ms apart. */
const LOCK_TRIES = 500;

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
 * by a lock. A line that a crash cut short is taken away, and the next line says so: its event was not acknowledged, so
 * nothing was opened by it. A new log is for its owner's eyes only.
 * `append` throws `LIMIT_EXCEEDED` for a line that is too long, `AUDIT_BROKEN` if the last whole line is damaged,
 * `SINK_WRITE` if the lock cannot be had or the line not be made durable; then nothing of it is left.
 */
export function fileAuditLog(path: string, options: FileAuditOptions = {}): AuditLog {
  const most = options.maxLineBytes ?? MAX_AUDIT_LINE_BYTES;
  const write = async (event: AuditEvent): Promise<void> => {
    const file = await fileOperations().open(path, "a+", 0o600);
    try {
      const { last, end, tornBytes } = await lastEvent(file, most);
      const torn = tornBytes === 0 ? event : { tornBytes, ...event };
      const line = chain(torn, (last?.seq ?? 0) + 1, last?.hash ?? AUDIT_START);
      const bytes = new TextEncoder().encode(`${line}\n`);
      // The next one could not find its end again.
      needs(bytes.length - 1 <= most, "LIMIT_EXCEEDED", `a line of the audit log takes at most ${most} bytes`);
      try {
        if (tornBytes > 0) await file.truncate(end);
        await writeAll(file, bytes, null);
        await file.sync();
        if (end + tornBytes === 0) await syncName(path);
      } catch (cause) {
        // Half a line, or a whole one of something that is now refused.
        await file.truncate(end).catch(() => {});
        throw cause;
      }
    } finally {
      await file.close();
    }
  };
  const lock = { what: "the audit log", tries: options.lockTries ?? LOCK_TRIES };
  return {
    append: async (event) =>
      // Beside the log itself, whatever links lead there: one lock for one log.
      withLock(`${await realpath(path).catch(() => path)}.lock`, lock, () =>
        write(event).catch((cause: unknown) => {
          if (cause instanceof QErr) throw cause;
          throw new QErr("SINK_WRITE", `the audit log ${path} cannot be written (${systemCode(cause)})`, {
            cause,
            hint: "nothing is opened without a line in the log",
          });
        }),
      ),
  };
}

/** One line: the event with its number, the hash before it, and as the last member its own hash. */
export function chain(event: AuditEvent, seq: number, previous: string): string {
  const body = JSON.stringify({ seq, previous, ...event });
  return `${body.slice(0, -1)},"hash":"${sha256(body)}"}`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

interface LogEnd {
  readonly last: ChainedEvent | undefined;
  /** Where the last whole line ends. */
  readonly end: number;
  /** Bytes behind it. */
  readonly tornBytes: number;
}

async function lastEvent(file: OpenFile, maxLineBytes: number): Promise<LogEnd> {
  const { size } = await file.stat();
  // A whole line with its end, and behind it less than another.
  const length = Math.min(size, 2 * (maxLineBytes + 1));
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(bytes, at, length - at, size - length + at);
    needs(bytesRead > 0, "SOURCE_CHANGED", "the audit log became shorter while it was read");
    at += bytesRead;
  }
  const end = bytes.lastIndexOf(10) + 1;
  const tornBytes = length - end;
  if (end === 0 && size === length && tornBytes <= maxLineBytes) {
    // A file of somebody else's, of one line without its end, would be taken away as a line cut short.
    needs(isTornStart(bytes), "AUDIT_BROKEN", "the file is there, and is no audit log", { hint: "name a new file" });
    return { last: undefined, end: 0, tornBytes };
  }
  const begin = end < 2 ? 0 : bytes.lastIndexOf(10, end - 2) + 1;
  const last = checkLine(bytes.toString("utf8", begin, Math.max(begin, end - 1)));
  if (last === undefined || tornBytes > maxLineBytes || end - 1 - begin > maxLineBytes) {
    throw new QErr("AUDIT_BROKEN", "the last line of the audit log is damaged, so nothing can be chained to it", {
      hint: "run `qvault audit verify`, keep the file, and start a new one",
    });
  }
  return { last, end: size - length + end, tornBytes };
}

/** True of what a crash leaves of a first line: its beginning, or the zeros of a file whose length came first. */
function isTornStart(bytes: Uint8Array): boolean {
  const start = new TextEncoder().encode(`{"seq":1,"previous":"${AUDIT_START}"`);
  return bytes.every((byte) => byte === 0) || bytes.subarray(0, start.length).every((byte, i) => byte === start[i]);
}

/** The event of a line whose own hash is right. Anybody can make such a hash, also over what is no event. */
export function checkLine(line: string): ChainedEvent | undefined {
  if (!line.startsWith("{")) return undefined;
  const match = /^(\{.*),"hash":"([0-9a-f]{64})"\}$/s.exec(line);
  if (match === null || sha256(`${match[1]}}`) !== match[2]) return undefined;
  try {
    const event = parseJsonText(line) as Partial<ChainedEvent>;
    const sound = Number.isSafeInteger(event.seq) && typeof event.previous === "string" && event.hash === match[2];
    return sound ? (event as ChainedEvent) : undefined;
  } catch {
    return undefined;
  }
}
