import { Command } from "commander";
import { AS_ADMIN_NOTE } from "../../engine/admin-record.ts";
import { type AppTableDigest, digestFile, type FileDigest } from "../../engine/app-digest.ts";
import { openSource } from "../../engine/open.ts";
import { isQErr } from "../../errors.ts";
import type { CommandContext } from "../context.ts";
import { forEachFile } from "../files.ts";
import { type KeyOptions, withKeyOptions, withKeys } from "../key-options.ts";
import { progress } from "../progress.ts";
import { printable } from "../terminal.ts";
import { textTable } from "../text-table.ts";

export function digestCommand({ terminal, outcome }: CommandContext): Command {
  const command = new Command("digest")
    .description("hash the cells of each column in row order: equal digests, equal content, whatever the layout")
    .argument("<FILE...>", "files or folders")
    .option("--ndjson", "one JSON line a file; a damaged file's line says so")
    .option("--lenient", "accept the malformed headers of some SAP extracts");
  return withKeyOptions(command).action((files: string[], options: KeyOptions & { ndjson?: true; lenient?: true }) =>
    withKeys(terminal, options, (keys) =>
      forEachFile(
        terminal,
        outcome,
        files,
        async (file) => {
          const source = await openSource(file, { stdin: terminal.stdin });
          const bar = progress(terminal, `digest ${file}`);
          try {
            const { lenient } = options;
            const digest = await digestFile(source, {
              ...keys,
              lenient,
              signal: terminal.signal,
              onProgress: bar.update,
            });
            bar.end();
            if ((digest.sectionAccess ?? []).length > 0) terminal.err(`qvault: ${file}: ${AS_ADMIN_NOTE}`);
            if (options.ndjson) await terminal.out(`${JSON.stringify({ file, ...digest })}\n`);
            else await terminal.out(humanFile(file, digest));
          } finally {
            bar.end();
            await source.close();
          }
        },
        async (file, error) => {
          const code = isQErr(error) ? error.code : undefined;
          if (options.ndjson) await terminal.out(`${JSON.stringify({ file, error: true, code })}\n`);
        },
      ),
    ),
  );
}

function humanFile(file: string, { tables, sectionAccess = [], scriptSha256 }: FileDigest): string {
  const texts = [...tables, ...sectionAccess].map((table) => humanDigest(file, table));
  if (scriptSha256) texts.push(`${printable(file)}: script\n${scriptSha256}\n`);
  return texts.join("");
}

function humanDigest(file: string, digest: AppTableDigest): string {
  const head = printable(`${file}: table ${digest.name}, ${digest.rows} rows`);
  return `${head}\n${textTable(
    digest.columns.map((c) => [c.sha256 ?? "(values are not stored)", c.name]),
    [],
    64,
  )}`;
}
