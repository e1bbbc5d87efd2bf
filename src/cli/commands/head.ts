import { Command } from "commander";
import { openFile } from "../../engine/open.ts";
import { isDual } from "../../table/dual.ts";
import { readRows } from "../../table/read-rows.ts";
import { ordinalsOf } from "../../table/scan-plan.ts";
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
        const { table } = opened;
        const fields = options.fields ? ordinalsOf(table.fields, options.fields) : table.fields.map((_, i) => i);
        const rows = await readRows(table, { fields, to: options.rows });
        const shown = rows.map((row) =>
          row.map((cell) => (cell === null ? "-" : isDual(cell) ? cell.text : String(cell))),
        );
        await terminal.out(textTable([fields.map((i) => table.fields[i]!.name), ...shown]));
      } finally {
        await opened.close();
      }
    });
}
