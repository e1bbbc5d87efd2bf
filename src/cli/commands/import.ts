import { basename, extname } from "node:path";
import { Command, Option } from "commander";
import { isAddress, withoutSecrets } from "../../engine/address.ts";
import { hasRecordBeside } from "../../engine/admin-record.ts";
import { withOutput } from "../../engine/convert.ts";
import { BIG_INTEGERS, IMPORT_FORMATS, type ImportFormat, importTable } from "../../engine/import.ts";
import { openSource } from "../../engine/open.ts";
import type { CommandContext } from "../context.ts";
import { formatOf } from "../options.ts";
import { progress } from "../progress.ts";

interface ImportOptions {
  readonly output: string;
  readonly from?: ImportFormat;
  readonly name?: string;
  readonly delimiter?: string;
  readonly numbers?: true;
  readonly bigIntegers?: (typeof BIG_INTEGERS)[number];
  readonly force?: true;
}

export function importCommand({ terminal }: CommandContext): Command {
  return new Command("import")
    .description("make a QVD from CSV, NDJSON, JSON (as export writes it) or Parquet")
    .argument("<FILE>", "file")
    .requiredOption("-o, --output <OUT>", "the QVD; - is standard output")
    .addOption(new Option("--from <FORMAT>", "the format; by FILE's ending if left out").choices(IMPORT_FORMATS))
    .option("--name <TABLE>", "name of the table; what a JSON document says, or FILE's name, if left out")
    .option("--delimiter <CHAR>", "csv: what stands between cells", ",")
    .option("--numbers", "csv: cells written exactly as a number prints become numbers; 007 stays a text")
    .addOption(
      new Option("--big-integers <HOW>", "what becomes of whole numbers beyond 2^53; refuse if left out").choices(
        BIG_INTEGERS,
      ),
    )
    .option("--force", "replace OUT if it exists")
    .action(async (file: string, options: ImportOptions) => {
      // The query of an address says nothing of a format, and is not to become the name of a table.
      const named = isAddress(file) ? withoutSecrets(file) : file;
      const format = options.from ?? formatOf(named, IMPORT_FORMATS, "--from");
      const source = await openSource(file, { stdin: terminal.stdin });
      const bar = progress(terminal, `import ${file}`, "bytes");
      try {
        const { delimiter, numbers, bigIntegers } = options;
        const fallbackName = file === "-" ? "table" : basename(named, extname(named));
        const more = {
          tableName: options.name,
          fallbackName,
          delimiter,
          numbers,
          bigIntegers,
          asAdmin: await hasRecordBeside(file),
          signal: terminal.signal,
          onProgress: bar.update,
        };
        const target = { path: options.output, force: options.force ?? false, stdout: terminal.out };
        const rows = await withOutput(target, (sink) => importTable(source, sink, { format, ...more }));
        bar.end();
        terminal.err(`qvault: ${rows.toLocaleString("en")} rows written to ${options.output}`);
      } finally {
        bar.end();
        await source.close();
      }
    });
}
