import { Command } from "commander";
import { salvageApp } from "../../engine/app-salvage.ts";
import { openSource } from "../../engine/open.ts";
import { openQvfApp, scriptOrCopy } from "../../engine/qvf-app.ts";
import type { CommandContext } from "../context.ts";
import { type KeyOptions, withKeyOptions, withKeys } from "../key-options.ts";

export function appScriptCommand({ terminal }: CommandContext): Command {
  const command = new Command("script")
    .description("print the load script of an app")
    .argument("<FILE>", "app")
    .option("--salvage", "find the script in a damaged file, without its directory");
  return withKeyOptions(command).action((file: string, options: KeyOptions & { salvage?: true }) =>
    withKeys(terminal, options, async (keys) => {
      // To a file or pipe as it is; a terminal would obey what somebody wrote into the script.
      const print = (script: string) => terminal.out(terminal.stdoutIsTty ? script : new TextEncoder().encode(script));
      const source = await openSource(file, { stdin: terminal.stdin });
      try {
        if (options.salvage) {
          await print((await salvageApp(source)).script());
          return;
        }
        const app = await openQvfApp(source, keys);
        try {
          const { text, isCopy } = await scriptOrCopy(app);
          if (isCopy) terminal.err(`qvault: ${file}: no script stream; this copy may be older than the data`);
          await print(text);
        } finally {
          await app.close();
        }
      } finally {
        await source.close();
      }
    }),
  );
}
