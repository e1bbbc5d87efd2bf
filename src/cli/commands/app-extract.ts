import { Command } from "commander";
import { AS_ADMIN_NOTE } from "../../engine/admin-record.ts";
import { extractApp } from "../../engine/app-files.ts";
import { salvageApp } from "../../engine/app-salvage.ts";
import { openSource } from "../../engine/open.ts";
import { openQvfApp } from "../../engine/qvf-app.ts";
import type { CommandContext } from "../context.ts";
import { type KeyOptions, withKeyOptions, withKeys } from "../key-options.ts";
import { AS_ADMIN_HELP } from "../options.ts";
import { printable } from "../terminal.ts";

interface ExtractOptions extends KeyOptions {
  readonly output: string;
  readonly asAdmin?: true;
  readonly salvage?: true;
}

export function appExtractCommand({ terminal }: CommandContext): Command {
  const command = new Command("extract")
    .description("write script, objects, media and data of an app to a folder; app build puts them back")
    .argument("<FILE>", "app")
    .requiredOption("-o, --output <DIR>", "a new or empty folder")
    .option("--as-admin", AS_ADMIN_HELP)
    .option("--salvage", "what survives in a damaged file: script, objects and media, without their names");
  return withKeyOptions(command).action((file: string, options: ExtractOptions) =>
    withKeys(terminal, options, async (keys) => {
      const source = await openSource(file, { stdin: terminal.stdin });
      try {
        if (options.salvage) {
          const salvaged = await salvageApp(source);
          const count = await salvaged.saveTo(options.output);
          terminal.err(`qvault: ${file}: ${count} streams survived; the data model cannot be salvaged`);
          return;
        }
        const app = await openQvfApp(source, keys);
        try {
          const { streams, asAdmin } = await extractApp(app, options.output, { asAdmin: options.asAdmin ?? false });
          if (asAdmin) terminal.err(`qvault: ${file}: ${AS_ADMIN_NOTE}`);
          const shut = [...(app.seal?.stillSealed ?? []), ...(app.seal?.shut ?? [])];
          if (shut.length > 0) terminal.err(printable(`qvault: warning: ${file}: still sealed: ${shut.join(", ")}`));
          terminal.err(`qvault: ${file}: ${streams} streams extracted`);
        } finally {
          await app.close();
        }
      } finally {
        await source.close();
      }
    }),
  );
}
