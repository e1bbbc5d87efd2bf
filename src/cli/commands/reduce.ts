import { Command } from "commander";
import { writeReduced } from "../../engine/access-write.ts";
import { fileAuditLog } from "../../engine/audit.ts";
import {
  type AppOptions,
  baseApp,
  changedRules,
  type UserOptions,
  userOf,
  withAppOptions,
  withUserOptions,
} from "../access-options.ts";
import type { CommandContext } from "../context.ts";
import { type KeyOptions, withKeyOptions, withKeys } from "../key-options.ts";
import { printable } from "../terminal.ts";
import { textTable } from "../text-table.ts";

interface ReduceOptions extends AppOptions, UserOptions, KeyOptions {
  readonly output: string;
  readonly data: boolean;
  readonly prove?: true;
  readonly audit?: string;
  readonly force?: true;
  readonly json?: true;
}

export function reduceCommand({ terminal }: CommandContext): Command {
  const command = new Command("reduce")
    .description("write an app as one user sees it, and nothing else of it")
    .argument("<APP>", "a QVF, a folder of QVDs with section-access.json, or a QVD with --access")
    .requiredOption("-o, --output <OUT>", "OUT.qvf, or a folder for a QVD a table");
  return withKeyOptions(withAppOptions(withUserOptions(command)))
    .option("--no-data", "tables and fields only, for whoever may edit the script")
    .option("--prove", "have the reduction proved by the independent checker before it is written")
    .option("--audit <FILE>", "append what was opened, by whom, to this log")
    .option("--force", "replace what is there")
    .option("--json", "report as JSON")
    .action(async (path: string, options: ReduceOptions) => {
      const user = await userOf(options);
      const audit = options.audit === undefined ? undefined : fileAuditLog(options.audit);
      const base = await withKeys(terminal, options, (keys) => baseApp(path, options, terminal, { audit }, keys));
      const noData = !options.data;
      const { mode, prove } = options;
      const app = await base.openAs({ user, mode, rules: changedRules(options), noData, prove });
      await writeReduced(app, options.output, { source: path, force: options.force });
      const tables = app.tables.map((t) => ({ table: t.name, rows: t.rows, fields: t.fields.length }));
      const report = {
        schemaVersion: 1,
        app: app.name,
        mode,
        output: options.output,
        proved: prove === true,
        reduction: app.reduction ?? null,
        tables,
        omitted: app.omitted,
      };
      if (options.json) return terminal.out(`${JSON.stringify(report)}\n`);
      await terminal.out(
        textTable(
          [["table", "rows", "fields"], ...tables.map((t) => [t.table, t.rows.toLocaleString("en"), String(t.fields)])],
          [1, 2],
        ),
      );
      if (app.omitted.length > 0) await terminal.out(`${printable(`omitted: ${app.omitted.join(", ")}`)}\n`);
      if (prove) await terminal.out("proved by the independent checker\n");
    });
}
