import { Command } from "commander";
import { digestTable, type TableDigest } from "../../engine/digest.ts";
import { openFile } from "../../engine/open.ts";
import { isQErr } from "../../errors.ts";
import type { CommandContext } from "../context.ts";
import { forEachFile } from "../files.ts";
import { progress } from "../progress.ts";
import { printable } from "../terminal.ts";
import { textTable } from "../text-table.ts";

export function digestCommand({ terminal, outcome }: CommandContext): Command {
  return new Command("digest")
    .description("hash the cells of each column in row order: equal digests, equal content, whatever the layout")
    .argument("<FILE...>", "files or folders")
    .option("--ndjson", "one JSON line a file; a damaged file's line says so")
    .option("--lenient", "accept the malformed headers of some SAP extracts")
    .action((files: string[], options: { ndjson?: true; lenient?: true }) =>
      forEachFile(
        terminal,
        outcome,
        files,
        async (file) => {
          const opened = await openFile(file, { stdin: terminal.stdin, lenient: options.lenient });
          const bar = progress(terminal, `digest ${file}`);
          try {
            const digest = await digestTable(opened.table, { signal: terminal.signal, onProgress: bar.update });
            bar.end();
            const line = `${JSON.stringify({ file, tables: [digest] })}\n`;
            await terminal.out(options.ndjson ? line : humanDigest(file, digest));
          } finally {
            bar.end();
            await opened.close();
          }
        },
        async (file, error) => {
          const code = isQErr(error) ? error.code : undefined;
          if (options.ndjson) await terminal.out(`${JSON.stringify({ file, error: true, code })}\n`);
        },
      ),
    );
}

function humanDigest(file: string, digest: TableDigest): string {
  const head = printable(`${file}: table ${digest.name}, ${digest.rows} rows`);
  return `${head}\n${textTable(
    digest.columns.map((c) => [c.sha256, c.name]),
    [],
    64,
  )}`;
}
