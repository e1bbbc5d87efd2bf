import type { HostileKind } from "./hostile-files.ts";

/** Files that a command line needs beside the hostile one. */
export interface Beside {
  /** A folder of its own, empty. */
  readonly folder: string;
  /** The private key that sealed files are sealed to. */
  readonly key: string;
  /** Its certificate. */
  readonly certificate: string;
  /** Another one. */
  readonly other: string;
  readonly qvf: string;
  readonly sealed: string;
}

/** How a hostile file is given to a command. */
export interface CommandLine {
  readonly kinds: readonly HostileKind[];
  readonly args: (file: string, beside: Beside) => readonly string[];
}

const TABLES: readonly HostileKind[] = ["qvd", "qvf", "sealed"];
const APPS: readonly HostileKind[] = ["qvf"];
const SEALED: readonly HostileKind[] = ["sealed"];
const KEYS: readonly HostileKind[] = ["key"];

const line = (kinds: readonly HostileKind[], args: CommandLine["args"]): CommandLine => ({ kinds, args });
const user = ["--user", "B"];
/** The option is given where the file is an app. */
const table = (file: string) => (file.endsWith(".qvf") ? ["--table", "Facts", "--as-admin"] : []);

/** Every command that reads a file, by its full name; a house rule of the test compares it with the CLI's own table. */
export const COMMAND_LINES: Readonly<Record<string, readonly CommandLine[]>> = {
  inspect: [line(TABLES, (file) => ["inspect", "--json", file])],
  head: [line(TABLES, (file, { key }) => ["head", ...table(file), "--key", key, file])],
  digest: [line(TABLES, (file, { key }) => ["digest", "--key", key, file])],
  verify: [line(TABLES, (file, { key }) => ["verify", "--key", key, file])],
  export: [
    line(TABLES, (file, { key, folder }) => [
      "export",
      ...table(file),
      "--key",
      key,
      file,
      "-o",
      `${folder}/o.parquet`,
    ]),
  ],
  import: [line(["csv", "json", "ndjson", "parquet"], (file, { folder }) => ["import", file, "-o", `${folder}/o.qvd`])],
  "app tables": [line(APPS, (file) => ["app", "tables", "--json", file])],
  "app script": [
    line(APPS, (file) => ["app", "script", file]),
    line(APPS, (file) => ["app", "script", "--salvage", file]),
  ],
  "app extract": [
    line(APPS, (file, { folder }) => ["app", "extract", "--as-admin", file, "-o", `${folder}/o`]),
    line(APPS, (file, { folder }) => ["app", "extract", "--salvage", file, "-o", `${folder}/o`]),
  ],
  "app build": [line(["manifest"], (file, { folder }) => ["app", "build", file, "-o", `${folder}/o.qvf`])],
  "app edit": [
    line(APPS, (file, { folder }) => ["app", "edit", file, "--rows", "Keys=0..2", "-o", `${folder}/o.qvf`]),
    line(["text"], (file, { folder, qvf }) => ["app", "edit", qvf, "--script", file, "-o", `${folder}/o.qvf`]),
  ],
  reduce: [
    line(APPS, (file, { folder }) => ["reduce", file, ...user, "-o", `${folder}/o.qvf`]),
    line(["audit"], (file, { folder, qvf }) => ["reduce", qvf, ...user, "--audit", file, "-o", `${folder}/o.qvf`]),
    line(["text"], (file, { folder, qvf }) => [
      ...["reduce", qvf, ...user, "--password-file", file],
      ...["-o", `${folder}/o.qvf`],
    ]),
  ],
  "access test": [
    line(["case"], (file) => ["access", "test", file]),
    line(APPS, (file) => ["access", "test", "--non-interference", file]),
  ],
  "access explain": [line(APPS, (file) => ["access", "explain", file, ...user])],
  "access matrix": [line(APPS, (file) => ["access", "matrix", file])],
  "access diff": [line(APPS, (file) => ["access", "diff", file, "--user", "B", "--user", "C"])],
  "access lint": [
    line(APPS, (file) => ["access", "lint", file]),
    line(["text"], (file, { qvf }) => ["access", "lint", qvf, "--directory", file]),
  ],
  "audit verify": [line(["audit"], (file) => ["audit", "verify", file])],
  encrypt: [
    line(["qvd", "qvf"], (file, { certificate, folder }) => [
      ...["encrypt", file, "--to", certificate, "--fields", file.endsWith("qvf") ? "Text" : "F0"],
      ...["-o", `${folder}/o`],
    ]),
  ],
  decrypt: [line(SEALED, (file, { key, folder }) => ["decrypt", file, "--key", key, "-o", `${folder}/o.qvd`])],
  rotate: [
    line(SEALED, (file, { certificate, other }) => [
      ...["rotate", "--dry-run", file, "--from", certificate, "--to", other],
    ]),
    line(["journal"], (file, { certificate, other, key, sealed }) => [
      ...["rotate", "--yes", sealed, "--from", certificate, "--to", other, "--key", key, "--journal", file],
    ]),
  ],
  status: [line(SEALED, (file, { certificate }) => ["status", file, "--key", certificate])],
  "keys list": [line(KEYS, (file) => ["keys", "list", file])],
  "keys show": [line(KEYS, (file) => ["keys", "show", file])],
  "keys check": [line(KEYS, (file) => ["keys", "check", file])],
  recover: [line(SEALED, (file) => ["recover", file])],
};

/** Commands that are given no file of a stranger. */
export const NO_STRANGERS: Readonly<Record<string, string>> = {
  bench: "makes its own data",
  demo: "makes its own data; a file of the user's goes through inspect, digest and the other commands",
  "keys generate": "reads nothing",
};
