import { Command } from "commander";
import { AS_ADMIN_NOTE } from "../../engine/admin-record.ts";
import { openTable } from "../../engine/open-table.ts";
import { shownRows } from "../../engine/rows.ts";
import type { CommandContext } from "../context.ts";
import { type KeyOptions, withKeyOptions, withKeys } from "../key-options.ts";
import { AS_ADMIN_HELP, fieldList, wholeNumber } from "../options.ts";
import { textTable } from "../text-table.ts";

interface HeadOptions extends KeyOptions {
  readonly rows: number;
  readonly fields?: readonly string[];
  readonly table?: string;
  readonly asAdmin?: true;
  readonly lenient?: true;
}

export function headCommand({ terminal }: CommandContext): Command {
  const command = new Command("head")
    .description("show the first rows")
    .argument("<FILE>", "file")
    .option("-n, --rows <COUNT>", "how many rows", wholeNumber(0), 10)
    .option("--fields <a,b>", "only these fields", fieldList)
    .option("--table <NAME>", "of an app: which table")
    .option("--as-admin", AS_ADMIN_HELP)
    .option("--lenient", "accept the malformed headers of some SAP extracts");
  return withKeyOptions(command).action((file: string, options: HeadOptions) =>
    withKeys(terminal, options, async (keys) => {
      const { table, asAdmin, lenient } = options;
      const opened = await openTable(file, { stdin: terminal.stdin, table, asAdmin, lenient, ...keys });
      if (opened.asAdmin) terminal.err(`qvault: ${file}: ${AS_ADMIN_NOTE}`);
      try {
        const { names, rows } = await shownRows(opened.table, { fields: options.fields, to: options.rows });
        await terminal.out(textTable([names, ...rows]));
        if (opened.asAdmin) await terminal.out(`(${AS_ADMIN_NOTE})\n`);
      } finally {
        await opened.close();
      }
    }),
  );
}
