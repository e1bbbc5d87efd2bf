import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { type Command, Option } from "commander";
import {
  descriptorLines,
  fipsSelfCheck,
  type KeyringOptions,
  openKeys,
  trustedCertificates,
} from "../engine/key-access.ts";
import type { OpenOptions } from "../engine/open.ts";
import { QErr } from "../errors.ts";
import type { Terminal } from "./terminal.ts";

/** Options of every command that uses keys. */
export interface SecretOptions {
  readonly pin?: string;
  readonly isolateModule?: true;
  readonly fips?: true;
}

/** Options of commands that open sealed files. */
export interface KeyOptions extends SecretOptions {
  readonly key?: readonly string[];
  readonly requireSignature?: readonly string[];
}

/** What a REF is, for help. */
export const KEY_REF_HELP = `REF names a key or certificate, and where it is:
  FILE, file:PATH                 PEM or PKCS#12, or a folder of them
  pkcs11:token=NAME?module-path=/path/to/module.so&pin-source=env:NAME
  nss:DIR                         an NSS database
  store:CurrentUser/My            on Windows its certificate store, LocalMachine/My as well (tested against doubles,
                                  CryptoAPI under Wine too, never on Windows); on Linux .NET's folder of that name
  keychain:login                  on macOS the user's keychains (tested against doubles only)
With &x-isolated=yes a PKCS#11 module runs in a process of its own, as with --isolate-module.
A store with several keys needs ?thumbprint=…, of 40 digits (SHA-1) or 64 (SHA-256).`;

/** Several values of an option, each given by the option again. */
export function repeated(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

/** Adds what says how key stores are to be used. */
export function withSecretOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--pin <SOURCE>",
        "where PINs come from: env:NAME, file:/path, fd:N, credential:NAME, prompt; QVAULT_PIN_FD=N in the environment means fd:N",
      ),
    )
    .option("--isolate-module", "run PKCS#11 modules in a process of their own, which may crash or hang alone")
    .addOption(fipsOption());
}

/** The one `--fips` of all commands. */
export function fipsOption(): Option {
  return new Option(
    "--fips",
    "use only algorithms that FIPS approves, after a self-check; says if a FIPS provider is active",
  );
}

/** The one `--key` of all commands that open sealed files. */
export function keyOption(): Option {
  return new Option(
    "--key <REF>",
    "open sealed fields with this key: a file, pkcs11:…, nss:…, store:…; may be given again",
  ).argParser(repeated);
}

/** Adds `--key`, `--require-signature`, and what {@link withSecretOptions} adds. */
export function withKeyOptions(command: Command): Command {
  return withSecretOptions(command.addOption(keyOption())).addOption(
    new Option(
      "--require-signature <CERT>",
      "refuse sealed files that none of these certificates signed; may be given again",
    ).argParser(repeated),
  );
}

/**
 * How stores are opened, and where secrets come from on this terminal. With `--fips` the self-check runs first.
 * @throws `FIPS_UNAVAILABLE`
 */
export function keyringOptions(terminal: Terminal, { pin, isolateModule, fips }: SecretOptions): KeyringOptions {
  if (fips) terminal.err(`qvault: fips: ${fipsSelfCheck().words}`);
  const prompt = process.stdin.isTTY ? (question: string) => askHidden(question, terminal) : undefined;
  return { pin, prompt, descriptor: descriptorLines(), isolateModule, approvedOnly: fips };
}

/** Runs `work` with what opens sealed files, and gives the stores back. */
export async function withKeys<T>(
  terminal: Terminal,
  options: KeyOptions,
  work: (open: Pick<OpenOptions, "find" | "signature">) => Promise<T>,
): Promise<T> {
  const secrets = keyringOptions(terminal, options);
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

/** Asks on the terminal without showing what is typed. Throws `CANCELLED` if there is no answer: Ctrl-C, Ctrl-D. */
function askHidden(question: string, terminal: Terminal): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: silent, terminal: true });
  terminal.status(`${question}: `);
  return new Promise((resolve, reject) => {
    // Else the process would end in the middle of its work, with a code of Node's own.
    reader.on("close", () => reject(new QErr("CANCELLED", "there was no answer to the question for a PIN")));
    reader.question("", (answer) => {
      terminal.status("");
      resolve(answer);
      reader.close();
    });
  });
}
