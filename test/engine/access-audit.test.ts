import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { AUDIT_START, type AuditEvent, fileAuditLog } from "../../src/engine/audit.ts";
import { verifyAudit, verifyAuditLog } from "../../src/engine/audit-verify.ts";
import { withLock } from "../../src/engine/file-lock.ts";
import { MAX_AUDIT_FINDINGS, MAX_AUDIT_LINE_BYTES } from "../../src/limits.ts";
import { withFileOperations } from "../../src/source/file-operations.ts";
import { isGone, type Owner, ownerHere, ownerText, parseOwner } from "../../src/source/process-owner.ts";
import { failure } from "../helpers/errors.ts";
import { type Fault, faultyDisk } from "../helpers/faulty-disk.ts";
import { temporaryFolder } from "./access-folder.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function event(n: number): AuditEvent {
  return {
    time: `2026-01-0${n}T00:00:00Z`,
    user: { userid: `U${n}` },
    app: "a.qvf",
    version: "v",
    mode: "qlik-sense",
    outcome: "denied",
    reasons: ["NO_ACCESS_LEVEL"],
  };
}

async function logOf(name: string, count: number): Promise<{ path: string; text: string }> {
  const path = join(folder, name);
  const log = fileAuditLog(path);
  for (let n = 1; n <= count; n++) await log.append(event(n));
  return { path, text: readFileSync(path, "utf8") };
}

