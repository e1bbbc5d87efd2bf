import { Command } from "commander";
import { type Inspection, inspect } from "../../engine/inspect.ts";
import { openSource } from "../../engine/open.ts";
import type { CommandContext } from "../context.ts";
import { forEachFile } from "../files.ts";
import { printable } from "../terminal.ts";
import { textTable } from "../text-table.ts";

export function inspectCommand({ terminal, outcome }: CommandContext): Command {
  return new Command("inspect")
    .description("show what a file holds; reads headers only")
    .argument("<FILE...>", "files or folders")
    .option("--json", "one JSON document a file, a line each")
    .option("--lenient", "accept the malformed headers of some SAP extracts")
    .action((files: string[], options: { json?: true; lenient?: true }) =>
      forEachFile(terminal, outcome, files, async (file) => {
        const source = await openSource(file, { stdin: terminal.stdin });
        try {
          const inspection = await inspect(source, { lenient: options.lenient });
          await terminal.out(options.json ? `${JSON.stringify(inspection)}\n` : humanInspection(inspection));
        } finally {
          await source.close();
        }
      }),
    );
}

function humanInspection(inspection: Inspection): string {
  const { creator, tables } = inspection;
  const lines = [
    `${inspection.file}: ${inspection.container.toUpperCase()}, ${inspection.bytes.toLocaleString("en")} bytes`,
    `written ${creator.createdUtc || "at an unknown time"} UTC by build ${creator.build}, ${creator.document || "no document named"}`,
  ];
  if (inspection.encryptedByQlik) lines.push("encrypted by Qlik: only this header can be read");
  let text = lines.map((line) => `${printable(line)}\n`).join("");
  for (const table of tables) {
    text += printable(`table ${table.name}: ${table.rows.toLocaleString("en")} rows, ${table.fields.length} fields`);
    text += table.comment ? `\n${printable(table.comment)}\n` : "\n";
    const rows = table.fields.map((f) => [
      f.name,
      String(f.symbols),
      String(f.bitWidth),
      f.nullable ? "yes" : "",
      f.numberFormat.type + (f.numberFormat.fmt ? ` ${f.numberFormat.fmt}` : ""),
      f.tags.join(" "),
      f.comment,
    ]);
    text += textTable([["field", "symbols", "bits", "null", "format", "tags", "comment"], ...rows], [1, 2]);
    for (const { discriminator } of table.lineage) text += printable(`from ${discriminator}`).concat("\n");
  }
  return text;
}
