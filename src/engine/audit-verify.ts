import { QErr } from "../errors.ts";
import { MAX_AUDIT_FINDINGS, MAX_AUDIT_LINE_BYTES } from "../limits.ts";
import { AUDIT_START, checkLine } from "./audit.ts";
import { readLines } from "./text-lines.ts";

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
  /** The first of them, {@link MAX_AUDIT_FINDINGS} at most. */
  readonly findings: readonly AuditFinding[];
  /** How many more there are. */
  readonly moreFindings: number;
}

/**
 * Checks a log: every line unchanged, none missing, none out of order. Lines removed from the end are found only by the
 * `head` that was seen before. Read line by line, so its length does not matter.
 * @throws `SOURCE_NOT_FOUND` if it cannot be read
 */
export async function verifyAuditLog(path: string, head?: string): Promise<AuditVerdict> {
  const check = auditCheck(head);
  try {
    await readLines(path, MAX_AUDIT_LINE_BYTES, (text, ended) => (ended ? check.line(text) : check.cutShort()));
  } catch (cause) {
    throw new QErr("SOURCE_NOT_FOUND", `${path} cannot be read`, { cause });
  }
  return check.verdict();
}

/** The same of a log in memory. */
export function verifyAudit(text: string, head?: string): AuditVerdict {
  const check = auditCheck(head);
  const lines = text.split("\n");
  const whole = lines.pop() === "";
  for (const line of lines) check.line(line);
  if (!whole) check.cutShort();
  return check.verdict();
}

interface AuditCheck {
  /** A whole line; undefined if it is longer than any that was written, or no UTF-8. */
  line(text: string | undefined): void;
  cutShort(): void;
  verdict(): AuditVerdict;
}

function auditCheck(head: string | undefined): AuditCheck {
  const findings: AuditFinding[] = [];
  let found = 0;
  let lines = 0;
  let previous = AUDIT_START;
  let seq = 0;
  let headSeen = head === undefined || head === AUDIT_START;
  const find = (line: number, what: AuditFinding["what"]): void => {
    found += 1;
    if (found <= MAX_AUDIT_FINDINGS) findings.push({ line, what });
  };
  return {
    line(text) {
      lines += 1;
      const event = text === undefined ? undefined : checkLine(text);
      if (event === undefined) {
        find(lines, "changed");
        // What follows is judged by itself: its predecessor's hash is unknown.
        previous = "";
        seq += 1;
        return;
      }
      const follows = event.seq === seq + 1 && (previous === "" || event.previous === previous);
      if (!follows) find(lines, "missing or re-ordered");
      previous = event.hash;
      seq = event.seq;
      if (event.hash === head) headSeen = true;
    },
    cutShort: () => find(lines + 1, "cut short"),
    verdict() {
      if (!headSeen) find(lines + 1, "missing or re-ordered");
      return { ok: found === 0, lines, head: previous, findings, moreFindings: found - findings.length };
    },
  };
}
