import { Command } from "commander";
import { lintAccess } from "../../engine/access-report.ts";
import { readSmallText } from "../../engine/small-file.ts";
import { type OwnerOptions, ownersApp, rulesFor, withOwnerOptions } from "../access-options.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { printable } from "../terminal.ts";

interface LintOptions extends OwnerOptions {
  readonly json?: true;
  readonly directory?: string;
}

export function accessLintCommand({ terminal, outcome }: CommandContext): Command {
  const command = new Command("lint")
    .description("find mistakes in section access; for owners; exit 1 if there is an error or a warning")
    .argument("<APP>", "app");
  return withOwnerOptions(command)
    .option("--directory <FILE>", "names of users and groups that exist, one a line: rows for others are reported")
    .option("--json", "report as JSON")
    .action(async (path: string, options: LintOptions) => {
      const base = await ownersApp(path, options, terminal);
      const directory = options.directory === undefined ? undefined : await namesIn(options.directory);
      const findings = lintAccess(base.reducible, rulesFor(options), directory);
      const ok = findings.every((f) => f.severity === "info");
      if (!ok) outcome.exitCode = EXIT.FINDING;
      if (options.json) return terminal.out(`${JSON.stringify({ schemaVersion: 1, ok, findings })}\n`);
      for (const f of findings) {
        const count = f.count === undefined ? "" : ` [${f.count.toLocaleString("en")}]`;
        await terminal.out(`${printable(`${f.severity} ${f.code} ${f.about}: ${f.message}${count}`)}\n`);
      }
      if (findings.length === 0) await terminal.out("no finding\n");
    });
}

async function namesIn(path: string): Promise<Set<string>> {
  return new Set(
    (await readSmallText(path))
      .split(/\r?\n/)
      .map((l) => l.trim().toUpperCase())
      .filter((l) => l !== ""),
  );
}
