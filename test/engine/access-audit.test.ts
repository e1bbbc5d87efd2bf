import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { AUDIT_START, type AuditEvent, fileAuditLog, verifyAudit, verifyAuditLog } from "../../src/engine/audit.ts";
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
  it("chains every line to the one before and proves it", async () => {
    const { path, text } = await logOf("whole", 5);
    const lines = text
      .trimEnd()
      .split("\n")
      .map((l) => JSON.parse(l));
    expect(lines.map((l) => l.seq)).toEqual([1, 2, 3, 4, 5]);
    expect(lines[0].previous).toBe(AUDIT_START);
    expect(lines[3].previous).toBe(lines[2].hash);
    expect(await verifyAuditLog(path)).toEqual({ ok: true, lines: 5, head: lines[4].hash, findings: [] });
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

  it("chains nothing to a damaged last line", async () => {
    const { path, text } = await logOf("damaged", 2);
    writeFileSync(path, text.slice(0, -5));
    await expect(fileAuditLog(path).append(event(3))).rejects.toThrow(
      expect.objectContaining({ code: "AUDIT_BROKEN" }),
    );
    expect(readFileSync(path, "utf8")).toBe(text.slice(0, -5));
  });

  it("says so if there is no log", async () => {
    await expect(verifyAuditLog(join(folder, "none"))).rejects.toThrow(
      expect.objectContaining({ code: "SOURCE_NOT_FOUND" }),
    );
  });
});
