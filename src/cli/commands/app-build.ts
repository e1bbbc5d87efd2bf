import { Command } from "commander";
import { buildApp } from "../../engine/app-build.ts";
import { writeApp } from "../../engine/app-write.ts";
import { withOutput } from "../../engine/convert.ts";
import type { CommandContext } from "../context.ts";

const MANIFEST = `
A manifest, with files relative to it:
  { "title": "Sales", "script": "load.qvs",
    "tables": [ { "name": "Sales", "file": "sales.qvd" }, { "name": "Costs", "file": "costs.csv" },
                { "name": "Regions", "fields": ["REGION", "Name"], "rows": [["NORTH", "North"]] } ],
    "sectionAccess": [ { "name": "Access", "fields": ["ACCESS", "USERID", "REGION"],
                         "rows": [["ADMIN", "DOM\\\\BOSS", "*"], ["USER", "DOM\\\\ANN", "NORTH"]] } ] }
or a folder that app extract wrote: its files are put back, changed or not. Columns of one name associate their tables.
The app is written by the documented layout and was never opened in Qlik.`;

export function appBuildCommand({ terminal }: CommandContext): Command {
  return new Command("build")
    .description("make an app from tables, script and section access, or from an extracted app")
    .argument("<MANIFEST|DIR>", "JSON file, or the folder of an extracted app")
    .requiredOption("-o, --output <APP.qvf>", "where to; - is standard output")
    .option("--force", "replace the output if it exists")
    .addHelpText("after", MANIFEST)
    .action(async (manifest: string, options: { output: string; force?: true }) => {
      const built = await buildApp(manifest);
      try {
        for (const note of built.notes) terminal.err(`qvault: note: ${note}`);
        const { out: stdout, signal } = terminal;
        const target = { path: options.output, force: options.force ?? false, stdout, signal };
        await withOutput(target, (sink) => writeApp(sink, built.parts));
      } finally {
        await built.close();
      }
    });
}
