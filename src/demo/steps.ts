import { join } from "node:path";

/** What a demo works with. */
export interface DemoContext {
  /** A folder of its own, empty. */
  readonly folder: string;
  /** The user's file, if he named one; it is only read. */
  readonly file: string | undefined;
  /** Where the real data may be; if left out, beside the project. */
  readonly shared?: string;
  readonly say: (text: string) => Promise<void>;
  /** Runs one `qvault` command line and returns its exit code. */
  readonly run: (args: readonly string[]) => Promise<number>;
}

/** Walks through commands and keeps count of what did not hold. */
export interface Steps {
  /** A path in the demo's folder. */
  readonly path: (name: string) => string;
  /** Says what comes, shows the command as a user would type it, runs it; it is to end with `expected`, 0 if left out. */
  readonly command: (title: string, args: readonly string[], expected?: number) => Promise<void>;
  /** Says something that is not checked. */
  readonly note: (text: string) => Promise<void>;
  /** Says what was checked; a check that does not hold makes the demo fail. */
  readonly check: (claim: string, holds: boolean) => Promise<void>;
  readonly failures: () => readonly string[];
}

export function demoSteps(context: DemoContext): Steps {
  const failures: string[] = [];
  const { folder, say, run } = context;
  return {
    path: (name) => join(folder, name),
    note: (text) => say(`\n── ${text}\n`),
    async command(title, args, expected = 0) {
      await say(`\n── ${title}\n$ qvault ${args.map(shellWord).join(" ")}\n`);
      const code = await run(args);
      if (expected !== 0) await say(`(exit ${code})\n`);
      if (code !== expected) failures.push(`${title}: exit ${code} instead of ${expected}`);
    },
    async check(claim, holds) {
      await say(`\n── ${holds ? "Checked" : "FAILED"}: ${claim}\n`);
      if (!holds) failures.push(claim);
    },
    failures: () => failures,
  };
}

function shellWord(word: string): string {
  return /^[\w./:=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
