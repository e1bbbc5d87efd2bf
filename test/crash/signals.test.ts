import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../helpers/cli.ts";
import { plainQvd } from "../seal/sealed.ts";

const MAIN = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "qvault-signals-"));
const at = (name: string) => join(root, name);
/** So many that no command is done before the signal comes. */
const ROWS = 600_000;
let before: readonly string[];

beforeAll(async () => {
  const columns = { a: Array.from({ length: ROWS }, (_, i) => i), b: Array.from({ length: ROWS }, (_, i) => i % 977) };
  writeFileSync(at("many.qvd"), await plainQvd(columns));
  expect((await runCli(["keys", "generate", at("old"), "--type", "p256"])).code).toBe(0);
  expect((await runCli(["keys", "generate", at("next"), "--type", "p256"])).code).toBe(0);
  const sealed = ["-o", at("sealed.qvd"), "--fields", "a", "--to", at("old.crt")];
  expect((await runCli(["encrypt", at("many.qvd"), ...sealed])).code).toBe(0);
  before = readdirSync(root).sort();
}, 120_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Ends a command when its temporary file is there; gives its exit code. */
async function ended(signal: NodeJS.Signals, args: readonly string[]): Promise<number | null> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: "ignore" });
  const code = new Promise<number | null>((resolve) => child.on("close", resolve));
  while (child.exitCode === null && !readdirSync(root).some((name) => name.endsWith(".tmp")))
    await new Promise((resolve) => setTimeout(resolve, 2));
  child.kill(signal);
  return code;
}

describe.each([
  ["SIGTERM", 143],
  ["SIGHUP", 129],
  ["SIGINT", 130],
] as const)("%s", (signal, code) => {
  it.each([
    ["export", ["export", at("many.qvd"), "-o", at("out.csv")]],
    ["encrypt", ["encrypt", at("many.qvd"), "-o", at("out.qvd"), "--fields", "a", "--to", at("old.crt")]],
    ["decrypt", ["decrypt", at("sealed.qvd"), "-o", at("out.qvd"), "--key", at("old.key")]],
  ])("half way in %s leaves nothing of it, plain or sealed", { timeout: 60_000 }, async (_, args) => {
    expect(await ended(signal, args)).toBe(code);
    expect(readdirSync(root).sort()).toEqual(before);
  });
});

describe.each([
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)("%s", (signal, code) => {
  it("half way in rotate leaves the old file and neither lock nor temporary file", { timeout: 60_000 }, async () => {
    const keys = ["--from", at("old.crt"), "--to", at("next.crt"), "--key", at("old.key")];
    expect(await ended(signal, ["rotate", at("sealed.qvd"), ...keys, "--reseal", "--yes"])).toBe(code);
    expect(readdirSync(root).sort()).toEqual(before);
    expect((await runCli(["verify", at("sealed.qvd"), "--key", at("old.key")])).code).toBe(0);
  });
});
