import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { runDemo } from "../../demo/demo.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export function demoCommand({ terminal, outcome, run }: CommandContext): Command {
  return new Command("demo")
    .description(
      "show the main job on files that are there or are generated, each claim checked, in a temporary folder",
    )
    .argument("[FILE]", "a QVD of yours for the first steps; it is only read")
    .action(async (file: string | undefined) => {
      const folder = await mkdtemp(join(tmpdir(), "qvault-demo-"));
      try {
        const held = await runDemo({ folder, file, run, say: (text) => terminal.out(text) });
        if (!held) outcome.exitCode = EXIT.FINDING;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
}
