import { type Command, Option } from "commander";
import { BaseApp, type BaseAppOptions } from "../engine/access-app.ts";
import { type LoadAppOptions, type LoadedApp, loadApp } from "../engine/access-load.ts";
import { MODES, type Mode, type Rules, rulesOf, type User } from "../engine/access-report.ts";
import { AS_ADMIN_NOTE } from "../engine/admin-record.ts";
import { readSmallText } from "../engine/small-file.ts";
import { QErr } from "../errors.ts";
import { type KeyOptions, withKeyOptions, withKeys } from "./key-options.ts";
import { progress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

/** Options of every command that opens an app under section access. */
export interface AppOptions {
  readonly access?: string | boolean;
  readonly mode: Mode;
  readonly combine?: Rules["combine"];
  readonly strictExclusion?: "on" | "off";
  readonly loosen?: readonly string[];
  readonly lenient?: true;
}

export function withAppOptions(command: Command): Command {
  return command
    .addOption(new Option("--mode <MODE>", "whose rules are followed").choices(MODES).default("qlik-sense"))
    .option("--access <FILE>", "section access from a JSON file or QVD instead of the app's own")
    .option("--no-access", "an app of QVDs that is to have no section access, or a QVF that lost it")
    .addOption(
      new Option("--combine <HOW>", "several rows of one user: pooled per field, or each for itself").choices([
        "pooled",
        "tuples",
      ]),
    )
    .addOption(
      new Option("--strict-exclusion <ON|OFF>", "deny a USER of whom a field matches nothing").choices(["on", "off"]),
    )
    .option("--loosen <TABLE>", "treat a table as loosely coupled; may be repeated", collect)
    .option("--lenient", "accept the malformed headers of some SAP extracts");
}

export interface UserOptions {
  readonly user?: string;
  readonly group?: readonly string[];
  readonly email?: string;
  readonly ntname?: string;
  readonly userName?: string;
  readonly serial?: string;
  readonly passwordFile?: string;
}

export function withUserOptions(command: Command): Command {
  return command
    .option("--user <ID>", "user id, e.g. DIRECTORY\\id")
    .option("--group <NAME>", "a group of the user; may be repeated", collect)
    .option("--email <ADDRESS>", "e-mail address of the user")
    .option("--ntname <NAME>", "Windows name of the user")
    .option("--user-name <NAME>", "display name of the user")
    .option("--serial <NUMBER>", "licence number (QlikView)")
    .option("--password-file <FILE>", "file whose first line is the password (QlikView)");
}

export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** @throws `USAGE` if nothing says who the user is, `SOURCE_NOT_FOUND` if there is no password file */
export async function userOf(options: UserOptions): Promise<User> {
  const { user, group, email, ntname, userName, serial, passwordFile } = options;
  if ([user, group, email, ntname, userName].every((v) => v === undefined)) {
    throw new QErr("USAGE", "nobody is named", {
      hint: "say who opens the app: --user 'DIRECTORY\\id', --group, --email …",
    });
  }
  const password = passwordFile === undefined ? undefined : await firstLine(passwordFile);
  return { userid: user, groups: group, email, ntname, name: userName, serial, password };
}

async function firstLine(path: string): Promise<string> {
  return (await readSmallText(path)).split(/\r?\n/)[0]!;
}

export function changedRules(options: AppOptions): Partial<Rules> {
  const { combine, strictExclusion } = options;
  return {
    ...(combine !== undefined && { combine }),
    ...(strictExclusion !== undefined && { strictExclusion: strictExclusion === "on" }),
  };
}

export function rulesFor(options: AppOptions): Rules {
  return rulesOf(options.mode, changedRules(options));
}

/** Loads and prepares an app. */
export async function baseApp(
  path: string,
  options: AppOptions,
  terminal: Terminal,
  base: BaseAppOptions = {},
  keys: Pick<LoadAppOptions, "find" | "signature"> = {},
): Promise<BaseApp> {
  const bar = progress(terminal, `read ${path}`);
  try {
    const loaded: LoadedApp = await loadApp(path, {
      access: typeof options.access === "string" ? options.access : undefined,
      withoutAccess: options.access === false,
      lenient: options.lenient,
      ...keys,
      stdin: terminal.stdin,
      signal: terminal.signal,
      onProgress: bar.update,
    });
    return new BaseApp(loaded, { loosened: options.loosen, ...base });
  } finally {
    bar.end();
  }
}

/** Options of the commands for owners, which look at everything that an app has. */
export type OwnerOptions = AppOptions & KeyOptions;

export function withOwnerOptions(command: Command): Command {
  return withKeyOptions(withAppOptions(command));
}

/**
 * An app for its owner: sealed fields and rules are opened with his keys. No table is handed out, so nobody is asked to
 * say `--as-admin`; what is said of the app was still read without applying its section access, and a line tells so.
 */
export async function ownersApp(path: string, options: OwnerOptions, terminal: Terminal): Promise<BaseApp> {
  const base = await withKeys(terminal, options, (keys) => baseApp(path, options, terminal, {}, keys));
  if (base.reducible.access !== undefined) terminal.err(`qvault: ${path}: ${AS_ADMIN_NOTE}`);
  return base;
}

/** What a report that quotes data says of how it was read (SPEC 5.4). */
export function adminMember(base: BaseApp): { readonly asAdmin?: true } {
  return base.reducible.access === undefined ? {} : { asAdmin: true };
}
