import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { afterAll, describe, expect, it } from "vitest";
import { openReference } from "../../src/keys/keyring.ts";
import { runCli } from "../helpers/cli.ts";
import { QVAULT } from "../helpers/command.ts";
import { missing } from "../helpers/missing.ts";
import { person } from "../seal/people.ts";

const dir = mkdtempSync(join(tmpdir(), "qvault-pins-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const at = (name: string) => join(dir, name);
const PIN = "correct horse";
const ann = person("ann");
const pem = ann.key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: PIN });
for (const name of ["a.pem", "b.pem"]) writeFileSync(at(name), `${ann.certificate}${pem}`);
writeFileSync(at("pin"), `${PIN}\n`, { mode: 0o600 });
mkdirSync(at("credentials"));
writeFileSync(join(at("credentials"), "pin"), PIN, { mode: 0o400 });

interface Given {
  readonly env?: Readonly<Record<string, string>>;
  /** What descriptor 3 gives. */
  readonly pipe?: string;
}

/** Runs the built command in a process of its own. */
async function run(args: readonly string[], { env = {}, pipe }: Given = {}) {
  const child = spawn(process.execPath, [QVAULT, ...args], {
    stdio: ["ignore", "pipe", "pipe", pipe === undefined ? "ignore" : "pipe"],
    env: { ...process.env, ...env },
  });
  let said = "";
  for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (data) => (said += data));
  if (pipe !== undefined) {
    const writing = child.stdio[3] as Writable;
    // A command that does not read it may be gone before it is written.
    writing.on("error", () => {});
    writing.end(pipe);
  }
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, said };
}

const check = (...more: readonly string[]) => ["keys", "check", at("a.pem"), ...more];

describe("a passphrase for the command line", () => {
  it.each([
    ["the environment", "env:QVAULT_TEST_SECRET"],
    ["a file", `file:${at("pin")}`],
    ["a systemd credential", "credential:pin"],
  ])("comes from %s", async (_, source) => {
    Object.assign(process.env, { QVAULT_TEST_SECRET: PIN, CREDENTIALS_DIRECTORY: at("credentials") });
    try {
      const { code, out, err } = await runCli(check("--pin", source));
      expect([code, out]).toEqual([0, expect.stringContaining("unwrap ECDH-ES: ok")]);
      expect(out + err).not.toContain(PIN);
    } finally {
      delete process.env.QVAULT_TEST_SECRET;
      delete process.env.CREDENTIALS_DIRECTORY;
    }
  });

  it("comes from a descriptor", async () => {
    const { code, said } = await run(check("--pin", "fd:3"), { pipe: `${PIN}\n` });
    expect([code, said]).toEqual([0, expect.stringContaining("unwrap ECDH-ES: ok")]);
    expect(said).not.toContain(PIN);
  });

  it("comes from the descriptor that the environment names, once for several keys", async () => {
    const given = { env: { QVAULT_PIN_FD: "3" }, pipe: `${PIN}\nnot this` };
    const { code, said } = await run(["keys", "list", at("a.pem"), at("b.pem")], given);
    expect(code).toBe(0);
    expect(said.match(/ann /g)).toHaveLength(2);
    const none = { env: { QVAULT_PIN_FD: "stdin" } };
    expect(() => openReference(at("a.pem"), none)).toThrow(expect.objectContaining({ code: "KEY_REFERENCE" }));
  });

  it("is asked for nowhere else: none given, a wrong one or an empty one is its own error", async () => {
    expect(await run(check())).toEqual({ code: 7, said: expect.stringContaining("KEY_PIN_REQUIRED") });
    const wrong = await run(check("--pin", "fd:3"), { pipe: "battery staple\n" });
    expect(wrong).toEqual({ code: 7, said: expect.stringContaining("KEY_PIN_INCORRECT") });
    expect(wrong.said).not.toContain("battery");
    const empty = await run(check("--pin", "fd:3"), { pipe: "" });
    expect(empty).toEqual({ code: 7, said: expect.stringContaining("descriptor 3 gives no PIN") });
  });

  describe("typed at a terminal", () => {
    if (spawnSync("script", ["--version"]).error !== undefined) {
      missing("the program script (util-linux)");
      return;
    }
    it("is asked for and not shown", async () => {
      const line = [process.execPath, QVAULT, ...check("--pin", "prompt")].map((word) => `'${word}'`).join(" ");
      const child = spawn("script", ["-qec", line, "/dev/null"], { stdio: ["pipe", "pipe", "ignore"] });
      let shown = "";
      child.stdout.on("data", (data) => {
        const before = shown.includes("Passphrase of");
        shown += data;
        if (!before && shown.includes("Passphrase of")) child.stdin.write(`${PIN}\r`);
      });
      const code = await new Promise((resolve) => child.on("close", resolve));
      expect(code, shown).toBe(0);
      expect(shown).toContain("unwrap ECDH-ES: ok");
      expect(shown).not.toContain(PIN);
    });
  });
});
