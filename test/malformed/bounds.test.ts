import { generateKeyPairSync } from "node:crypto";
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { selfSigned } from "../../src/keys/self-signed.ts";
import { testKey, testKeyPem } from "../fuzz/keys.ts";
import { sealedSeeds } from "../fuzz/targets-seal.ts";
import { type ChildResult, spawnCli } from "../helpers/cli.ts";
import { goodImage } from "../helpers/qvf-image.ts";
import { type Beside, COMMAND_LINES, type CommandLine, NO_STRANGERS } from "./command-lines.ts";
import { HOSTILE, type Hostile } from "./hostile-files.ts";

/** What any command may cost on any of these files, measured on its process. */
const MAX_MIB = 256;
const MAX_MS = 2000;
/** By the wall clock, on a machine that does other things: what takes so long does not end. */
const KILLED_MS = 120_000;

interface Given {
  readonly hostile: Hostile;
  readonly command: string;
  readonly line: CommandLine;
}

/** Every command on every file that it may be given. */
const ALL: readonly Given[] = HOSTILE.flatMap((hostile) =>
  Object.entries(COMMAND_LINES).flatMap(([command, lines]) =>
    lines.filter((line) => line.kinds.includes(hostile.kind)).map((line) => ({ hostile, command, line })),
  ),
);

/** For each command one of them, so that each file has its turn: a few seconds in all. */
function selection(): readonly Given[] {
  const turns = new Map<Hostile, number>();
  return Object.keys(COMMAND_LINES).map((command) => {
    const quick = ALL.filter((given) => given.command === command && given.hostile.quick);
    const chosen = quick.reduce((a, b) => ((turns.get(b.hostile) ?? 0) < (turns.get(a.hostile) ?? 0) ? b : a));
    turns.set(chosen.hostile, (turns.get(chosen.hostile) ?? 0) + 1);
    return chosen;
  });
}

const ENDINGS: Partial<Record<Hostile["kind"], string>> = { sealed: "qvd", key: "pem" };

describe("each command on each hostile file", () => {
  let top = "";
  let common: Omit<Beside, "folder" | "sealed">;
  let sealed: Uint8Array;
  const made = new Map<Hostile, string>();

  beforeAll(async () => {
    top = await mkdtemp(join(tmpdir(), "qvault-bounds-"));
    const write = async (name: string, content: string | Uint8Array) => {
      await writeFile(join(top, name), content);
      return join(top, name);
    };
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    common = {
      key: await write("key.pem", testKeyPem),
      certificate: await write("certificate.pem", selfSigned(testKey, "t", 30, new Date()).toString()),
      other: await write("other.pem", selfSigned(other, "o", 30, new Date()).toString()),
      qvf: await write("good.qvf", await goodImage()),
    };
    await chmod(common.key, 0o600);
    sealed = (await sealedSeeds())[0]!;
  });

  afterAll(() => rm(top, { recursive: true, force: true }));

  async function pathOf(hostile: Hostile): Promise<string> {
    const path = made.get(hostile) ?? join(top, `h${made.size}.${ENDINGS[hostile.kind] ?? hostile.kind}`);
    if (!made.has(hostile)) await writeFile(path, await hostile.bytes());
    made.set(hostile, path);
    return path;
  }

  let runs = 0;

  /** In a folder of its own, on a copy where the command writes to the file. */
  async function runOnce({ hostile, line }: Given): Promise<ChildResult> {
    const folder = join(top, `run${runs++}`);
    await mkdir(folder);
    let file = await pathOf(hostile);
    if (hostile.kind === "audit" || hostile.kind === "journal") {
      await copyFile(file, join(folder, "log"));
      file = join(folder, "log");
    }
    await writeFile(join(folder, "sealed.qvd"), sealed);
    const beside = { ...common, folder, sealed: join(folder, "sealed.qvd") };
    try {
      return await spawnCli(line.args(file, beside), { timeoutMs: KILLED_MS });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** The least of three, since what else runs on the machine counts in. */
  async function holds(given: Given): Promise<void> {
    const what = `${given.command}: ${given.hostile.name}`;
    let result = await runOnce(given);
    for (let again = 0; again < 2 && result.cpuMs >= (given.hostile.ms ?? MAX_MS); again++)
      result = await runOnce(given);
    const { code, err, cpuMs, maxRssMiB } = result;
    // 70 would be a defect of ours, -1 a process that was killed.
    expect(`${what}: exit ${code}`).toMatch(/: exit (0|1|2|3|4|5|6|7|8|9|10)$/);
    expect(err, what).not.toMatch(/\n\s+at /);
    expect(cpuMs, what).toBeGreaterThan(10);
    expect(cpuMs, `${what}: ms`).toBeLessThan(given.hostile.ms ?? MAX_MS);
    expect(maxRssMiB, what).toBeGreaterThan(10);
    expect(maxRssMiB, `${what}: MiB`).toBeLessThan(given.hostile.mib ?? MAX_MIB);
  }

  for (const given of process.env.QVAULT_LONG ? ALL : selection()) {
    it(`${given.command}: ${given.hostile.name}`, () => holds(given), 4 * KILLED_MS);
  }
});

describe("the command lines", () => {
  it("are there for every command that reads a file, and for every kind of file", async () => {
    const terminal = { out: async () => {}, err: () => {} } as never;
    const context = { terminal, outcome: { exitCode: 0 as const }, run: async () => 0 as const };
    const program = await buildProgram(context, "");
    const leaves = (command: Command, name: string): string[] =>
      command.commands.length === 0 ? [name] : command.commands.flatMap((c) => leaves(c, `${name} ${c.name()}`.trim()));
    const names = leaves(program, "").sort();
    expect(names.length).toBeGreaterThan(Object.keys(COMMANDS).length);
    expect([...Object.keys(COMMAND_LINES), ...Object.keys(NO_STRANGERS)].sort()).toEqual(names);
    const kinds = new Set(HOSTILE.map((hostile) => hostile.kind));
    const taken = new Set(Object.values(COMMAND_LINES).flatMap((lines) => lines.flatMap((line) => line.kinds)));
    expect([...kinds].sort()).toEqual([...taken].sort());
    expect(new Set(HOSTILE.map((hostile) => hostile.name)).size).toBe(HOSTILE.length);
  });
});
