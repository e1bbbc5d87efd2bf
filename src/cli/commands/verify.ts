import { Command } from "commander";
import { openSource } from "../../engine/open.ts";
import { type Finding, verify } from "../../engine/verify.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { forEachFile } from "../files.ts";
import { type KeyOptions, withKeyOptions, withKeys } from "../key-options.ts";
import { progress } from "../progress.ts";
import { printable } from "../terminal.ts";

export function verifyCommand({ terminal, outcome }: CommandContext): Command {
  const command = new Command("verify")
    .description("check the structure of files: every section, symbol and index; exit 1 on deviations, 4 on damage")
    .argument("<FILE...>", "files or folders")
    .option("--json", "one JSON document a file, a line each")
    .option("--lenient", "accept the malformed headers of some SAP extracts")
    .addHelpText("after", UNPROVEN);
  return withKeyOptions(command).action((files: string[], options: KeyOptions & { json?: true; lenient?: true }) =>
    withKeys(terminal, options, (keys) =>
      forEachFile(terminal, outcome, files, async (file) => {
        const source = await openSource(file, { stdin: terminal.stdin });
        const bar = progress(terminal, `verify ${file}`);
        try {
          const { lenient } = options;
          const result = await verify(source, { ...keys, lenient, signal: terminal.signal, onProgress: bar.update });
          bar.end();
          const damaged = result.findings.some((f) => f.level === "damage");
          const json = { schemaVersion: 1, file, ok: result.findings.length === 0, damaged, ...result };
          await terminal.out(options.json ? `${JSON.stringify(json)}\n` : humanFindings(file, result.findings));
          if (!options.json) {
            for (const words of result.notProved ?? []) terminal.err(printable(`qvault: not proved: ${words}`));
          }
          if (damaged) outcome.exitCode = EXIT.DAMAGED;
          else if (result.findings.length > 0 && outcome.exitCode === EXIT.DONE) outcome.exitCode = EXIT.FINDING;
        } finally {
          bar.end();
          await source.close();
        }
      }),
    ),
  );
}

const UNPROVEN = `
A QVD has no checksum: a value changed into another valid value is not found. An app is checked
stream by stream (Adler-32); its ContentHash is not, as only Qlik knows how it is made.
In a sealed file every byte is checked when a key is given; without one only accidents are found.
Each damaged piece is named with its place: 16 KiB of a part that a key opens, one MiB of another.`;

/** One finding a line: `FILE: level CODE part @offset: message`. */
function humanFindings(file: string, findings: readonly Finding[]): string {
  if (findings.length === 0) return printable(`${file}: ok`).concat("\n");
  return findings
    .map((f) => {
      const place = f.offset === undefined ? f.part : `${f.part} @${f.offset}${f.length ? `+${f.length}` : ""}`;
      return printable(`${file}: ${f.level} ${f.code} ${place}: ${f.message}`).concat("\n");
    })
    .join("");
}
