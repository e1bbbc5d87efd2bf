import { Command } from "commander";
import { keyRefOf } from "../../engine/key-access.ts";
import { keyUse } from "../../engine/rotate.ts";
import { isQErr } from "../../errors.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { expandFolders } from "../files.ts";
import { printable } from "../terminal.ts";

export function statusCommand({ terminal, outcome }: CommandContext): Command {
  return new Command("status")
    .description("tell which sealed files still need a certificate; needs no key. Exit 1 if some do")
    .argument("<FILE...>", "files or folders")
    .requiredOption("--key <THUMBPRINT|CERT>", "the certificate")
    .option("--json", "one JSON document a file that needs it, a line each")
    .action(async (names: string[], options: { key: string; json?: true }) => {
      const ref = await keyRefOf(options.key);
      for (const file of await expandFolders(names)) {
        try {
          const use = await keyUse(file, ref);
          if (use.slots.length === 0) continue;
          outcome.exitCode = EXIT.FINDING;
          const only = use.only.length > 0 ? `; nobody else opens ${use.only.join(", ")}` : "";
          await terminal.out(
            options.json
              ? `${JSON.stringify({ schemaVersion: 1, ...use })}\n`
              : printable(`${file}: ${use.slots.join(", ")}${only}`).concat("\n"),
          );
        } catch (error) {
          // Plain files among sealed ones need no certificate.
          if (!isQErr(error)) throw error;
          if (error.code !== "SEAL_ABSENT" && error.code !== "CONTAINER_UNKNOWN")
            terminal.err(printable(`qvault: warning: ${file}: ${error.message} (${error.code})`));
        }
      }
    });
}
