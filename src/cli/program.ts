import { readFileSync } from "node:fs";
import { Command } from "commander";
import { accessCommand } from "./commands/access.ts";
import { auditCommand } from "./commands/audit.ts";
import { demoCommand } from "./commands/demo.ts";
import { digestCommand } from "./commands/digest.ts";
import { exportCommand } from "./commands/export.ts";
import { headCommand } from "./commands/head.ts";
import { importCommand } from "./commands/import.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { reduceCommand } from "./commands/reduce.ts";
import { verifyCommand } from "./commands/verify.ts";
import type { CommandContext } from "./context.ts";
import { EXIT_HELP } from "./exit-codes.ts";

const EXAMPLES = `Examples:
  qvault inspect sales.qvd                      what is in it; reads the header only
  qvault head -n 5 sales.qvd                    the first rows
  qvault digest --ndjson *.qvd                  the content as hashes, whatever the layout
  qvault export sales.qvd -o sales.parquet      to Parquet; also csv, json, ndjson, arrow, qvd
  qvault import sales.csv -o sales.qvd          from CSV; also ndjson, json, parquet
  qvault verify share/                          check every file below a folder
`;

/** The whole command line. Output goes through the terminal; nothing here ends the process. */
export function buildProgram(context: CommandContext): Command {
  const { terminal } = context;
  const program = new Command("qvault");
  program
    .description("Reads, writes and checks Qlik data files (QVD), exactly.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("before", EXAMPLES)
    .addHelpText(
      "after",
      `\n${EXIT_HELP}\n\nFILE is a path, a folder where several files make sense, an http(s) address, or - for standard input.`,
    );
  const commands = [
    inspectCommand,
    headCommand,
    digestCommand,
    verifyCommand,
    exportCommand,
    importCommand,
    reduceCommand,
    accessCommand,
    auditCommand,
    demoCommand,
  ];
  for (const make of commands) program.addCommand(make(context));
  for (const command of [program, ...program.commands.flatMap((c) => [c, ...c.commands])]) {
    command.exitOverride();
    command.configureOutput({
      writeOut: (text) => void terminal.out(text),
      writeErr: (text) => terminal.err(text.replace(/^error: /, "qvault: error: ").trimEnd()),
    });
  }
  return program;
}

function packageVersion(): string {
  // dist/src/cli/program.js and src/cli/program.ts lie at different depths.
  for (const up of ["../../../package.json", "../../package.json"]) {
    const path = new URL(up, import.meta.url);
    try {
      const parsed: unknown = JSON.parse(readFileSync(path, "utf8"));
      if (isPackage(parsed) && parsed.name === "qvault") return parsed.version;
    } catch {
      // Not at this depth.
    }
  }
  return "unknown";
}

function isPackage(value: unknown): value is { readonly name: string; readonly version: string } {
  return typeof value === "object" && value !== null && "name" in value && "version" in value;
}
