import { Command } from "commander";
import { testNonInterference } from "../../engine/access-interfere.ts";
import { testCases } from "../../engine/access-report.ts";
import { type OwnerOptions, ownersApp, rulesFor, withOwnerOptions } from "../access-options.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { wholeNumber } from "../options.ts";
import { printable } from "../terminal.ts";

interface TestOptions extends OwnerOptions {
  readonly nonInterference?: true;
  readonly rounds: number;
  readonly seed: number;
  readonly json?: true;
}

export function accessTestCommand(context: CommandContext): Command {
  const command = new Command("test")
    .description("run policy cases: an app, its section access, a user, and what he must see; exit 1 on any difference")
    .argument("<CASE|DIR...>", "cases, or folders of them; an app with --non-interference")
    .option(
      "--non-interference",
      "change what each listed identity does not see: not one byte of what he gets may change",
    )
    .option("--rounds <N>", "changes tried for each identity", wholeNumber(1), 3)
    .option("--seed <N>", "which changes", wholeNumber(0), 1);
  return withOwnerOptions(command)
    .option("--json", "report as JSON")
    .action((names: string[], options: TestOptions) => {
      return options.nonInterference ? interference(context, names, options) : cases(context, names, options);
    });
}

async function cases(
  { terminal, outcome }: CommandContext,
  names: readonly string[],
  options: TestOptions,
): Promise<void> {
  const all = await testCases(names);
  const failed = all.filter((c) => !c.ok);
  if (failed.length > 0) outcome.exitCode = EXIT.FINDING;
  const passed = all.length - failed.length;
  if (options.json)
    return terminal.out(`${JSON.stringify({ schemaVersion: 1, ok: failed.length === 0, passed, cases: all })}\n`);
  for (const c of failed) {
    for (const d of c.differences) await terminal.out(`${printable(`${c.file}: ${d}`)}\n`);
  }
  await terminal.out(`${passed} of ${all.length} cases pass\n`);
}

async function interference(
  { terminal, outcome }: CommandContext,
  names: readonly string[],
  options: TestOptions,
): Promise<void> {
  const { rounds, seed } = options;
  const apps = [];
  for (const name of names) {
    const base = await ownersApp(name, options, terminal);
    const identities = await testNonInterference(base, rulesFor(options), { rounds, seed });
    apps.push({ app: base.name, identities });
    for (const i of identities) {
      if (i.differs !== "none") outcome.exitCode = EXIT.FINDING;
      if (options.json) continue;
      const verdict =
        i.rounds === undefined
          ? "does not get in"
          : i.differs === "none"
            ? `${i.rounds} changes, not one byte`
            : `the ${i.differs} tells of hidden data`;
      await terminal.out(`${printable(`${base.name}: ${i.identity}: ${verdict}`)}\n`);
    }
  }
  if (options.json)
    await terminal.out(`${JSON.stringify({ schemaVersion: 1, ok: outcome.exitCode === EXIT.DONE, seed, apps })}\n`);
}
