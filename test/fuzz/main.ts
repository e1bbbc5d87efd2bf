import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { keepCrash, readCrashes, readPack, writePack } from "./corpus.ts";
import { machine, recordResult } from "./results.ts";
import type { Target } from "./target.ts";
import { TARGETS } from "./targets.ts";
import type { Job, Message } from "./worker.ts";

/**
 * `npm run fuzz -- --target T --seconds N`: coverage-guided fuzzing in a thread, watched from here. Inputs that run new
 * code go to `build/fuzz` and are begun with the next time; finds go to `test/fuzz/crashes` and are replayed by `npm test`.
 */
const built = dirname(fileURLToPath(import.meta.url));
const project = join(built, "..", "..", "..");
const folder = join(project, "test", "fuzz");
const work = join(project, "build", "fuzz");
/** An input that takes so long is taken for one that never ends. */
const HANG_MS = 30_000;
const MAX_INPUT = 4 * 1024 * 1024;

const { values } = parseArgs({
  options: {
    target: { type: "string", multiple: true, default: [] },
    seconds: { type: "string", default: "30" },
    seed: { type: "string" },
    all: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    merge: { type: "boolean", default: false },
  },
});

interface Run {
  readonly finds: { readonly key: string; readonly file: string }[];
  readonly end: Extract<Message, { kind: "end" }> | undefined;
  readonly seconds: number;
}

function fuzz(target: Target, seconds: number, seed: number): Promise<Run> {
  const current = new SharedArrayBuffer(8 + MAX_INPUT);
  const words = new Uint32Array(current, 0, 2);
  const job: Job = {
    target: target.name,
    seconds,
    seed,
    corpora: [join(folder, "corpus"), work],
    crashes: join(folder, "crashes"),
    current,
    root: new URL("../../src/", import.meta.url).href,
  };
  const finds: Run["finds"] = [];
  const started = Date.now();
  const keep = (key: string, what: string, data: Uint8Array) => {
    const file = keepCrash(join(folder, "crashes"), target.name, key, data);
    finds.push({ key, file });
    console.error(
      `  FIND ${key}\n    test/fuzz/crashes/${target.name}/${file}\n    ${what.split("\n").slice(0, 6).join("\n    ")}`,
    );
  };
  return new Promise((resolve) => {
    let end: Run["end"];
    const worker = new Worker(new URL("./worker.js", import.meta.url), {
      workerData: job,
      resourceLimits: { maxOldGenerationSizeMb: 1024 },
    });
    const tried = () => new Uint8Array(current, 8, Math.min(words[1]!, MAX_INPUT)).slice();
    let last = -1;
    let since = Date.now();
    const watch = setInterval(() => {
      const count = Atomics.load(words, 0);
      // Loading and seeding may take long on a busy machine: only an input that was begun can be without end.
      if (count !== last || count === 0) since = Date.now();
      last = count;
      if (Date.now() - since < HANG_MS) return;
      keep("hang", `no end after ${HANG_MS / 1000} s`, tried());
      void worker.terminate();
    }, 500);
    worker.on("message", (message: Message) => {
      if (message.kind === "end") end = message;
      else keep(message.key, message.what, message.data);
    });
    worker.on("error", (error) =>
      keep(`thread: ${(error as { code?: string }).code ?? error.name}`, String(error.stack), tried()),
    );
    worker.on("exit", () => {
      clearInterval(watch);
      resolve({ finds, end, seconds: (Date.now() - started) / 1000 });
    });
  });
}

async function main(): Promise<number> {
  if (values.list) {
    for (const { name } of TARGETS) console.log(name);
    return 0;
  }
  const chosen = values.all ? TARGETS : TARGETS.filter(({ name }) => values.target.includes(name));
  const seconds = Number(values.seconds);
  if (chosen.length === 0 || (!values.all && chosen.length < values.target.length) || !(seconds > 0)) {
    console.error(
      `usage: npm run fuzz -- --target T | --all  [--seconds N] [--seed S] [--record] [--merge]\ntargets: ${TARGETS.map((t) => t.name).join(" ")}`,
    );
    return 2;
  }
  let failed = 0;
  for (const target of chosen) {
    const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
    const run = await fuzz(target, seconds, seed);
    if (run.finds.length > 0 || run.end === undefined) failed += 1;
    if (run.end === undefined) {
      console.log(`${target.name}: stopped, seed ${seed}, ${run.finds.length} finds`);
      continue;
    }
    const { executions, outcomes, kept, coverage } = run.end.result;
    const corpora = values.merge ? join(folder, "corpus") : work;
    writePack(corpora, target.name, kept);
    const perSecond = Math.round(executions / run.seconds);
    console.log(
      `${target.name}: ${executions} executions in ${run.seconds.toFixed(0)} s (${perSecond}/s), seed ${seed}, ${coverage} % of its code, ${kept.length} inputs kept, ${run.finds.length} finds`,
    );
    if (!values.record) continue;
    recordResult(join(folder, "results"), {
      target: target.name,
      command: `npm run fuzz -- --target ${target.name} --seconds ${seconds}`,
      machine: machine(),
      node: process.version,
      date: new Date().toISOString().slice(0, 10),
      runs: 1,
      seconds: Math.round(run.seconds),
      executions,
      outcomes: Object.fromEntries(outcomes),
      coverage,
      corpus: readPack(join(folder, "corpus"), target.name).length,
      crashes: { found: readCrashes(join(folder, "crashes"), target.name).length, open: run.finds.length },
    });
  }
  return failed === 0 ? 0 : 1;
}

if (!existsSync(folder)) throw new Error("run this from the project: npm run fuzz");
process.exitCode = await main();
