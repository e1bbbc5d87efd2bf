import { Command } from "commander";
import { salvageApp } from "../../engine/app-salvage.ts";
import { openSource } from "../../engine/open.ts";
import { openQvfApp, scriptOrCopy } from "../../engine/qvf-app.ts";
import type { CommandContext } from "../context.ts";

export function appScriptCommand({ terminal }: CommandContext): Command {
  return new Command("script")
    .description("print the load script of an app")
    .argument("<FILE>", "app")
    .option("--salvage", "find the script in a damaged file, without its directory")
    .action(async (file: string, options: { salvage?: true }) => {
      // To a file or pipe as it is; a terminal would obey what somebody wrote into the script.
      const print = (script: string) => terminal.out(terminal.stdoutIsTty ? script : new TextEncoder().encode(script));
      const source = await openSource(file, { stdin: terminal.stdin });
      try {
        if (options.salvage) {
          await print((await salvageApp(source)).script());
          return;
        }
        const { text, isCopy } = await scriptOrCopy(await openQvfApp(source));
        if (isCopy) terminal.err(`qvault: ${file}: no script stream; this copy may be older than the data`);
        await print(text);
      } finally {
        await source.close();
      }
    });
}
