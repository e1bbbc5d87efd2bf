import { Command } from "commander";
import { openSource } from "../../engine/open.ts";
import { recoveryText } from "../../engine/recover.ts";
import type { CommandContext } from "../context.ts";

export function recoverCommand({ terminal }: CommandContext): Command {
  return new Command("recover")
    .description("print how to open a slot with openssl and node alone")
    .argument("<FILE>", "a sealed file")
    .option("--slot <NAME>", "only this slot")
    .option("--print", "print it (the default, and all there is)")
    .action(async (file: string, options: { slot?: string }) => {
      const source = await openSource(file);
      try {
        await terminal.out(await recoveryText(source, options.slot));
      } finally {
        await source.close();
      }
    });
}
