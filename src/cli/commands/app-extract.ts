import { Command } from "commander";
import { AS_ADMIN_NOTE } from "../../engine/admin-record.ts";
import { extractApp } from "../../engine/app-files.ts";
import { salvageApp } from "../../engine/app-salvage.ts";
import { openSource } from "../../engine/open.ts";
import { openQvfApp } from "../../engine/qvf-app.ts";
import type { CommandContext } from "../context.ts";
import { AS_ADMIN_HELP } from "../options.ts";

interface ExtractOptions {
  readonly output: string;
  readonly asAdmin?: true;
  readonly salvage?: true;
}

export function appExtractCommand({ terminal }: CommandContext): Command {
  return new Command("extract")
    .description("write script, objects, media and data of an app to a folder; app build puts them back")
    .argument("<FILE>", "app")
    .requiredOption("-o, --output <DIR>", "a new or empty folder")
    .option("--as-admin", AS_ADMIN_HELP)
    .option("--salvage", "what survives in a damaged file: script, objects and media, without their names")
    .action(async (file: string, options: ExtractOptions) => {
      const source = await openSource(file, { stdin: terminal.stdin });
      try {
        if (options.salvage) {
          const salvaged = await salvageApp(source);
          const count = await salvaged.saveTo(options.output);
          terminal.err(`qvault: ${file}: ${count} streams survived; the data model cannot be salvaged`);
          return;
        }
        const app = await openQvfApp(source);
        const { streams, asAdmin } = await extractApp(app, options.output, { asAdmin: options.asAdmin ?? false });
        if (asAdmin) terminal.err(`qvault: ${file}: ${AS_ADMIN_NOTE}`);
        terminal.err(`qvault: ${file}: ${streams} streams extracted`);
      } finally {
        await source.close();
      }
    });
}
