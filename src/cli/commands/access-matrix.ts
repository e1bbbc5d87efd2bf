import { Command } from "commander";
import { matrixHtml } from "../../engine/access-html.ts";
import { type AccessMatrix, matrixOf } from "../../engine/access-report.ts";
import { withOutput } from "../../engine/convert.ts";
import { type OwnerOptions, ownersApp, rulesFor, withOwnerOptions } from "../access-options.ts";
import type { CommandContext } from "../context.ts";
import { textTable } from "../text-table.ts";

interface MatrixOptions extends OwnerOptions {
  readonly json?: true;
  readonly html?: string;
  readonly force?: true;
}

export function matrixCommand({ terminal }: CommandContext): Command {
  const command = new Command("matrix")
    .description("show what every listed identity sees; for owners: it names them")
    .argument("<APP>", "app");
  return withOwnerOptions(command)
    .option("--json", "report as JSON")
    .option("--html <FILE>", "write a report to file; - is standard output")
    .option("--force", "replace the report if it exists")
    .action(async (path: string, options: MatrixOptions) => {
      const base = await ownersApp(path, options, terminal);
      const matrix = matrixOf(base.reducible, rulesFor(options));
      if (options.html !== undefined) {
        const head = { app: base.name, version: base.version, mode: options.mode, time: new Date().toISOString() };
        const bytes = new TextEncoder().encode(matrixHtml(matrix, head));
        const target = { path: options.html, force: options.force ?? false, stdout: terminal.out };
        await withOutput(target, (sink) => sink.write(bytes));
        if (!options.json) return;
      }
      const report = { schemaVersion: 1, app: base.name, version: base.version, mode: options.mode, ...matrix };
      await terminal.out(options.json ? `${JSON.stringify(report)}\n` : human(matrix));
    });
}

function human(matrix: AccessMatrix): string {
  const header = ["identity", "level", "reduction", ...matrix.tables, "omitted"];
  const lines = matrix.lines.map((l) => {
    if (l.denied !== undefined) return [l.identity, "denied", l.denied.join(", ")];
    return [
      l.identity,
      l.level ?? "",
      String((l.reduction ?? 0) + 1),
      ...l.rows.map((n) => n.toLocaleString("en")),
      l.omitted.join(", "),
    ];
  });
  const all = ["(all rows)", "", "", ...matrix.rows.map((n) => n.toLocaleString("en"))];
  const right = matrix.tables.map((_, i) => i + 3);
  return `${textTable([header, all, ...lines], right)}${matrix.distinct} distinct reductions\n`;
}
