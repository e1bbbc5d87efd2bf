import { Command } from "commander";
import { decryptFile } from "../../engine/seal-file.ts";
import { QErr } from "../../errors.ts";
import type { CommandContext } from "../context.ts";
import { type KeyOptions, withKeyOptions, withKeys } from "../key-options.ts";
import { progress } from "../progress.ts";
import { printable } from "../terminal.ts";

interface DecryptOptions extends KeyOptions {
  readonly output: string;
  readonly force?: true;
}

export function decryptCommand({ terminal }: CommandContext): Command {
  const command = new Command("decrypt")
    .description("write the plain file that the given keys show; of a file with one slot, the original bit for bit")
    .argument("<FILE>", "a sealed file")
    .requiredOption("-o, --output <OUT>", "the plain file")
    .option("--force", "replace OUT if it exists");
  return withKeyOptions(command).action((file: string, options: DecryptOptions) =>
    withKeys(terminal, options, async ({ find, signature }) => {
      if (find === undefined) throw new QErr("USAGE", "decrypting needs a key", { hint: "add --key REF" });
      const bar = progress(terminal, `decrypt ${file}`);
      try {
        const output = { path: options.output, force: options.force };
        const report = await decryptFile(file, output, find, {
          signature,
          signal: terminal.signal,
          onProgress: bar.update,
        });
        bar.end();
        for (const name of report.stillSealed)
          terminal.err(printable(`qvault: warning: field "${name}" stays NULL: no given key opens it`));
      } finally {
        bar.end();
      }
    }),
  );
}
