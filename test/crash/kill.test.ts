import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { runCli } from "../helpers/cli.ts";
import { missing } from "../helpers/missing.ts";
import { recordPart } from "../helpers/record.ts";
import { makeWorld, pathsOf, WRITE_PATHS } from "./write-paths.ts";

const MAIN = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));
/** Calls of the system that change a disk; opening is left out, since Node's own start opens a hundred files. */
const CALLS = {
  symlink: "ENOSPC",
  write: "ENOSPC",
  pwrite64: "ENOSPC",
  fsync: "EIO",
  fchmod: "EPERM",
  link: "EIO",
  rename: "EACCES",
  unlink: "EIO",
  mkdir: "ENOSPC",
} as const;
/** Of a kind of call, so many at the most, the first and the last among them. */
const MOST = 6;
const NAMES = [
  "export to csv",
  "encrypt",
  "rotate",
  "rotate --add",
  "rotate --remove",
  "rotate --reseal",
  "rotate of an app",
  "reduce to a folder",
  "keys generate",
];
const COMMAND = "QVAULT_LONG=1 npx vitest run test/crash/kill.test.ts";

const LONG = process.env.QVAULT_LONG !== undefined;
const absent =
  spawnSync("strace", ["-V"]).status !== 0
    ? "the program strace (test/setup-system.sh installs it)"
    : !existsSync(MAIN)
      ? "the built package (npm run build)"
      : undefined;

describe("commands under strace", () => {
  if (!LONG) {
    it.skip("left out: QVAULT_LONG is not set", () => {});
    console.log("kill.test.ts left out: QVAULT_LONG is not set");
    return;
  }
  if (absent !== undefined) {
    missing(absent);
    return;
  }
  const root = mkdtempSync(join(tmpdir(), "qvault-kill-"));
  const world = join(root, "world");
  const folder = join(root, "work");
  const trace = join(root, "trace");
  beforeAll(async () => {
    mkdirSync(world);
    await makeWorld(world);
  });
  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
  });

  it.each(NAMES)(
    "%s: killed or failed at a call, leaves the old or the new, and a second run finishes",
    {
      timeout: 1_800_000,
    },
    async (name) => {
      const path = WRITE_PATHS.find((p) => p.name === name)!;
      const args = pathsOf(path, folder);
      const count = { finished: false, killed: 0, failed: 0, missed: 0 };
      onTestFinished(() => recordPart("kills", COMMAND, name, count));
      const fresh = () => {
        rmSync(folder, { recursive: true, force: true });
        cpSync(world, folder, { recursive: true });
      };
      fresh();
      const old = await path.state(folder);
      const traced = strace([`trace=${Object.keys(CALLS).join(",")}`], args);
      expect(traced.status, traced.stderr).toBe(0);
      const calls = callsIn(readFileSync(trace, "utf8"));
      const done = await path.state(folder);
      const after = readdirSync(folder).sort();
      expect(done).not.toBe(old);

      for (const [call, error] of Object.entries(CALLS)) {
        for (const what of ["signal=KILL", `error=${error}`]) {
          for (const when of someOf(calls.get(call) ?? [])) {
            fresh();
            const inject = `inject=${call}:${what}:when=${when}`;
            const run = strace([`trace=${call}`, inject], args);
            // libuv aborts where its own wake-ups fail: to the files that is a kill as well.
            const killed = run.signal !== null || (run.status ?? 0) > 128;
            // Threads take turns: now and then a call comes under another number, or what failed was no file.
            if (run.status === 0 && !killed) count.missed += 1;
            else count[killed ? "killed" : "failed"] += 1;
            const where = `${inject}: ${run.stderr}`;
            const state = await path.state(folder);
            if (killed && state === path.stays) continue;
            expect(state === old || state === done || path.between?.(state), `${where}: ${state}`).toBe(true);
            if (run.status === 0) expect(state, where).toBe(done);
            const again = await runCli(args);
            if (state === old) expect(again.code, `${where}, again: ${again.err}`).toBe(0);
            expect(await path.state(folder), where).toBe(done);
            expect(readdirSync(folder).sort(), where).toEqual(after);
          }
        }
      }
      expect(count.killed).toBeGreaterThan(2);
      expect(count.failed).toBeGreaterThan(2);
      count.finished = true;
      console.info(`${name}: ${JSON.stringify(count)}`);
    },
  );

  /** Runs the command under strace; one thread does all file work then, so that its calls are counted in one row. */
  function strace(expressions: readonly string[], args: readonly string[]) {
    const options = ["-f", "-y", "-qq", "-o", trace, ...expressions.flatMap((e) => ["-e", e])];
    const env = { ...process.env, TMPDIR: folder, UV_THREADPOOL_SIZE: "1" };
    return spawnSync("strace", [...options, process.execPath, MAIN, ...args], { encoding: "utf8", env });
  }

  /** Of each call, the numbers under which it touched the folder: strace counts for each thread apart. */
  function callsIn(text: string): ReadonlyMap<string, readonly number[]> {
    const seen = new Map<string, number>();
    const numbers = new Map<string, Set<number>>();
    for (const [, pid, call, rest] of text.matchAll(/^(\d+) +(\w+)\((.*)$/gm)) {
      const number = (seen.get(`${pid} ${call}`) ?? 0) + 1;
      seen.set(`${pid} ${call}`, number);
      if (!rest!.includes(folder)) continue;
      numbers.set(call!, (numbers.get(call!) ?? new Set()).add(number));
    }
    return new Map([...numbers].map(([call, set]) => [call, [...set].sort((a, b) => a - b)]));
  }

  function someOf(numbers: readonly number[]): readonly number[] {
    if (numbers.length <= MOST) return numbers;
    return Array.from({ length: MOST }, (_, i) => numbers[Math.round((i * (numbers.length - 1)) / (MOST - 1))]!);
  }
});
