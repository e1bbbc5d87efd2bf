import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, platform, release } from "node:os";
import { join } from "node:path";

/** What fuzzing one target came to; `test/fuzz/results/<target>.json`, summed over runs. */
export interface FuzzResult {
  readonly target: string;
  /** The command that makes such figures again. */
  readonly command: string;
  readonly machine: string;
  readonly node: string;
  /** Day of the last run. */
  readonly date: string;
  readonly runs: number;
  /** Wall clock, other work on the machine included. */
  readonly seconds: number;
  readonly executions: number;
  /** Inputs that ended in each code, `read` for those that were accepted. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Share of the code in the target's files that ran, in percent; the best of all runs. */
  readonly coverage: number;
  /** Inputs kept because each runs code that no other does. */
  readonly corpus: number;
  /** Finds of all runs, each kept under `test/fuzz/crashes`; `open` are those that still fail. */
  readonly crashes: { readonly found: number; readonly open: number };
}

export const machine = () =>
  `${cpus().length} × ${cpus()[0]?.model.trim() ?? "?"}, ${platform()} ${release()} ${arch()}`;

/** Adds a run to what is known of the target. */
export function recordResult(folder: string, run: FuzzResult): FuzzResult {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${run.target}.json`);
  const before = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as FuzzResult) : undefined;
  const outcomes: Record<string, number> = { ...before?.outcomes };
  for (const [code, count] of Object.entries(run.outcomes)) outcomes[code] = (outcomes[code] ?? 0) + count;
  const sum: FuzzResult = {
    ...run,
    runs: (before?.runs ?? 0) + run.runs,
    seconds: (before?.seconds ?? 0) + run.seconds,
    executions: (before?.executions ?? 0) + run.executions,
    outcomes: Object.fromEntries(Object.entries(outcomes).sort()),
    coverage: Math.max(before?.coverage ?? 0, run.coverage),
  };
  writeFileSync(path, `${JSON.stringify(sum, null, 2)}\n`);
  return sum;
}

export function readResults(folder: string): FuzzResult[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return names.sort().map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as FuzzResult);
}
