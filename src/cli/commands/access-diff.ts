import { Command } from "commander";
import { type Comparison, compare, type User } from "../../engine/access-report.ts";
import { QErr } from "../../errors.ts";
import { adminMember, collect, type OwnerOptions, ownersApp, rulesFor, withOwnerOptions } from "../access-options.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { printable } from "../terminal.ts";
import { textTable } from "../text-table.ts";

interface DiffOptions extends OwnerOptions {
  readonly user: readonly string[];
  readonly groupA?: readonly string[];
  readonly groupB?: readonly string[];
  readonly json?: true;
}

export function diffCommand({ terminal, outcome }: CommandContext): Command {
  const command = new Command("diff")
    .description("compare what two users see; exit 1 if it differs; for owners: it quotes data")
    .argument("<APP>", "app")
    .requiredOption("--user <ID>", "given twice: the two users", collect)
    .option("--group-a <NAME>", "a group of the first; may be repeated", collect)
    .option("--group-b <NAME>", "a group of the second; may be repeated", collect);
  return withOwnerOptions(command)
    .option("--json", "report as JSON")
    .action(async (path: string, options: DiffOptions) => {
      const [a, b, more] = options.user;
      if (a === undefined || b === undefined || more !== undefined)
        throw new QErr("USAGE", "--user is needed exactly twice");
      const base = await ownersApp(path, options, terminal);
      const first: User = { userid: a, ntname: a, groups: options.groupA };
      const second: User = { userid: b, ntname: b, groups: options.groupB };
      const diff = compare(base.reducible, first, second, rulesFor(options));
      const same =
        diff.tables.every((t) => t.onlyA + t.onlyB === 0) &&
        diff.fields.length === 0 &&
        !diff.deniedA === !diff.deniedB;
      if (!same) outcome.exitCode = EXIT.FINDING;
      await terminal.out(
        options.json
          ? `${JSON.stringify({ schemaVersion: 1, ...adminMember(base), same, a, b, ...diff })}\n`
          : human(diff, a, b),
      );
    });
}

function human(diff: Comparison, a: string, b: string): string {
  let out = "";
  for (const [who, denied] of [
    [a, diff.deniedA],
    [b, diff.deniedB],
  ] as const) {
    if (denied !== undefined) out += `${printable(`${who} is denied: ${denied.join(", ")}`)}\n`;
  }
  const number = (n: number): string => n.toLocaleString("en");
  const rows = diff.tables.map((t) => [t.table, number(t.onlyA), number(t.onlyB), number(t.both)]);
  out += textTable([["rows of", `only ${a}`, `only ${b}`, "both"], ...rows], [1, 2, 3]);
  if (diff.fields.length === 0) return out;
  const show = (cells: Comparison["fields"][number]["examplesA"]): string => {
    return cells.map((c) => (typeof c === "object" && c !== null ? c.text : String(c))).join(", ");
  };
  const fields = diff.fields.map((f) => [
    f.field,
    number(f.onlyA),
    number(f.onlyB),
    show(f.examplesA),
    show(f.examplesB),
  ]);
  return out + textTable([["values of", `only ${a}`, `only ${b}`, `e.g. ${a}`, `e.g. ${b}`], ...fields], [1, 2]);
}
