import { Command } from "commander";
import { openFile } from "../../engine/open.ts";
import { shownRows } from "../../engine/rows.ts";
import type { CommandContext } from "../context.ts";
import { fieldList, wholeNumber } from "../options.ts";
import { textTable } from "../text-table.ts";

interface HeadOptions {
  readonly rows: number;
  readonly fields?: readonly string[];
  readonly lenient?: true;
}

export function headCommand({ terminal }: CommandContext): Command {
  return new Command("head")
    .description("show the first rows")
    .argument("<FILE>", "file")
    .option("-n, --rows <COUNT>", "how many rows", wholeNumber(0), 10)
    .option("--fields <a,b>", "only these fields", fieldList)
    .option("--lenient", "accept the malformed headers of some SAP extracts")
    .action(async (file: string, options: HeadOptions) => {
      const opened = await openFile(file, { stdin: terminal.stdin, lenient: options.lenient });
      try {
        const { names, rows } = await shownRows(opened.table, { fields: options.fields, to: options.rows });
        await terminal.out(textTable([names, ...rows]));
      } finally {
        await opened.close();
      }
    });
}
