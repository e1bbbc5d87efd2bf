import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../helpers/cli.ts";
import { record } from "../helpers/record.ts";
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
/** Threads of Node also write to each other; more than these are theirs. */
const MOST = 16;
const NAMES = ["export to csv", "encrypt", "rotate", "rotate --reseal", "reduce to a folder", "keys generate"];

const absent =
  process.env.QVAULT_LONG === undefined
    ? "QVAULT_LONG is not set"
    : spawnSync("strace", ["-V"]).status !== 0
      ? "strace is not here (test/setup-system.sh installs it)"
      : !existsSync(MAIN)
        ? "dist is not built"
        : undefined;

describe("commands under strace", () => {
  if (absent !== undefined) {
    it.skip(`left out: ${absent}`, () => {});
    console.log(`kill.test.ts left out: ${absent}`);
    return;
  }
  const root = mkdtempSync(join(tmpdir(), "qvault-kill-"));
  const world = join(root, "world");
  const folder = join(root, "work");
  const totals = { commands: NAMES.length, finished: 0, killed: 0, failed: 0 };

  beforeAll(async () => {
    mkdirSync(world);
    await makeWorld(world);
  });
  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
    record("kills", "QVAULT_LONG=1 npx vitest run test/crash/kill.test.ts", totals);
  });

  it.each(NAMES)(
    "%s: killed or failed at a call, leaves the old or the new, and a second run finishes",
    {
      timeout: 1_800_000,
    },
    async (name) => {
      const path = WRITE_PATHS.find((p) => p.name === name)!;
      const args = pathsOf(path, folder);
      const fresh = () => {
        rmSync(folder, { recursive: true, force: true });
        cpSync(world, folder, { recursive: true });
      };
      fresh();
      const old = await path.state(folder);
      expect((await runCli(args)).code).toBe(0);
      const done = await path.state(folder);
      const after = readdirSync(folder).sort();

      for (const [call, error] of Object.entries(CALLS)) {
        for (const what of ["signal=KILL", `error=${error}`]) {
          // Until a run comes to its end without meeting the n-th call; writes to the terminal are among them.
          for (let when = 1; when <= MOST; when++) {
            fresh();
            const inject = `inject=${call}:${what}:when=${when}`;
            // One thread does all file work then, so that calls are counted in one row.
            const run = spawnSync(
              "strace",
              [
                "-f",
                "-qq",
                "-o",
                join(root, "trace"),
                "-e",
                `trace=${call}`,
                "-e",
                inject,
                process.execPath,
                MAIN,
                ...args,
              ],
              { encoding: "utf8", env: { ...process.env, TMPDIR: folder, UV_THREADPOOL_SIZE: "1" } },
            );
            const killed = run.signal === "SIGKILL" || run.status === 137;
            if (run.status === 0 && !killed) break;
            totals[killed ? "killed" : "failed"] += 1;
            const where = `${inject}: ${run.stderr}`;
            const state = await path.state(folder);
            if (killed && state === path.stays) continue;
            expect(state === old || state === done || path.between?.(state), `${where}: ${state}`).toBe(true);
            const again = await runCli(args);
            if (state === old) expect(again.code, `${where}, again: ${again.err}`).toBe(0);
            expect(await path.state(folder), where).toBe(done);
            expect(readdirSync(folder).sort(), where).toEqual(after);
          }
        }
      }
      expect(totals.killed).toBeGreaterThan(0);
      totals.finished += 1;
    },
  );
});
