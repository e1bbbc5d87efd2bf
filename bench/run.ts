import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { arch, cpus, platform, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { argv, execPath, resourceUsage, stderr, stdout, version, versions } from "node:process";
import { fileURLToPath } from "node:url";
import { Bench } from "tinybench";
import type { BenchCase, BenchResult } from "./case.ts";
import { CODEC_CASES } from "./codec.ts";
import { EXPORT_CASES } from "./export.ts";
import { INTERN_CASES } from "./interner.ts";
import { QVF_CASES } from "./qvf.ts";
import { SEAL_CASES } from "./seal.ts";

/**
 * `npm run bench [-- REGEX…]`: runs the cases whose names match, one after the other, each in a process of its own so
 * that its peak memory is its own; its files are made by another process before. JSON on standard output, a table on standard error.
 */
const CASES: readonly BenchCase[] = [...CODEC_CASES, ...EXPORT_CASES, ...QVF_CASES, ...SEAL_CASES, ...INTERN_CASES];

const SAMPLES = 10;
const WARM_UP = 3;

function caseOf(name: string | undefined): BenchCase {
  const found = CASES.find((c) => c.name === name);
  if (found === undefined) throw new Error(`there is no case ${name}`);
  return found;
}

async function measure(found: BenchCase, folder: string): Promise<BenchResult> {
  const { name, about } = found;
  const { rows, bytes, run } = await found.prepare(folder);
  const bench = new Bench({ iterations: SAMPLES, time: 0, warmupIterations: WARM_UP, warmupTime: 0, throws: true });
  bench.add(name, run);
  await bench.run();
  const result = bench.tasks[0]!.result;
  if (!("latency" in result)) throw new Error(`${name} was not measured`);
  const { min, p50, p99, samplesCount } = result.latency;
  return {
    name,
    about,
    rows,
    bytes,
    samples: samplesCount,
    min,
    p50,
    p99,
    rowsPerSecond: Math.round(rows / (p50 / 1000)),
    megabytesPerSecond: Math.round(bytes / p50 / 1000),
    peakMegabytes: Math.round(resourceUsage().maxRSS / 1024),
  };
}

function machine() {
  const cpu = cpus();
  return {
    cpu: cpu[0]?.model ?? "unknown",
    cores: cpu.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()} ${release()} ${arch()}`,
    node: version,
    v8: versions.v8,
  };
}

function runAll(patterns: readonly RegExp[]): void {
  const names = CASES.map((c) => c.name).filter((name) => patterns.every((p) => p.test(name)));
  const script = fileURLToPath(import.meta.url);
  const results = names.map((name) => {
    const folder = mkdtempSync(join(tmpdir(), "qvault-bench-"));
    const child = (step: string) =>
      execFileSync(execPath, [script, step, name, folder], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
    try {
      child("--make");
      return report(JSON.parse(child("--measure")) as BenchResult);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
  stdout.write(`${JSON.stringify({ schemaVersion: 1, machine: machine(), results }, null, 2)}\n`);
}

function report(result: BenchResult): BenchResult {
  const rate = (result.rowsPerSecond / 1e6).toFixed(2).padStart(8);
  const times = `${result.p50.toFixed(1)} ms (min ${result.min.toFixed(1)})`.padStart(26);
  stderr.write(
    `${result.name.padEnd(16)} ${rate} M rows/s ${times}  peak ${result.peakMegabytes} MB  ${result.about}\n`,
  );
  return result;
}

const [step, name, folder] = argv.slice(2);
if (step === "--make") await caseOf(name).make?.(folder ?? "");
else if (step === "--measure") stdout.write(JSON.stringify(await measure(caseOf(name), folder ?? "")));
// eslint-disable-next-line security/detect-non-literal-regexp -- whoever runs the benchmark writes the pattern
else runAll(argv.slice(2).map((text) => new RegExp(text)));
