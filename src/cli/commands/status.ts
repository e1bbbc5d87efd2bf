import { Command } from "commander";
import { keyRefOf } from "../../engine/key-access.ts";
import { keyUse } from "../../engine/rotate.ts";
import { isQErr } from "../../errors.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { expandFolders, warnOn } from "../files.ts";
import { keyringOptions, type SecretOptions, withSecretOptions } from "../key-options.ts";
import { reportError } from "../report.ts";
import { printable } from "../terminal.ts";

interface StatusOptions extends SecretOptions {
  readonly key: string;
  readonly json?: true;
}

export function statusCommand({ terminal, outcome }: CommandContext): Command {
  const command = new Command("status")
    .description(
      "tell which sealed files still need a certificate; needs no key. Exit 1 if some do, 9 if of some it cannot be told",
    )
    .argument("<FILE...>", "files or folders; links to files are followed, links to folders named")
    .requiredOption("--key <THUMBPRINT|CERT>", "the certificate")
    .option("--json", "one JSON document a file that needs it, a line each");
  return withSecretOptions(command).action(async (names: string[], options: StatusOptions) => {
    const ref = await keyRefOf(options.key, keyringOptions(terminal, options));
    const warn = warnOn(terminal);
    const files = await expandFolders(names, (message) => {
      outcome.exitCode = EXIT.SOME_FAILED;
      warn(message);
    });
    for (const file of files) {
      try {
        const use = await keyUse(file, ref);
        if (use.slots.length === 0) continue;
        if (outcome.exitCode === EXIT.DONE) outcome.exitCode = EXIT.FINDING;
        const only = use.only.length > 0 ? `; nobody else opens ${use.only.join(", ")}` : "";
        await terminal.out(
          options.json
            ? `${JSON.stringify({ schemaVersion: 1, ...use })}\n`
            : printable(`${file}: ${use.slots.join(", ")}${only}`).concat("\n"),
        );
      } catch (error) {
        // Plain files among sealed ones need no certificate.
        if (!isQErr(error)) throw error;
        if (error.code === "SEAL_ABSENT") continue;
        // Whoever is about to delete a certificate must not take silence for "nobody needs it".
        const code = reportError(error, terminal, file);
        outcome.exitCode = files.length === 1 ? code : EXIT.SOME_FAILED;
      }
    }
  });
}
