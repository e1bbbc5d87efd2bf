import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CliResult, runCli, spawnCli } from "../helpers/cli.ts";
import { temporaryFolders } from "../helpers/temp.ts";
import { CELL_MARK, FAULTS, type Fault } from "./qvd-malformed.ts";

/** What every malformed file must be refused within, on the command line. */
const MAX_MIB = 256;
const MAX_MS = 2000;

/** Files that are large enough to have a process of their own. */
const LARGE = 100_000;

const fileName = (number: number) => `${String(number).padStart(3, "0")}.qvd`;

interface Line {
  readonly file: string;
  readonly error: boolean;
  readonly code: string;
}

/** Processor time, since other work may share the machine; three tries, since the first may pay for the others. */
async function timed(file: string): Promise<CliResult & { readonly took: number }> {
  for (let run = 1; ; run++) {
    const before = process.cpuUsage();
    const result = await runCli(["digest", file]);
    const { user, system } = process.cpuUsage(before);
    const took = (user + system) / 1000;
    if (took < MAX_MS || run === 3) return { ...result, took };
  }
}

describe("malformed QVDs on the command line", () => {
  const temporaryFolder = temporaryFolders();
  // The command line reads apps, too: a QVF is none of its faults.
  const made = FAULTS.filter((fault) => fault.name !== "QVF").map((fault) => ({ fault, bytes: fault.bytes() }));

  it("are refused one by one: exit code 4, one clear line on standard error, nothing on standard output", async () => {
    const folder = await temporaryFolder();
    for (const [i, { fault, bytes }] of made.entries()) {
      const file = join(folder, fileName(i));
      await writeFile(file, bytes);
      const { code, out, err, took } = await timed(file);
      expect(`${fault.name}: ${code} ${out}`).toBe(`${fault.name}: 4 `);
      const [line, hint, ...more] = err.split("\n").filter((l) => l !== "");
      expect(line, fault.name).toMatch(/^qvault: error: .+ \([A-Z0-9_]+( at byte \d+)?\)$/);
      expect(line, fault.name).toContain(fault.code);
      if (hint !== undefined) expect(hint, fault.name).toMatch(/^qvault: hint: /);
      expect(more, fault.name).toEqual([]);
      expect(err, fault.name).not.toContain(CELL_MARK);
      expect(err.length, fault.name).toBeLessThan(1000);
      expect(took, `${fault.name} took ${took} ms`).toBeLessThan(MAX_MS);
    }
  });

  it(`all small ones at once stay below ${MAX_MIB} MiB, and each line names its file and code`, async () => {
    const folder = await temporaryFolder();
    const small: Fault[] = [];
    for (const { fault, bytes } of made) {
      if (bytes.byteLength >= LARGE) continue;
      await writeFile(join(folder, fileName(small.length)), bytes);
      small.push(fault);
    }
    const { code, out, err, maxRssMiB } = await spawnCli(["digest", "--ndjson", folder]);
    expect(code).toBe(9);
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
    expect(lines).toEqual(
      small.map((fault, i) => ({ file: join(folder, fileName(i)), error: true, code: fault.code })),
    );
    expect(err.split("\n").filter((line) => line.startsWith("qvault: error: ")).length).toBe(small.length);
    expect(maxRssMiB).toBeGreaterThan(10);
    expect(maxRssMiB).toBeLessThan(MAX_MIB);
  });

  const large = made.filter(({ bytes }) => bytes.byteLength >= LARGE);
  for (const { fault, bytes } of large) {
    it(`${fault.name}: exit code 4 below ${MAX_MIB} MiB`, async () => {
      const folder = join(await temporaryFolder(), "large");
      await mkdir(folder);
      const file = join(folder, "f.qvd");
      await writeFile(file, bytes);
      const { code, maxRssMiB } = await spawnCli(["digest", file]);
      expect(code).toBe(4);
      expect(maxRssMiB).toBeGreaterThan(10);
      expect(maxRssMiB).toBeLessThan(MAX_MIB);
    });
  }

  it("has large ones", () => {
    expect(large.length).toBeGreaterThan(5);
  });
});
