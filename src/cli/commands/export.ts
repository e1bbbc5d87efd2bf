import { Command, Option } from "commander";
import { AS_ADMIN_NOTE, hasNoRecord, withAdminRecord } from "../../engine/admin-record.ts";
import { withOutput } from "../../engine/convert.ts";
import { DUAL_SIDES, EXPORT_FORMATS, type ExportFormat, exportTable } from "../../engine/export.ts";
import { guardInPlace } from "../../engine/file-state.ts";
import { openTable } from "../../engine/open-table.ts";
import { fieldOrdinals } from "../../engine/rows.ts";
import type { CommandContext } from "../context.ts";
import { type KeyOptions, withKeyOptions, withKeys } from "../key-options.ts";
import { AS_ADMIN_HELP, fieldList, formatOf, type RowRange, rowRange } from "../options.ts";
import { progress } from "../progress.ts";

interface ExportOptions extends KeyOptions {
  readonly output: string;
  readonly to?: ExportFormat;
  readonly fields?: readonly string[];
  readonly rows?: RowRange;
  readonly duals?: (typeof DUAL_SIDES)[number];
  readonly guard?: true;
  readonly table?: string;
  readonly asAdmin?: true;
  readonly force?: true;
  readonly lenient?: true;
}

export function exportCommand({ terminal }: CommandContext): Command {
  const command = new Command("export")
    .description("write a table in another format, whole or some of its fields and rows")
    .argument("<FILE>", "file")
    .requiredOption("-o, --output <OUT>", "where to; - is standard output")
    .addOption(new Option("--to <FORMAT>", "the format; by OUT's ending if left out").choices(EXPORT_FORMATS))
    .option("--table <NAME>", "of an app: which table")
    .option("--as-admin", AS_ADMIN_HELP)
    .option("--fields <a,b>", "only these fields, in this order", fieldList)
    .option("--rows <FROM..TO>", "only these rows: they count from 0, TO is the row after the last", rowRange)
    .addOption(new Option("--duals <SIDE>", "which side of a value with number and text goes out").choices(DUAL_SIDES))
    .option("--guard", "csv: put an apostrophe before texts that a spreadsheet would run as a formula")
    .option("--force", "replace OUT if it exists")
    .option("--lenient", "accept the malformed headers of some SAP extracts")
    .addHelpText("after", RECORD);
  return withKeyOptions(command).action((file: string, options: ExportOptions) =>
    withKeys(terminal, options, async (keys) => {
      const format = options.to ?? formatOf(options.output, EXPORT_FORMATS, "--to");
      const { asAdmin, lenient } = options;
      const beforeReplace = await guardInPlace(file, options.output);
      const opened = await openTable(file, { stdin: terminal.stdin, table: options.table, asAdmin, lenient, ...keys });
      if (opened.asAdmin) {
        const silent = hasNoRecord(options.output, format) ? "; nothing in this output says so" : "";
        terminal.err(`qvault: ${file}: ${AS_ADMIN_NOTE}${silent}`);
      }
      const bar = progress(terminal, `export ${file}`);
      try {
        const { table } = opened;
        const fields = options.fields && fieldOrdinals(table, options.fields);
        const scan = { fields, ...options.rows, signal: terminal.signal, onProgress: bar.update };
        const target = { path: options.output, force: options.force ?? false, stdout: terminal.out, beforeReplace };
        const { duals, guard } = options;
        await withAdminRecord({ ...target, format, asAdmin: opened.asAdmin }, () =>
          withOutput(target, (sink) => exportTable(table, sink, { format, scan, duals, guard })),
        );
      } finally {
        bar.end();
        await opened.close();
      }
    }),
  );
}

const RECORD = `
What is read with --as-admin says so for good, and so does what is made of it: in the comment of a QVD, the metadata of
Parquet and Arrow, a member of JSON. CSV and NDJSON have no room for it: OUT-metadata.json beside OUT says it (W3C CSV on
the Web), which import reads. On standard output they carry no record but the line on standard error.`;
