import { cpus, totalmem } from "node:os";

/** One measured thing. Ratios are times against a yardstick of the same run; below 1 is faster than it. */
export interface Figure {
  readonly name: string;
  /** The least of the samples. */
  readonly ms: number;
  /** Bytes read: those of the records, unless the name says otherwise. */
  readonly bytes: number;
  /** Against `memory.copy` of the same bytes. */
  readonly ratioToCopy?: number | undefined;
  /** Time of the plain JavaScript twin against this one: above 1 is faster than JavaScript. */
  readonly ratioToJs?: number | undefined;
  /** Threads that worked on it, if not one. */
  readonly threads?: number | undefined;
  /** Time of one thread against this many: above 1 is faster than one. */
  readonly ratioToOneThread?: number | undefined;
}

/** Something to be timed; `run` does the whole job once. */
export interface Case {
  readonly name: string;
  readonly bytes: number;
  readonly run: () => void;
  /** Name of the case that is its yardstick, or its twin. */
  readonly copy?: string | undefined;
  readonly js?: string | undefined;
}

/** Times cases in turns, so that a busy moment of the machine falls on all of them, and keeps the least of each. */
export function measure(cases: readonly Case[], rounds: number, warmups = 1): Figure[] {
  const least = cases.map(() => Number.POSITIVE_INFINITY);
  for (let round = -warmups; round < rounds; round++) {
    cases.forEach(({ run }, k) => {
      const start = process.hrtime.bigint();
      run();
      const ms = Number(process.hrtime.bigint() - start) / 1e6;
      if (round >= 0 && ms < least[k]!) least[k] = ms;
    });
  }
  const msOf = (name: string | undefined) => least[cases.findIndex((c) => c.name === name)];
  return cases.map(({ name, bytes, copy, js }, k): Figure => {
    const ms = least[k]!;
    const copied = msOf(copy);
    const twin = msOf(js);
    return {
      name,
      ms: thousandths(ms),
      bytes,
      ...(copied === undefined ? {} : { ratioToCopy: thousandths(ms / copied) }),
      ...(twin === undefined ? {} : { ratioToJs: thousandths(twin / ms) }),
    };
  });
}

export function thousandths(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** What the figures were taken on. */
export function machine() {
  const all = cpus();
  const { node, v8 } = process.versions;
  return {
    cpu: all[0]?.model ?? "unknown",
    cores: all.length,
    memory: totalmem(),
    node,
    v8,
    platform: process.platform,
    arch: process.arch,
  };
}

/** Starts to watch what other processes use of the processors; says, when asked, how many cores since then on average. */
export function watchOthers(): () => number {
  const busy = () => cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
  const [start, busyBefore, own] = [performance.now(), busy(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(own);
    const others = busy() - busyBefore - (user + system) / 1000;
    return thousandths(Math.max(0, others / (performance.now() - start)));
  };
}
