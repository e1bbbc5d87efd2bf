import { Command } from "commander";
import { testCases } from "../../engine/access-report.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { printable } from "../terminal.ts";

export function accessTestCommand({ terminal, outcome }: CommandContext): Command {
  return new Command("test")
    .description("run policy cases: an app, its section access, a user, and what he must see; exit 1 on any difference")
    .argument("<CASE|DIR...>", "cases, or folders of them")
    .option("--json", "report as JSON")
    .action(async (names: string[], options: { json?: true }) => {
      const cases = await testCases(names);
      const failed = cases.filter((c) => !c.ok);
      if (failed.length > 0) outcome.exitCode = EXIT.FINDING;
      if (options.json) {
        await terminal.out(
          `${JSON.stringify({ schemaVersion: 1, ok: failed.length === 0, passed: cases.length - failed.length, cases })}\n`,
        );
        return;
      }
      for (const c of failed) {
        for (const d of c.differences) await terminal.out(`${printable(`${c.file}: ${d}`)}\n`);
      }
      await terminal.out(`${cases.length - failed.length} of ${cases.length} cases pass\n`);
    });
}
