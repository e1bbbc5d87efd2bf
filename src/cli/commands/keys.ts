import { Command, Option } from "commander";
import { generateKeyFiles, type NewKeyType, openKeys } from "../../engine/key-access.ts";
import { checkKey, type KeyReport, type KeyResult, showKey } from "../../engine/key-report.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { fipsOption, KEY_REF_HELP, keyringOptions, type SecretOptions, withSecretOptions } from "../key-options.ts";
import { wholeNumber } from "../options.ts";
import { printable, type Terminal } from "../terminal.ts";
import { textTable } from "../text-table.ts";

const TYPES: readonly NewKeyType[] = ["rsa-2048", "rsa-3072", "rsa-4096", "p256", "p384", "p521"];

interface JsonOption extends SecretOptions {
  readonly json?: true;
}

export function keysCommand(context: CommandContext): Command {
  return new Command("keys")
    .description("look at keys, try them, make new ones")
    .addHelpText("after", `\n${KEY_REF_HELP}`)
    .addCommand(listCommand(context))
    .addCommand(showCommand(context))
    .addCommand(checkCommand(context))
    .addCommand(generateCommand(context));
}

function listCommand({ terminal }: CommandContext): Command {
  const command = new Command("list")
    .description("certificates and keys of a store")
    .argument("<REF...>", "files, folders or stores")
    .option("--json", "one JSON document a key, a line each");
  return withSecretOptions(command).action(async (refs: string[], options: JsonOption) => {
    const ring = openKeys(refs, keyringOptions(terminal, options));
    try {
      const keys = (await ring.list()).map((key) => {
        const { label, type, bits, curve, x5t, x5tS256, spkiS256, hasPrivateKey, where, certificate } = key;
        const kind = type === "rsa" ? `RSA ${bits}` : curve;
        return { label, kind, x5t, x5tS256, spkiS256, hasPrivateKey, where, notAfter: certificate?.validTo };
      });
      if (options.json) {
        for (const key of keys) await terminal.out(`${JSON.stringify({ schemaVersion: 1, ...key })}\n`);
        return;
      }
      const rows = keys.map((k) => [
        k.label,
        k.kind ?? "",
        k.x5t ?? k.spkiS256,
        k.hasPrivateKey ? "yes" : "",
        k.notAfter ?? "",
      ]);
      await terminal.out(textTable([["name", "kind", "thumbprint", "private key", "valid to"], ...rows], [], 64));
    } finally {
      await ring.close();
    }
  });
}

function showCommand({ terminal }: CommandContext): Command {
  const command = new Command("show")
    .description("everything about one key or certificate; uses no private key")
    .argument("<REF|CERT>", "the key or certificate")
    .option("--json", "one JSON document");
  return withSecretOptions(command).action(async (ref: string, options: JsonOption) => {
    const report = await showKey(ref, keyringOptions(terminal, options));
    await terminal.out(options.json ? `${JSON.stringify(report)}\n` : humanReport(report));
  });
}

function humanReport(report: KeyReport): string {
  const { certificate: c, privateKey } = report;
  const exportable = { true: ", exportable", false: ", not exportable", unknown: "" }[`${privateKey.exportable}`];
  const state = {
    there: `there${exportable}`,
    absent: "not there",
    unknown: "not looked for: give its PIN with --pin",
  };
  const uses = (list: readonly string[] | undefined) => list?.join(", ") ?? "nothing said, so everything";
  const lines: readonly (readonly [string, string])[] = [
    ["name", report.label],
    ...(c === undefined
      ? ([["certificate", "none: a bare key"]] as const)
      : ([
          ["subject", c.subject],
          ["issuer", c.issuer === c.subject ? `${c.issuer} (self-signed)` : c.issuer],
          ["serial number", c.serial],
          [
            "valid",
            `${c.validFrom} to ${c.validTo}${c.validNow ? "" : ": NOT VALID TODAY, opens but is not sealed to"}`,
          ],
          ["SHA-1 thumbprint", c.x5t],
          ["SHA-256 thumbprint", c.x5tS256],
          ["key usage", uses(c.keyUsage)],
          ["extended usage", uses(c.extendedKeyUsage)],
        ] as const)),
    ["SHA-256 of public key", report.spkiS256],
    ["key", report.type === "rsa" ? `RSA, ${report.bits} bits` : `elliptic curve ${report.curve}`],
    ["wraps with", report.wraps.join("; on request ") || "nothing: the key is too short"],
    ["signs with", report.signs],
    ["in", report.where],
    ["private key", state[privateKey.state]],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => printable(`${name.padEnd(width)}  ${value}`).concat("\n")).join("");
}

function checkCommand({ terminal, outcome }: CommandContext): Command {
  const command = new Command("check")
    .description(
      "look at the certificate, really wrap and unwrap, and sign: what a key can do, before a file is touched; exit 1 if sealing or opening would go wrong, 5 to 7 if it does not open at all",
    )
    .argument("<REF>", "the key")
    .option("--json", "one JSON document");
  return withSecretOptions(command).action(async (ref: string, options: JsonOption) => {
    const text = options.json ? undefined : terminal;
    const { info, results, failure } = await checkKey(
      ref,
      keyringOptions(terminal, options),
      async ({ label, type, bits, curve, where }) =>
        text?.out(printable(`${label} (${type === "rsa" ? `RSA ${bits}` : curve}) in ${where}`).concat("\n")),
      async (result) => text && sayResult(text, result),
    );
    if (options.json) {
      const { label, spkiS256, x5t, where } = info;
      const ok = failure === undefined && !results.some((r) => r.serious);
      await terminal.out(`${JSON.stringify({ schemaVersion: 1, label, spkiS256, x5t, where, ok, results })}\n`);
    }
    if (failure) throw failure;
    if (results.some((r) => r.serious)) outcome.exitCode = EXIT.FINDING;
  });
}

async function sayResult(terminal: Terminal, result: KeyResult): Promise<void> {
  const { what, ok, code, message, hint } = result;
  await terminal.out(printable(`  ${what}: ${ok ? "ok" : `no: ${message} (${code})`}`).concat("\n"));
  if (hint) await terminal.out(printable(`    ${hint}`).concat("\n"));
}

interface GenerateOptions extends Pick<SecretOptions, "fips"> {
  readonly type: NewKeyType;
  readonly name: string;
  readonly days: number;
}

function generateCommand({ terminal }: CommandContext): Command {
  return new Command("generate")
    .description("make a key pair and a self-signed certificate: PATH.key and PATH.crt")
    .argument("<PATH>", "name without ending")
    .addOption(new Option("--type <TYPE>", "kind of key").choices(TYPES).default("rsa-3072"))
    .option("--name <TEXT>", "whose it is", "qvault")
    .option("--days <N>", "validity; opening never asks for it", wholeNumber(1), 1095)
    .addOption(fipsOption())
    .action(async (path: string, options: GenerateOptions) => {
      keyringOptions(terminal, options);
      const made = await generateKeyFiles(path, options.type, options.name, options.days);
      for (const line of [made.key, made.certificate, made.thumbprint]) await terminal.out(`${printable(line)}\n`);
    });
}
