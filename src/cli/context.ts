import type { ExitCode } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

/** What every command is made with. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly outcome: Outcome;
  /** Runs another command line on the same terminal. */
  readonly run: (args: readonly string[]) => Promise<ExitCode>;
}

/** Where a command leaves an exit code other than 0 when it ran to its end. */
export interface Outcome {
  exitCode: ExitCode;
}
