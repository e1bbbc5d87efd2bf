import { read } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { needs, QErr } from "../errors.ts";

/** Asks a person for a PIN or passphrase; undefined if there is nobody to ask. */
export type Prompt = (question: string) => Promise<string | undefined>;

/** Gives a PIN or passphrase when it is needed; undefined if there is none. */
export type SecretSource = (question: string) => Promise<string | undefined>;

export interface SecretOptions {
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly prompt?: Prompt | undefined;
  /** Reads the line of a descriptor; one for all sources of a program, as {@link descriptorLines} makes it. */
  readonly descriptor?: ((fd: number) => Promise<string>) | undefined;
}

/**
 * Reads where a PIN comes from: `env:NAME`, `file:/path` (for its owner's eyes only), `fd:N` (a descriptor that whoever
 * started the program left open, such as a pipe), `credential:NAME` (systemd's credentials directory), `prompt`. A PIN itself is never taken: arguments are seen by every user of the machine.
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
  // 1 and 2 are for what is said, not for what is read.
  if (scheme === "fd" && /^(0|[3-9]|[1-9]\d{1,5})$/.test(name)) {
    const line = options.descriptor ?? descriptorLines();
    return () => line(Number(name));
  }
  if (scheme === "credential" && /^[\w.-]+$/.test(name)) {
    const directory = env.CREDENTIALS_DIRECTORY;
    return async () => {
      needs(
        directory !== undefined,
        "KEY_PIN_REQUIRED",
        "there is no CREDENTIALS_DIRECTORY: this is no systemd service with credentials",
      );
      return readSecret(join(directory, name), true);
    };
  }
  throw new QErr("KEY_REFERENCE", "a PIN source is env:NAME, file:/path, fd:N, credential:NAME or prompt", {
    hint: "the PIN itself is not accepted here, because other users could read it",
  });
}

/**
 * Reads descriptors as PIN sources. A pipe gives its line once, and a PIN may be asked for by several keys, and by some at
 * each use: so each descriptor is read once, and the line kept.
 */
export function descriptorLines(): (fd: number) => Promise<string> {
  const lines = new Map<number, Promise<string>>();
  return (fd) => {
    const line = lines.get(fd) ?? readLine(fd);
    lines.set(fd, line);
    return line;
  };
}

/** The first line of a descriptor, up to {@link PIN_FILE_BYTES} bytes. */
async function readLine(fd: number): Promise<string> {
  const bytes = Buffer.alloc(PIN_FILE_BYTES);
  try {
    let length = 0;
    while (length < PIN_FILE_BYTES && !bytes.subarray(0, length).includes(0x0a)) {
      const count = await readSome(fd, bytes, length);
      if (count === 0) break;
      length += count;
    }
    const [line = ""] = bytes.toString("utf8", 0, length).split(/\r?\n/);
    needs(line !== "", "KEY_PIN_REQUIRED", `descriptor ${fd} gives no PIN`);
    return line;
  } finally {
    bytes.fill(0);
  }
}

function readSome(fd: number, target: Uint8Array, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, target, at, target.byteLength - at, null, (cause, count) => {
      if (cause === null) resolve(count);
      else reject(new QErr("KEY_PIN_REQUIRED", `descriptor ${fd} cannot be read for a PIN (${cause.code})`, { cause }));
    });
  });
}

/** A PIN file is a line; the rest is not looked at. */
const PIN_FILE_BYTES = 4096;

/**
 * The first line of a file that only its owner can read. `groupBits` are allowed for systemd's credentials: it gives a
 * service access by an ACL, whose mask stands in the place of the group's bits.
 */
async function readSecret(path: string, groupBits = false): Promise<string> {
  const file = await open(path, "r").catch((cause: NodeJS.ErrnoException) => {
    const denied = cause.code === "EACCES" || cause.code === "EPERM";
    throw denied
      ? new QErr("KEY_ACCESS_DENIED", `the PIN file ${path} cannot be read`, { cause })
      : new QErr("KEY_PIN_REQUIRED", `there is no PIN file ${path}`, { cause });
  });
  const bytes = Buffer.alloc(PIN_FILE_BYTES);
  try {
    const found = await file.stat();
    needs(found.isFile(), "KEY_PIN_REQUIRED", `there is no PIN file ${path}`);
    const others = process.platform !== "win32" && (found.mode & (groupBits ? 0o007 : 0o077)) !== 0;
    needs(!others, "KEY_ACCESS_DENIED", `other users can read the PIN file ${path}`, { hint: `chmod 600 ${path}` });
    const { bytesRead } = await file.read(bytes, 0, PIN_FILE_BYTES, 0);
    return bytes.toString("utf8", 0, bytesRead).split(/\r?\n/)[0] ?? "";
  } finally {
    bytes.fill(0);
    await file.close();
  }
}
