import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { type Command, Option } from "commander";
import { type KeyringOptions, openKeys, trustedCertificates } from "../engine/key-access.ts";
import type { OpenOptions } from "../engine/open.ts";
import { QErr } from "../errors.ts";
import type { Terminal } from "./terminal.ts";

/** Options of commands that open sealed files. */
export interface KeyOptions {
  readonly key?: readonly string[];
  readonly pin?: string;
  readonly requireSignature?: readonly string[];
}

/** Several values of an option, each given by the option again. */
export function repeated(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

export function pinOption(): Option {
  return new Option("--pin <SOURCE>", "where PINs come from: env:NAME, file:/path, credential:NAME, prompt");
}

/** Adds `--key`, `--pin` and `--require-signature`. */
export function withKeyOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--key <REF>",
        "open sealed fields with this key: a file, pkcs11:…, nss:…, store:…; may be given again",
      ).argParser(repeated),
    )
    .addOption(pinOption())
    .addOption(
      new Option(
        "--require-signature <CERT>",
        "refuse sealed files that none of these certificates signed; may be given again",
      ).argParser(repeated),
    );
}

/** Where secrets come from on this terminal. */
export function keyringOptions(terminal: Terminal, pin: string | undefined): KeyringOptions {
  return { pin, prompt: process.stdin.isTTY ? (question) => askHidden(question, terminal) : undefined };
}

/** Runs `work` with what opens sealed files, and gives the stores back. */
export async function withKeys<T>(
  terminal: Terminal,
  options: KeyOptions,
  work: (open: Pick<OpenOptions, "find" | "signature">) => Promise<T>,
): Promise<T> {
  const secrets = keyringOptions(terminal, options.pin);
  const signature = options.requireSignature ? await trustedCertificates(options.requireSignature, secrets) : undefined;
  if (options.key === undefined) {
    if (signature)
      throw new QErr("USAGE", "--require-signature needs --key: a signature is checked when a file is opened");
    return work({});
  }
  const ring = openKeys(options.key, secrets);
  try {
    return await work({ find: ring.find, signature });
  } finally {
    await ring.close();
  }
}

/** Asks on the terminal without showing what is typed. */
function askHidden(question: string, terminal: Terminal): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: silent, terminal: true });
  terminal.status(`${question}: `);
  return new Promise((resolve) => {
    reader.question("", (answer) => {
      reader.close();
      terminal.status("");
      resolve(answer);
    });
  });
}