describe("audit log", () => {
  it("makes the name of a new log durable before it answers, once, as far as the folder lets it", async () => {
    const path = join(folder, "durable");
    const append = async (log: string, fault?: Fault) => {
      const disk = faultyDisk(fault);
      await withFileOperations(disk, () => fileAuditLog(log).append(event(1)));
      return disk.calls;
    };
    const line = ["symlink", "open", "write", "sync"];
    const name = ["open", "sync", "close"];
    expect(await append(path)).toEqual([...line, ...name, "close", "unlink"]);
    expect(await append(path)).toEqual([...line, "close", "unlink"]);
    const other = join(folder, "not durable");
    await failure("SINK_WRITE", () => append(other, { kind: "EIO", at: line.length + 2 }));
    expect(readFileSync(other, "utf8")).toBe("");
    await append(other, { kind: "EACCES", at: line.length + 1 });
    expect((await verifyAuditLog(other)).lines).toBe(1);
  });

  it("chains every line to the one before and proves it", async () => {
    const { path, text } = await logOf("whole", 5);
    const lines = text
      .trimEnd()
      .split("\n")
      .map((l) => JSON.parse(l));
    expect(lines.map((l) => l.seq)).toEqual([1, 2, 3, 4, 5]);
    expect(lines[0].previous).toBe(AUDIT_START);
    expect(lines[3].previous).toBe(lines[2].hash);
    expect(await verifyAuditLog(path)).toEqual({
      ok: true,
      lines: 5,
      head: lines[4].hash,
      findings: [],
      moreFindings: 0,
    });
  });

  it("finds a changed, a missing, a re-ordered and a cut line", async () => {
    const { text } = await logOf("broken", 5);
    const lines = text.split("\n");
    const with3 = (third: readonly string[]): string => [...lines.slice(0, 2), ...third, ...lines.slice(3)].join("\n");
    const changed = lines[2]!.replace("U3", "U9");
    expect(verifyAudit(with3([changed])).findings).toEqual([{ line: 3, what: "changed" }]);
    expect(verifyAudit(with3([])).findings).toEqual([{ line: 3, what: "missing or re-ordered" }]);
    const swapped = [lines[0], lines[2], lines[1], lines[3], lines[4], ""].join("\n");
    expect(verifyAudit(swapped).findings.map((f) => f.line)).toEqual([2, 3, 4]);
    expect(verifyAudit(text.slice(0, -10)).findings).toEqual([{ line: 5, what: "cut short" }]);
    expect(verifyAudit(text).ok).toBe(true);
  });

  it("finds every single changed byte", async () => {
    const { text } = await logOf("bytes", 2);
    for (let at = 0; at < text.length; at++) {
      const other = `${text.slice(0, at)}${text[at] === "x" ? "y" : "x"}${text.slice(at + 1)}`;
      expect(verifyAudit(other).ok, `byte ${at}`).toBe(false);
    }
  });

  it("finds bytes that only read as what was there: U+FFFD stands for all that are no UTF-8", async () => {
    const path = join(folder, "replaced");
    await fileAuditLog(path).append({ ...event(1), app: "a\ufffd.qvf" });
    expect((await verifyAuditLog(path)).ok).toBe(true);
    const bytes = readFileSync(path);
    const at = bytes.indexOf("\ufffd");
    writeFileSync(path, Buffer.concat([bytes.subarray(0, at), Buffer.of(0xff), bytes.subarray(at + 3)]));
    expect((await verifyAuditLog(path)).findings).toEqual([{ line: 1, what: "changed" }]);
  });

  it("finds lines cut off at the end by the head that was seen before", async () => {
    const { text } = await logOf("short", 3);
    const { head } = verifyAudit(text);
    const shorter = `${text.split("\n").slice(0, 2).join("\n")}\n`;
    expect(verifyAudit(shorter).ok).toBe(true);
    expect(verifyAudit(shorter, head).findings).toEqual([{ line: 3, what: "missing or re-ordered" }]);
    expect(verifyAudit("", head).ok).toBe(false);
    expect(verifyAudit("").ok).toBe(true);
  });

  it("keeps the chain when several write at once", async () => {
    const path = join(folder, "several");
    const logs = [fileAuditLog(path), fileAuditLog(path), fileAuditLog(path)];
    await Promise.all(logs.flatMap((log) => [1, 2, 3].map((n) => log.append(event(n)))));
    expect(await verifyAuditLog(path)).toMatchObject({ ok: true, lines: 9 });
  });

  it("keeps the chain when some write through a link", async () => {
    const [path, link] = [join(folder, "linked"), join(folder, "link")];
    writeFileSync(path, "");
    symlinkSync("linked", link);
    for (let round = 0; round < 10; round++)
      await Promise.all([path, link].map((name) => fileAuditLog(name).append(event(round))));
    expect(await verifyAuditLog(path)).toMatchObject({ ok: true, lines: 20 });
  });

  it("takes nothing away of a file that is no log", async () => {
    const path = join(folder, "settings.json");
    for (const mine of ['{"mine":true}', `{"seq":1,"previous":"mine"}`, "one line\n"]) {
      writeFileSync(path, mine);
      await failure("AUDIT_BROKEN", () => fileAuditLog(path).append(event(1)));
      expect(readFileSync(path, "utf8")).toBe(mine);
    }
    // What a machine that lost its power may leave.
    writeFileSync(path, new Uint8Array(100));
    await fileAuditLog(path).append(event(1));
    expect(await verifyAuditLog(path)).toMatchObject({ ok: true, lines: 1 });
  });

  it("chains nothing to a damaged last line", async () => {
    const { path, text } = await logOf("damaged", 2);
    const damaged = `${text.slice(0, -6)}x"}\n`;
    writeFileSync(path, damaged);
    await expect(fileAuditLog(path).append(event(3))).rejects.toThrow(
      expect.objectContaining({ code: "AUDIT_BROKEN" }),
    );
    expect(readFileSync(path, "utf8")).toBe(damaged);
  });

  it("takes away a line that a crash cut short, and says so in the next", async () => {
    const { path, text } = await logOf("torn", 2);
    const first = text.slice(0, text.indexOf("\n") + 1);
    for (const torn of [text.slice(0, -5), text.slice(0, first.length + 1)]) {
      writeFileSync(path, torn);
      await fileAuditLog(path).append(event(3));
      expect(await verifyAuditLog(path)).toMatchObject({ ok: true, lines: 2 });
      const lines = readFileSync(path, "utf8").split("\n");
      expect(`${lines[0]}\n`).toBe(first);
      expect(JSON.parse(lines[1]!)).toMatchObject({ seq: 2, tornBytes: torn.length - first.length });
    }
    writeFileSync(path, "{");
    await fileAuditLog(path).append(event(1));
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ seq: 1, tornBytes: 1 });
  });

  it("writes no line that it could not find again", async () => {
    expect(MAX_AUDIT_LINE_BYTES).toBe(4 * 1024 * 1024);
    const path = join(folder, "long");
    await fileAuditLog(path).append(event(1));
    await fileAuditLog(path).append(event(2));
    // Numbers of one digit: all lines are equally long.
    const maxLineBytes = readFileSync(path).length / 2 - 1;
    await fileAuditLog(path, { maxLineBytes }).append(event(3));
    await fileAuditLog(path, { maxLineBytes }).append(event(4));
    await failure("LIMIT_EXCEEDED", () => fileAuditLog(path, { maxLineBytes }).append({ ...event(5), app: "aa.qvf" }));
    await failure("AUDIT_BROKEN", () => fileAuditLog(path, { maxLineBytes: maxLineBytes - 1 }).append(event(5)));
    expect(await verifyAuditLog(path)).toMatchObject({ ok: true, lines: 4 });
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  it("is read line by line: pieces join, a line beyond any that is written is damage", async () => {
    const { path, text } = await logOf("long-lines", 3);
    // 64 KiB and more, so that lines go over the ends of what is read at once.
    const [first, second] = text.split("\n");
    const many = Array.from({ length: 700 }, () => `${first}\n${second}\n`).join("");
    writeFileSync(path, many);
    const seen = await verifyAuditLog(path);
    expect(seen).toEqual(verifyAudit(many));
    expect(seen.findings).toHaveLength(699);
    expect(seen.findings[0]).toEqual({ line: 3, what: "missing or re-ordered" });
    const longest = (bytes: number) => `{"${"a".repeat(bytes - 4)}"}`;
    writeFileSync(path, `${longest(MAX_AUDIT_LINE_BYTES + 1)}\n${text}`);
    expect((await verifyAuditLog(path)).findings[0]).toEqual({ line: 1, what: "changed" });
    expect((await verifyAuditLog(path)).lines).toBe(4);
    writeFileSync(path, `${text}{"half`);
    expect((await verifyAuditLog(path)).findings).toEqual([{ line: 4, what: "cut short" }]);
  });

  it("lists as many findings as can be read, and counts the others", async () => {
    const path = join(folder, "many-findings");
    writeFileSync(path, "\n".repeat(MAX_AUDIT_FINDINGS));
    expect(await verifyAuditLog(path)).toMatchObject({ ok: false, lines: MAX_AUDIT_FINDINGS, moreFindings: 0 });
    writeFileSync(path, "\n".repeat(MAX_AUDIT_FINDINGS + 1));
    const { findings, moreFindings } = await verifyAuditLog(path);
    expect(findings).toHaveLength(MAX_AUDIT_FINDINGS);
    expect(moreFindings).toBe(1);
  });

  it("says so if there is no log", async () => {
    await expect(verifyAuditLog(join(folder, "none"))).rejects.toThrow(
      expect.objectContaining({ code: "SOURCE_NOT_FOUND" }),
    );
  });
});

