import { Command } from "commander";
import { type Explanation, explain } from "../../engine/access-report.ts";
import { QErr } from "../../errors.ts";
import {
  adminMember,
  type OwnerOptions,
  ownersApp,
  rulesFor,
  type UserOptions,
  userOf,
  withOwnerOptions,
  withUserOptions,
} from "../access-options.ts";
import type { CommandContext } from "../context.ts";
import { wholeNumber } from "../options.ts";
import { printable } from "../terminal.ts";
import { textTable } from "../text-table.ts";

interface ExplainOptions extends OwnerOptions, UserOptions {
  readonly table?: string;
  readonly row?: number;
  readonly json?: true;
}

export function explainCommand({ terminal }: CommandContext): Command {
  const command = new Command("explain")
    .description("tell which grants a user has, and why he sees a row or not; for owners: it quotes data and rights")
    .argument("<APP>", "app");
  return withOwnerOptions(withUserOptions(command))
    .option("--table <NAME>", "explain a row of this table")
    .option("--row <N>", "the row; rows count from 0", wholeNumber(0))
    .option("--json", "report as JSON")
    .action(async (path: string, options: ExplainOptions) => {
      const { table, row } = options;
      if ((table === undefined) !== (row === undefined)) throw new QErr("USAGE", "--table and --row go together");
      const user = await userOf(options);
      const base = await ownersApp(path, options, terminal);
      const place = table === undefined || row === undefined ? undefined : { table, row };
      const explanation = explain(base.reducible, user, rulesFor(options), place);
      await terminal.out(
        options.json
          ? `${JSON.stringify({ schemaVersion: 1, ...adminMember(base), ...explanation })}\n`
          : human(explanation),
      );
    });
}

function human(e: Explanation): string {
  const line = (text: string): string => `${printable(text)}\n`;
  let out = e.denied === undefined ? line(`gets in as ${e.user.level}`) : line(`denied: ${e.denied.join(", ")}`);
  const used = e.user.rows.filter((r) => r.used);
  out += line(`section access rows for this user: ${used.map((r) => `${r.table} ${r.row}`).join(", ") || "none"}`);
  for (const f of e.user.fields) {
    if (f.appField === "none")
      out += line(`${f.field}: no field of exactly this name in the app, so it reduces nothing`);
    else
      for (const v of f.values) {
        const by = v.by.map((p) => `${p.table} ${p.row}`).join(", ");
        out += line(`${f.field} = ${v.value || "(blank)"} by row ${by}${v.inData ? "" : "; not in the data"}`);
      }
  }
  if (e.tables.length > 0) {
    const rows = e.tables.map((t) => [t.table, t.kept.toLocaleString("en"), t.rows.toLocaleString("en")]);
    out += textTable([["table", "rows seen", "of"], ...rows], [1, 2]);
  }
  if (e.omitted.length > 0) out += line(`omitted: ${e.omitted.join(", ")}`);
  if (e.row === undefined) return out;
  out += line(e.row.kept ? "the row is seen:" : "the row is not seen:");
  if (e.row.steps.length === 0) out += line("  nothing is selected that could reach it");
  for (const s of e.row.steps) {
    const value =
      s.value === undefined
        ? "this combination"
        : s.value === null
          ? "NULL"
          : typeof s.value === "object"
            ? s.value.text
            : String(s.value);
    const grants =
      s.grants.length === 0 ? "" : ` (listed by row ${s.grants.map((p) => `${p.table} ${p.row}`).join(", ")})`;
    out += line(`  ${s.table}${s.row < 0 ? "" : ` row ${s.row}`}: ${s.field} = ${value}: ${s.because}${grants}`);
  }
  return out;
}
