import { createHash } from "node:crypto";
import { openQvf } from "../container/qvf/reader.ts";
import { QErr } from "../errors.ts";
import type { FindKey } from "../seal/authenticate.ts";
import type { SignaturePolicy } from "../seal/signature.ts";
import type { ByteSource } from "../source/source.ts";
import { AS_ADMIN_KEY, AS_ADMIN_NOTE } from "../table/admin-note.ts";
import type { QvfModel } from "../table/qvf-model.ts";
import type { QvfTable } from "../table/qvf-table.ts";
import { type App, appOver, PROPERTY_BLOB, SCRIPT_PATH } from "./app-view.ts";
import { openSealedApp, shutApp } from "./open-sealed-app.ts";
import { scriptCopy } from "./script-copy.ts";
import { requireUnmarked, sealsApp } from "./seal-qvf-head.ts";

export type { App } from "./app-view.ts";

export interface OpenAppOptions {
  /** Keys for a sealed app; without them sealed fields are what a plain reader sees. */
  readonly find?: FindKey | undefined;
  /** Who must have signed a sealed app. */
  readonly signature?: SignaturePolicy | undefined;
}

/**
 * Opens an app: reads its directory, and of a sealed one what the keys open; no data.
 * @throws the errors of `openQvf`; of sealed apps those of `openSealedApp`, and `SEAL_STRIPPED` if an app says that it is
 *   sealed and its seal is gone; `SEAL_UNSIGNED` if a signature is asked of an app without a seal
 */
export async function openQvfApp(source: ByteSource, options: OpenAppOptions = {}): Promise<App> {
  const sealed = await sealsApp(source);
  if (sealed && options.find) return openSealedApp(source, options.find, { signature: options.signature });
  if (options.signature) throw new QErr("SEAL_UNSIGNED", `${source.name} is not sealed, so nobody signed it`);
  if (sealed) return shutApp(source);
  const container = await openQvf(source);
  await requireUnmarked(container);
  return appOver(container);
}

/**
 * The load script; of an app that has no script stream, the copy in its property blob.
 * @throws `APP_NO_SCRIPT` if there is neither
 */
export async function scriptOrCopy(app: App): Promise<{ readonly text: string; readonly isCopy: boolean }> {
  const hasBlob = app.container.entry(PROPERTY_BLOB) !== undefined;
  if (app.container.entry(SCRIPT_PATH) === undefined && hasBlob) {
    const text = scriptCopy(await app.content(PROPERTY_BLOB));
    if (text !== undefined) return { text, isCopy: true };
  }
  return { text: await app.script(), isCopy: false };
}

/** SHA-256 of the script's UTF-8; null if the app has none, or one that stays sealed. */
export async function scriptDigest(app: App): Promise<string | null> {
  const shut = app.seal?.shut.has(SCRIPT_PATH) === true;
  if (shut || app.container.entry(SCRIPT_PATH) === undefined) return null;
  return createHash("sha256")
    .update(await app.script())
    .digest("hex");
}

/** Who reads the tables of an app. An administrator sees them whole; nobody else does here: that is what reducing is for. */
export interface Reader {
  readonly asAdmin: boolean;
}

/** Tables handed out, and whether section access was passed over for it. */
export interface ReadableTables {
  /** With {@link AS_ADMIN_NOTE} as their comment if {@link asAdmin}, so that what is made of them can say so. */
  readonly tables: readonly QvfTable[];
  /** True if the app has section access, or had some, and it was not applied; or the app itself was made of such tables. */
  readonly asAdmin: boolean;
}

/**
 * The tables of an app for a reader.
 * @throws `APP_ACCESS` if the app has section access, or lost it, and the reader does not say that he is an administrator
 */
export async function tablesFor(app: App, reader: Reader): Promise<ReadableTables> {
  const model = await app.model();
  const lost = await lostAccess(app, model);
  const hasAccess = model.sectionAccess.length > 0 || lost;
  if (hasAccess && !reader.asAdmin) {
    if (lost) throw accessIsLost("restore the app, or read everything as an administrator with --as-admin");
    throw new QErr("APP_ACCESS", "the app has section access: its tables are not for everybody", {
      hint: "reduce it for a user first, or read everything as an administrator with --as-admin",
    });
  }
  const asAdmin = hasAccess || (await isAdminMadeApp(app));
  const tables = asAdmin ? model.tables.map((table) => ({ ...table, comment: AS_ADMIN_NOTE })) : model.tables;
  return { tables, asAdmin };
}

/**
 * True if the app's properties say that it has section access and the file holds none: taken out, or not written again.
 * Then nobody can say who may see what.
 */
export async function lostAccess(
  app: Pick<App, "properties">,
  { sectionAccess }: Pick<QvfModel, "sectionAccess">,
): Promise<boolean> {
  return sectionAccess.length === 0 && saysItHasAccess(await app.properties());
}

/** Qlik's engines write one name or the other, from the same reload (qvf-format.md). */
export function saysItHasAccess({ hassectionaccess, qHasSectionAccess }: Readonly<Record<string, unknown>>): boolean {
  return hassectionaccess === true || qHasSectionAccess === true;
}

export function accessIsLost(hint: string): QErr {
  return new QErr("APP_ACCESS", "the app says that it has section access, and it is gone from the file", { hint });
}

/** True if the app's properties say that it was made of tables whose section access was not applied. */
export async function isAdminMadeApp(app: Pick<App, "properties">): Promise<boolean> {
  return (await app.properties())[AS_ADMIN_KEY] === AS_ADMIN_NOTE;
}