describe("a lock that was left", () => {
  const linux = process.platform === "linux";
  if (!linux) console.log("skipped: only Linux tells when a process began, so a left lock stays elsewhere");

  /** What our own lock says while we hold it. */
  async function ownLock(name: string): Promise<Owner> {
    const path = join(folder, name);
    let text = "";
    await withLock(path, { what: "it", tries: 0 }, async () => {
      text = readlinkSync(path);
    });
    return parseOwner(JSON.parse(text).owner)!;
  }

  const lockOf = (owner: Owner) => JSON.stringify({ owner: ownerText(owner) });

  async function logLockedBy(name: string, lock: string) {
    const path = join(folder, name);
    // As a file, which is what a lock is where there are no links, or as the link that it is here.
    if (lock.length % 2 === 0 || lock === "123" || lock === "") writeFileSync(`${path}.lock`, lock);
    else symlinkSync(lock, `${path}.lock`);
    await fileAuditLog(path, { lockTries: 2 }).append(event(1));
    expect(existsSync(`${path}.lock`)).toBe(false);
    expect(existsSync(`${path}.lock.recovery`)).toBe(false);
    expect(await verifyAuditLog(path)).toMatchObject({ ok: true, lines: 1 });
  }

  it.runIf(linux)("is taken away when its process was killed, not before", async () => {
    const own = await ownLock("mine");
    expect(own.pid).toBe(process.pid);
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    await once(child, "spawn");
    const stat = readFileSync(`/proc/${child.pid}/stat`, "latin1");
    const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]!;
    const lock = lockOf({ ...own, pid: child.pid!, started });
    try {
      await failure("SINK_WRITE", () => logLockedBy("alive", lock));
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    await logLockedBy("killed", lock);
  });

  it.runIf(linux)("is taken away when the number of its process went to another", async () => {
    const own = await ownLock("other");
    await failure("SINK_WRITE", () => logLockedBy("held", lockOf(own)));
    await logLockedBy("reused", lockOf({ ...own, started: "1" }));
  });

  it.runIf(linux)("is taken away once, however many wait for it", async () => {
    const own = await ownLock("crowd");
    const path = join(folder, "many");
    writeFileSync(`${path}.lock`, lockOf({ ...own, started: "1" }));
    await Promise.all([1, 2, 3, 4, 5, 6].map((n) => fileAuditLog(path).append(event(n))));
    expect(await verifyAuditLog(path)).toMatchObject({ ok: true, lines: 6 });
  });

  it.runIf(linux)("is taken away after a restart of the machine, where that is known again", async () => {
    const me = await ownerHere();
    const before = { ...me, boot: "00000000" };
    expect(await isGone(before, { ...me, lasting: true })).toBe(true);
    expect(await isGone(before, { ...me, lasting: false })).toBe(false);
    expect(await isGone({ ...before, host: "00000000" }, { ...me, lasting: true })).toBe(false);
  });

  it.runIf(linux)("is taken away when its process was killed while it took another away", async () => {
    const own = await ownLock("twice");
    const path = join(folder, "compound");
    for (const name of [`${path}.lock`, `${path}.lock.recovery`]) symlinkSync(lockOf({ ...own, started: "1" }), name);
    await fileAuditLog(path, { lockTries: 5 }).append(event(1));
    expect(readdirSync(folder).filter((name) => name.startsWith("compound"))).toEqual(["compound"]);
  });

  it("stays where nobody can tell, and the error says which file to remove", async () => {
    const own = await ownLock("unknown");
    const gone = { ...own, pid: 2 ** 22 + 1 };
    const elsewhere = [lockOf({ ...gone, host: "00000000" }), lockOf({ ...gone, space: "00000000" })];
    const nobody = ["", "123", "{}", '{"owner":7}', '{"owner":"a-b-c-d-e"}', lockOf({ ...own, started: "" })];
    for (const [i, lock] of [...nobody, ...elsewhere].entries()) {
      const error = await failure("SINK_WRITE", () => logLockedBy(`foreign${i}`, lock));
      expect(error.hint).toContain(`foreign${i}.lock`);
      const path = join(folder, `foreign${i}.lock`);
      expect(lstatSync(path).isSymbolicLink() ? readlinkSync(path) : readFileSync(path, "utf8")).toBe(lock);
    }
  });

  it("is not looked for in a folder that is not there", async () => {
    await failure("SINK_WRITE", () => fileAuditLog(join(folder, "no", "where")).append(event(1)));
  });
});
