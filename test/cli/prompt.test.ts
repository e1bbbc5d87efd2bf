import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missing } from "../helpers/missing.ts";
import { person } from "../seal/people.ts";
import { plainQvd, sealBytes } from "../seal/sealed.ts";

const MAIN = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "qvault-prompt-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);
const PIN = "CANARY-PIN-77";

/** Runs a command on a terminal of its own (script(1) of util-linux), and types when the question is there. */
function typed(
  args: readonly string[],
  keys: string,
): Promise<{ readonly code: number | null; readonly shown: string }> {
  const line = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["-qec", line, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"] });
  let shown = "";
  let asked = false;
  child.stdout.on("data", (piece: Buffer) => {
    shown += piece.toString("utf8");
    if (asked || !shown.includes("Passphrase of")) return;
    asked = true;
    // Not before the terminal is in its own mode.
    setTimeout(() => child.stdin.write(keys), 300);
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, shown })));
}

describe("the question for a passphrase", () => {
  if (spawnSync("script", ["--version"]).error !== undefined || process.platform !== "linux") {
    missing("script(1) of util-linux");
    return;
  }
  const owner = person("owner");
  beforeAll(async () => {
    const slots = [{ name: "one", recipients: [owner.recipient()], fields: ["a"] }];
    writeFileSync(at("sealed.qvd"), await sealBytes(await plainQvd({ a: ["cell"] }), { slots }));
    const pem = owner.key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: PIN });
    writeFileSync(at("owner.pem"), `${owner.certificate}${pem}`);
  });
  const head = () => ["head", at("sealed.qvd"), "--key", at("owner.pem")];

  it("does not show what is typed", async () => {
    const { code, shown } = await typed(head(), `${PIN}\r`);
    expect({ code, shown }).toEqual({ code: 0, shown: expect.stringContaining("cell") });
    expect(shown).not.toContain(PIN);
  });

  it.each([
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
  ])("left by %s is an interrupted command, which says so", async (_, keys) => {
    const { code, shown } = await typed(head(), keys);
    expect({ code, shown }).toEqual({ code: 130, shown: expect.stringContaining("CANCELLED") });
    expect(shown).not.toContain("cell");
  });
});
