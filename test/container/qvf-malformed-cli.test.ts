import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCli, spawnCli } from "../helpers/cli.ts";
import { CELL_MARK } from "../helpers/qvf-image.ts";
import { temporaryFolders } from "../helpers/temp.ts";
import { QVF_FAULTS } from "./qvf-malformed.ts";

/** What every malformed app must be reported within, on the command line. */
const MAX_MIB = 256;
const MAX_MS = 2000;

interface Verdict {
  readonly file: string;
  readonly damaged: boolean;
  readonly findings: readonly { readonly code: string }[];
}

interface Made {
  readonly name: string;
  readonly code: string;
  readonly bytes: Uint8Array;
}

/**
 * The faults of the structure, in files that the command line takes for apps: what only the script's own reader minds is
 * no damage, and a file with other first bytes is refused before anything is verified.
 */
async function structuralFaults(): Promise<readonly Made[]> {
  const made: Made[] = [];
  for (const { name, code, bytes } of QVF_FAULTS) {
    if (/no script in it|a list|a number/.test(name)) continue;
    const file = await bytes();
    if (file[0] === 0xff && file[1] === 0xff && file[2] === 1 && file[3] === 0) made.push({ name, code, bytes: file });
  }
  return made;
}

describe("malformed QVFs on the command line", () => {
  const temporaryFolder = temporaryFolders();

  it("each take less than two seconds of processor time, and no word of theirs gets out", async () => {
    const folder = await temporaryFolder();
    const structural = await structuralFaults();
    expect(structural.length).toBeGreaterThan(100);
    for (const [i, fault] of structural.entries()) {
      const file = join(folder, `${i}.qvf`);
      await writeFile(file, fault.bytes);
      const before = process.cpuUsage();
      const { code, out, err } = await runCli(["verify", file]);
      const { user, system } = process.cpuUsage(before);
      expect({ fault: fault.name, code }).toEqual({ fault: fault.name, code: 4 });
      expect(out + err, fault.name).toContain(fault.code);
      expect(out + err, fault.name).not.toContain(CELL_MARK);
      expect((user + system) / 1000, fault.name).toBeLessThan(MAX_MS);
    }
  });

  it(`all at once stay below ${MAX_MIB} MiB, and each is found damaged with its code`, async () => {
    const folder = await temporaryFolder();
    const structural = await structuralFaults();
    const name = (i: number) => join(folder, `${String(i).padStart(3, "0")}.qvf`);
    for (const [i, fault] of structural.entries()) await writeFile(name(i), fault.bytes);
    const { out, maxRssMiB } = await spawnCli(["verify", "--json", folder]);
    const verdicts = new Map<string, Verdict>();
    for (const line of out.trimEnd().split("\n")) {
      const verdict = JSON.parse(line) as Verdict;
      verdicts.set(verdict.file, verdict);
    }
    for (const [i, fault] of structural.entries()) {
      const verdict = verdicts.get(name(i));
      expect({ fault: fault.name, damaged: verdict?.damaged }).toEqual({ fault: fault.name, damaged: true });
      expect(
        verdict!.findings.map((finding) => finding.code),
        fault.name,
      ).toContain(fault.code);
    }
    expect(maxRssMiB).toBeGreaterThan(10);
    expect(maxRssMiB).toBeLessThan(MAX_MIB);
  });
});
