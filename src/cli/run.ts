import { CommanderError } from "commander";
import type { Outcome } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { buildProgram } from "./program.ts";
import { reportError } from "./report.ts";
import { guarded, type Terminal } from "./terminal.ts";

/** Runs one command line and returns its exit code; never throws, never ends the process. */
export async function run(args: readonly string[], given: Terminal): Promise<ExitCode> {
  const terminal = guarded(given);
  const outcome: Outcome = { exitCode: EXIT.DONE };
  try {
    const again = (more: readonly string[]) => run(more, terminal);
    const program = await buildProgram({ terminal, outcome, run: again }, args[0] ?? "");
    await program.parseAsync([...args], { from: "user" });
    return outcome.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.DONE : EXIT.USAGE;
    return reportError(error, terminal);
  }
}
