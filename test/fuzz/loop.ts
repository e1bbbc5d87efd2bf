import { readFileSync, writeFileSync } from "node:fs";
import { type Coverage, startCoverage } from "./coverage.ts";
import { BYTE_MUTATORS, wordMutator } from "./mutate-bytes.ts";
import type { Random } from "./random.ts";
import { findKey, type Mutator, outcomeOf, type Target, Wrong } from "./target.ts";

/** Mutants between two looks at the counters, each of which takes some 10 ms. */
const MAX_BATCH = 1024;
const BATCH_MS = 200;
const MAX_MS = 1000;
/** Ways to end that count as news, beside new code. */
const MAX_SIGNATURES = 300;
/** Memory that one input may take beyond what the process had, whatever its length. */
const MAX_RISE_BYTES = 192 * 1024 * 1024;

export interface LoopHooks {
  /** Called before every execution, so that an input which never ends can be had from outside. */
  readonly starting: (data: Uint8Array) => void;
  readonly found: (key: string, data: Uint8Array, error: unknown) => void | Promise<void>;
}

export interface LoopResult {
  readonly executions: number;
  readonly outcomes: Map<string, number>;
  readonly kept: readonly Uint8Array[];
  readonly coverage: number;
}

/** The most memory the process has had since the mark was reset; Linux only, elsewhere nothing is measured. */
function resetPeak(): void {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // Another system, or not allowed.
  }
}

function peakBytes(): number {
  try {
    return Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Feeds a target with mutants of its corpus until the time is over. */
export class Loop {
  readonly #target: Target;
  readonly #random: Random;
  readonly #hooks: LoopHooks;
  readonly #mutators: readonly Mutator[];
  readonly #coverage: Coverage;
  readonly #corpus: Uint8Array[] = [];
  readonly #signatures = new Set<string>();
  readonly #outcomes = new Map<string, number>();
  #executions = 0;

  constructor(target: Target, random: Random, root: string, hooks: LoopHooks) {
    this.#target = target;
    this.#random = random;
    this.#hooks = hooks;
    this.#coverage = startCoverage(root);
    const words = target.words ? [wordMutator(target.words)] : [];
    this.#mutators = [...target.mutators, ...target.mutators, ...target.mutators, ...words, ...BYTE_MUTATORS];
  }

  /** Feeds every input once; those that run code of their own become the corpus. */
  async start(inputs: readonly Uint8Array[]): Promise<void> {
    for (const input of inputs) {
      const data = input.subarray(0, this.#target.maxBytes);
      const isNew = await this.#feed(data);
      if (this.#coverage.take(true) || isNew || this.#corpus.length === 0) this.#corpus.push(data);
    }
  }

  async run(seconds: number): Promise<LoopResult> {
    const end = Date.now() + seconds * 1000;
    while (Date.now() < end) await this.#batch();
    const shares = this.#target.files.map((file) => this.#coverage.share(`/src/${file.replace(/\.ts$/, ".js")}`));
    this.#coverage.close();
    const covered = shares.reduce((n, share) => n + (share?.covered ?? 0), 0);
    const all = shares.reduce((n, share) => n + (share?.all ?? 0), 0);
    const coverage = all === 0 ? 0 : Math.round((1000 * covered) / all) / 10;
    return { executions: this.#executions, outcomes: this.#outcomes, kept: this.#corpus, coverage };
  }

  async #batch(): Promise<void> {
    const batch: Uint8Array[] = [];
    const isNew: boolean[] = [];
    resetPeak();
    const before = process.memoryUsage.rss();
    const end = Date.now() + BATCH_MS;
    while (batch.length < MAX_BATCH && Date.now() < end) {
      const data = await this.#mutant();
      batch.push(data);
      isNew.push(await this.#feed(data));
    }
    if (peakBytes() - before > MAX_RISE_BYTES) await this.#measure(batch);
    const more = this.#coverage.take(false);
    this.#corpus.push(...batch.filter((_, i) => isNew[i]));
    if (more) await this.#attribute(batch);
  }

  /** Some of these ran new code: those that did are found by halves, since every look at the counters takes its time. */
  async #attribute(batch: readonly Uint8Array[]): Promise<void> {
    for (const data of batch) await outcomeOf(this.#target, data).catch(() => {});
    if (!this.#coverage.take(batch.length === 1)) return;
    if (batch.length === 1) {
      if (!this.#corpus.includes(batch[0]!)) this.#corpus.push(batch[0]!);
      return;
    }
    const half = batch.length >> 1;
    await this.#attribute(batch.slice(0, half));
    await this.#attribute(batch.slice(half));
  }

  async #mutant(): Promise<Uint8Array> {
    const { below, pick, oneIn } = this.#random;
    const recent = Math.min(this.#corpus.length, 16);
    const parent = oneIn(3) ? this.#corpus[this.#corpus.length - 1 - below(recent)]! : pick(this.#corpus);
    let data = parent;
    for (let left = 1 + below(pick([1, 2, 3, 5])); left > 0; left--) {
      data = await pick(this.#mutators)(data, this.#random, pick(this.#corpus));
    }
    return data.byteLength > this.#target.maxBytes ? data.slice(0, this.#target.maxBytes) : data;
  }

  /** Runs one input; true if it ended in a way that was not seen before. */
  async #feed(data: Uint8Array): Promise<boolean> {
    this.#hooks.starting(data);
    this.#executions += 1;
    const started = performance.now();
    let outcome: string;
    try {
      outcome = await outcomeOf(this.#target, data);
    } catch (error) {
      await this.#hooks.found(findKey(error), data, error);
      outcome = "find";
    }
    if (performance.now() - started > this.#maxMs(data)) await this.#timed(data);
    const [code] = outcome.split(":");
    this.#outcomes.set(code!, (this.#outcomes.get(code!) ?? 0) + 1);
    if (this.#signatures.size > MAX_SIGNATURES || this.#signatures.has(outcome)) return false;
    this.#signatures.add(outcome);
    return outcome !== "find";
  }

  #maxMs(data: Uint8Array): number {
    return (this.#target.maxMs ?? MAX_MS) + data.byteLength / 100;
  }

  /** Once more by processor time, since other work may have been in the way. */
  async #timed(data: Uint8Array): Promise<void> {
    const before = process.cpuUsage();
    await outcomeOf(this.#target, data).catch(() => {});
    const { user, system } = process.cpuUsage(before);
    const ms = (user + system) / 1000;
    if (ms > this.#maxMs(data))
      await this.#hooks.found("slow", data, new Wrong(`${Math.round(ms)} ms of processor time`));
  }

  /** One by one, each after a collection: garbage of many inputs is no find. */
  async #measure(batch: readonly Uint8Array[]): Promise<void> {
    for (const data of batch) {
      globalThis.gc?.();
      resetPeak();
      const before = process.memoryUsage.rss();
      await outcomeOf(this.#target, data).catch(() => {});
      const rise = peakBytes() - before;
      if (rise > MAX_RISE_BYTES + 20 * data.byteLength)
        await this.#hooks.found(
          "memory",
          data,
          new Wrong(`${Math.round(rise / 2 ** 20)} MiB for ${data.byteLength} bytes`),
        );
    }
  }
}
