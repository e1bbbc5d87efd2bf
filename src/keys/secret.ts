import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { needs, QErr } from "../errors.ts";

/** Asks a person for a PIN or passphrase; undefined if there is nobody to ask. */
export type Prompt = (question: string) => Promise<string | undefined>;

/** Gives a PIN or passphrase when it is needed; undefined if there is none. */
export type SecretSource = (question: string) => Promise<string | undefined>;

export interface SecretOptions {
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly prompt?: Prompt | undefined;
}

/**
 * Reads where a PIN comes from: `env:NAME`, `file:/path` (for its owner's eyes only), `credential:NAME` (systemd's
 * credentials directory), `prompt`. A PIN itself is never taken: arguments are seen by every user of the machine.
 * @throws `KEY_REFERENCE` for anything else; the source throws `KEY_ACCESS_DENIED` and `KEY_PIN_REQUIRED`
 */
export function secretSource(text: string, options: SecretOptions = {}): SecretSource {
  const env = options.env ?? process.env;
  const [scheme, ...rest] = text.split(":");
  const name = rest.join(":");
  if (scheme === "prompt" && name === "") return async (question) => options.prompt?.(question);
  if (scheme === "env" && /^[A-Za-z_]\w*$/.test(name)) {
    return async () => {
      needs(env[name] !== undefined, "KEY_PIN_REQUIRED", `the environment has no variable ${name}`);
      return env[name];
    };
  }
  if (scheme === "file" && name !== "") return () => readSecret(name.replace(/^\/\//, ""));
  if (scheme === "credential" && /^[\w.-]+$/.test(name)) {
    const directory = env.CREDENTIALS_DIRECTORY;
    return async () => {
      needs(
        directory !== undefined,
        "KEY_PIN_REQUIRED",
        "there is no CREDENTIALS_DIRECTORY: this is no systemd service with credentials",
      );
      return readSecret(join(directory, name));
    };
  }
  throw new QErr("KEY_REFERENCE", "a PIN source is env:NAME, file:/path, credential:NAME or prompt", {
    hint: "the PIN itself is not accepted here, because other users could read it",
  });
}

/** The first line of a file that only its owner can read. */
async function readSecret(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  needs(found?.isFile() === true, "KEY_PIN_REQUIRED", `there is no PIN file ${path}`);
  const open = process.platform !== "win32" && (found.mode & 0o077) !== 0;
  needs(!open, "KEY_ACCESS_DENIED", `other users can read the PIN file ${path}`, { hint: `chmod 600 ${path}` });
  return (await readFile(path, "utf8")).split(/\r?\n/)[0] ?? "";
}
