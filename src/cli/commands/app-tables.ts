import { Command } from "commander";
import { type AssociationGraph, associationGraph, drawGraph } from "../../engine/app-graph.ts";
import { withOutput } from "../../engine/convert.ts";
import { inspectApp } from "../../engine/inspect-app.ts";
import { openSource } from "../../engine/open.ts";
import type { CommandContext } from "../context.ts";
import { type KeyOptions, withKeyOptions, withKeys } from "../key-options.ts";
import { printable } from "../terminal.ts";
import { textTable } from "../text-table.ts";

interface TablesOptions extends KeyOptions {
  readonly svg?: string;
  readonly json?: true;
  readonly force?: true;
}

export function appTablesCommand({ terminal }: CommandContext): Command {
  const command = new Command("tables")
    .description("list the tables of an app, their rows and keys, and how they are associated; no data are read")
    .argument("<FILE>", "app")
    .option("--svg <OUT>", "draw the association graph; - is standard output")
    .option("--json", "tables and associations as one JSON document")
    .option("--force", "replace OUT if it exists");
  return withKeyOptions(command).action((file: string, options: TablesOptions) =>
    withKeys(terminal, options, async (keys) => {
      const source = await openSource(file, { stdin: terminal.stdin });
      try {
        const graph = associationGraph(await inspectApp(source, keys));
        if (options.svg !== undefined) {
          const target = { path: options.svg, force: options.force ?? false, stdout: terminal.out };
          await withOutput(target, (sink) => drawGraph(graph, sink));
          if (options.svg === "-") return;
        }
        const json = { schemaVersion: 1, file, ...graph };
        await terminal.out(options.json ? `${JSON.stringify(json)}\n` : humanGraph(graph));
      } finally {
        await source.close();
      }
    }),
  );
}

function humanGraph({ tables, edges, note }: AssociationGraph): string {
  const rows = tables.map((t) => [t.name, String(t.rows), String(t.fieldCount), t.keys.join(", ")]);
  let text = textTable([["table", "rows", "fields", "keys"], ...rows], [1, 2], 72);
  for (const { from, to, fields } of edges) {
    text += `${printable(`${tables[from]!.name} -- ${fields.join(", ")} -- ${tables[to]!.name}`)}\n`;
  }
  return note === undefined ? text : `${text}(${note})\n`;
}
