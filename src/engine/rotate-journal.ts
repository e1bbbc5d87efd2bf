import { parseJsonText } from "../bytes/json.ts";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { needs, QErr } from "../errors.ts";
import { MAX_JOURNAL_LINE_BYTES } from "../limits.ts";
import { systemCode } from "../source/file.ts";
import { fileOperations, syncName, writeAll } from "../source/file-operations.ts";
import { readLines } from "./text-lines.ts";

/** One line of a journal. Thumbprints and names, never a key. */
export interface JournalLine {
  readonly job: string;
  readonly state: "begin" | "done" | "unchanged" | "unsealed" | "failed" | "end";
  readonly at: string;
  readonly file?: string | undefined;
  /** Which file that was, and its last change: a name can come to mean another. */
  readonly is?: string | undefined;
  readonly fileId?: string | undefined;
  readonly action?: string | undefined;
  readonly code?: string | undefined;
}

/** A journal of rotations: lines of JSON, each made durable before the work goes on. */
export interface Journal {
  /** Files that an unfinished run of the same job is done with, and what `is` said of them; empty if nothing. */
  readonly done: ReadonlyMap<string, string>;
  write(line: Omit<JournalLine, "job" | "at">): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a journal. If its last run of this job began and did not end, this one goes on where that stopped; else a new
 * run begins. A line cut off by a crash is passed over.
 */
export async function openJournal(path: string, job: string): Promise<Journal> {
  const { done, torn, lines } = await readJournal(path, job);
  const failed = (cause: unknown): never => {
    throw new QErr("SINK_WRITE", `the journal ${path} cannot be written (${systemCode(cause)})`, { cause });
  };
  const handle = await fileOperations().open(path, "a").catch(failed);
  let queue: Promise<void> = Promise.resolve();
  const append = async (line: string) => {
    await writeAll(handle, encodeUtf8(`${line}\n`), null);
    await handle.sync();
  };
  const write: Journal["write"] = (line) => {
    const next = queue.then(() => append(JSON.stringify({ job, at: new Date().toISOString(), ...line }))).catch(failed);
    queue = next.catch(() => {});
    return next;
  };
  try {
    // A crash in the middle of a line must not swallow the next one.
    if (torn) await append("");
    await write({ state: "begin" });
    if (lines === 0) await syncName(path);
  } catch (cause) {
    await handle.close().catch(() => {});
    throw cause instanceof QErr ? cause : failed(cause);
  }
  return { done, write, close: () => handle.close() };
}

/** What a journal says of an unfinished run, read line by line: it grows with every run. */
async function readJournal(
  path: string,
  job: string,
): Promise<{ readonly done: ReadonlyMap<string, string>; readonly torn: boolean; readonly lines: number }> {
  let done = new Map<string, string>();
  let torn = false;
  let lines = 0;
  try {
    await readLines(path, MAX_JOURNAL_LINE_BYTES, (text, ended) => {
      torn = !ended;
      lines += 1;
      if (lines === 1) needsJournal(path, text);
      const entry = text === undefined ? undefined : parse(text);
      if (entry?.job !== job) return;
      if (entry.state === "end") done = new Map();
      const named = typeof entry.file === "string" && (entry.state === "done" || entry.state === "unchanged");
      if (named) done.set(entry.file!, typeof entry.is === "string" ? entry.is : "");
    });
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return { done, torn, lines };
    if (cause instanceof QErr) throw cause;
    throw new QErr("SOURCE_READ", `the journal ${path} cannot be read (${systemCode(cause)})`, { cause });
  }
  return { done, torn, lines };
}

/** A file of somebody else's, as one that is to be rotated, is not written into. The first line may be torn, too. */
function needsJournal(path: string, first: string | undefined): void {
  const begin = '{"job":"';
  const isOurs = first !== undefined && (first.startsWith(begin) || begin.startsWith(first));
  needs(isOurs, "SINK_EXISTS", `${path} is there, and is no journal`, { hint: "name a new file" });
}

function parse(line: string): JournalLine | undefined {
  try {
    return parseJsonText(line) as JournalLine;
  } catch {
    return undefined;
  }
}
