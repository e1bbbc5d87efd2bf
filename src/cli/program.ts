import { readFileSync } from "node:fs";
import { Command } from "commander";
import { COMMANDS } from "./commands.ts";
import type { CommandContext } from "./context.ts";
import { EXIT_HELP } from "./exit-codes.ts";

const EXAMPLES = `Examples:
  qvault inspect sales.qvd                      what is in it; reads the header only
  qvault head -n 5 sales.qvd                    the first rows
  qvault digest --ndjson *.qvd                  the content as hashes, whatever the layout
  qvault export sales.qvd -o sales.parquet      to Parquet; also csv, json, ndjson, arrow, qvd
  qvault import sales.csv -o sales.qvd          from CSV; also ndjson, json, parquet
  qvault verify share/                          check every file below a folder
  qvault app script sales.qvf                   the load script of an app
  qvault export sales.qvf --table T -o t.csv    a table of an app
`;

/**
 * The command line, with the command `wanted` alone if it is one, else with all of them (for help), or none (for the
 * version). Output goes through the terminal; nothing here ends the process.
 */
export async function buildProgram(context: CommandContext, wanted: string): Promise<Command> {
  const { terminal } = context;
  const program = new Command("qvault");
  program
    .description("Reads, writes and checks Qlik data files (QVD) and apps (QVF), exactly.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("before", EXAMPLES)
    .addHelpText(
      "after",
      `\n${EXIT_HELP}\n\nFILE is a path, a folder where several files make sense, an http(s) address, or - for standard input.`,
    );
  for (const name of namesFor(wanted)) program.addCommand((await COMMANDS[name]!())(context));
  for (const command of withSubcommands(program)) {
    command.exitOverride();
    command.configureOutput({
      writeOut: (text) => void terminal.out(text),
      writeErr: (text) => terminal.err(text.replace(/^error: /, "qvault: error: ").trimEnd()),
    });
  }
  return program;
}

function namesFor(wanted: string): readonly string[] {
  if (wanted === "-V" || wanted === "--version") return [];
  return Object.hasOwn(COMMANDS, wanted) ? [wanted] : Object.keys(COMMANDS);
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
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
