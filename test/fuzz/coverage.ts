import { readFileSync } from "node:fs";
import { type Profiler, Session } from "node:inspector";
import { fileURLToPath } from "node:url";

/** Which code ran, by V8's own counters: every block of the scripts below one address. */
export interface Coverage {
  /** True if something ran since the last call that had never run before. It counts as old from now on only if `keep`. */
  take(keep: boolean): boolean;
  /** Bytes of code inside functions of a script, and how many of them ran. The name ends with `file`. */
  share(file: string): { readonly covered: number; readonly all: number } | undefined;
  close(): void;
}

interface Script {
  /** 1 where code ran. Bytes outside every function are not looked at. */
  readonly ran: Uint8Array;
  readonly inside: Uint8Array;
}

/**
 * Starts counting.
 * @param root scripts whose address begins so are counted, e.g. `file:///…/dist/src/`
 */
export function startCoverage(root: string): Coverage {
  const session = new Session();
  session.connect();
  const post = <T>(method: string, params: object = {}): T => {
    let result: unknown;
    session.post(method as "Profiler.enable", params as never, (error: Error | null, value: unknown) => {
      if (error) throw error;
      result = value;
    });
    return result as T;
  };
  post("Profiler.enable");
  post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  const scripts = new Map<string, Script>();
  const seen = new Set<string>();

  const scriptOf = (url: string): Script => {
    let script = scripts.get(url);
    if (script === undefined) {
      // Offsets are of UTF-16 units; the build writes hardly anything beyond ASCII.
      const { length } = readFileSync(fileURLToPath(url), "utf8");
      script = { ran: new Uint8Array(length), inside: new Uint8Array(length) };
      scripts.set(url, script);
    }
    return script;
  };

  function addFunction(url: string, { functionName, ranges }: Profiler.FunctionCoverage, keep: boolean): boolean {
    const key = `${url} ${ranges.map((r) => `${r.startOffset}-${r.endOffset}${r.count > 0 ? "+" : ""}`).join()}`;
    if (seen.has(key)) return false;
    if (keep) seen.add(key);
    const script = scriptOf(url);
    const [whole] = ranges;
    // The module itself counts as a function without a name that begins at 0.
    const isModule = functionName === "" && whole!.startOffset === 0;
    if (!isModule) script.inside.fill(1, whole!.startOffset, whole!.endOffset);
    if (whole!.count === 0) return false;
    // Ranges lie inside each other, outer ones first: the inmost one says whether a byte ran.
    const now = new Uint8Array(whole!.endOffset - whole!.startOffset);
    for (const r of ranges)
      now.fill(r.count > 0 ? 1 : 0, r.startOffset - whole!.startOffset, r.endOffset - whole!.startOffset);
    let news = false;
    now.forEach((ran, i) => {
      if (ran === 0 || script.ran[whole!.startOffset + i] === 1) return;
      if (keep) script.ran[whole!.startOffset + i] = 1;
      news = true;
    });
    return news;
  }

  return {
    take(keep) {
      const { result } = post<Profiler.TakePreciseCoverageReturnType>("Profiler.takePreciseCoverage");
      let news = false;
      for (const { url, functions } of result) {
        if (!url.startsWith(root)) continue;
        for (const each of functions) if (addFunction(url, each, keep)) news = true;
      }
      return news;
    },
    share(file) {
      for (const [url, { ran, inside }] of scripts) {
        if (!url.endsWith(file)) continue;
        let covered = 0;
        let all = 0;
        inside.forEach((is, i) => {
          all += is;
          covered += is & ran[i]!;
        });
        return { covered, all };
      }
      return undefined;
    },
    close() {
      post("Profiler.stopPreciseCoverage");
      session.disconnect();
    },
  };
}
