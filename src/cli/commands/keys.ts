import { Command, Option } from "commander";
import { checkKey, generateKeyFiles, type NewKeyType, openKeys } from "../../engine/key-access.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { keyringOptions, pinOption } from "../key-options.ts";
import { wholeNumber } from "../options.ts";
import { printable } from "../terminal.ts";
import { textTable } from "../text-table.ts";

const TYPES: readonly NewKeyType[] = ["rsa-2048", "rsa-3072", "rsa-4096", "p256", "p384", "p521"];

export function keysCommand({ terminal, outcome }: CommandContext): Command {
  const command = new Command("keys").description("look at keys, try them, make new ones");
  command
    .command("list")
    .description("certificates and keys of a store")
    .argument("<REF...>", "a file or folder, pkcs11:…, nss:DIR, store:CurrentUser/My")
    .addOption(pinOption())
    .option("--json", "one JSON document a key, a line each")
    .action(async (refs: string[], options: { pin?: string; json?: true }) => {
      const ring = openKeys(refs, keyringOptions(terminal, options.pin));
      try {
        const keys = await ring.list();
        const shown = keys.map(
          ({ label, type, bits, curve, x5t, x5tS256, spkiS256, hasPrivateKey, where, certificate }) => {
            return {
              label,
              kind: type === "rsa" ? `RSA ${bits}` : curve,
              x5t,
              x5tS256,
              spkiS256,
              hasPrivateKey,
              where,
              notAfter: certificate?.validTo,
            };
          },
        );
        if (options.json)
          for (const key of shown) await terminal.out(`${JSON.stringify({ schemaVersion: 1, ...key })}\n`);
        else
          await terminal.out(
            textTable(
              [
                ["name", "kind", "thumbprint", "private key", "valid to"],
                ...shown.map((k) => [
                  k.label,
                  k.kind ?? "",
                  k.x5t ?? k.spkiS256,
                  k.hasPrivateKey ? "yes" : "",
                  k.notAfter ?? "",
                ]),
              ],
              [],
              64,
            ),
          );
      } finally {
        await ring.close();
      }
    });
  command
    .command("check")
    .description("really wrap and unwrap with a key, and sign: what it can do, before a file is touched")
    .argument("<REF>", "the key")
    .addOption(pinOption())
    .action(async (ref: string, options: { pin?: string }) => {
      const { info, results } = await checkKey(ref, keyringOptions(terminal, options.pin));
      await terminal.out(
        printable(`${info.label} (${info.type === "rsa" ? `RSA ${info.bits}` : info.curve}) in ${info.where}`).concat(
          "\n",
        ),
      );
      for (const r of results)
        await terminal.out(printable(`  ${r.what}: ${r.ok ? "ok" : `no (${r.code})`}`).concat("\n"));
      if (!results.some((r) => r.ok && r.what.startsWith("unwrap"))) outcome.exitCode = EXIT.FINDING;
    });
  command
    .command("generate")
    .description("make a key pair and a self-signed certificate: PATH.key and PATH.crt")
    .argument("<PATH>", "name without ending")
    .addOption(new Option("--type <TYPE>", "kind of key").choices(TYPES).default("rsa-3072"))
    .option("--name <TEXT>", "whose it is", "qvault")
    .option("--days <N>", "validity; opening never asks for it", wholeNumber(1), 1095)
    .action(async (path: string, options: { type: NewKeyType; name: string; days: number }) => {
      const made = await generateKeyFiles(path, options.type, options.name, options.days);
      for (const line of [made.key, made.certificate, made.thumbprint]) await terminal.out(`${printable(line)}\n`);
    });
  return command;
}
