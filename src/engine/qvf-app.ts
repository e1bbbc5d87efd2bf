import { createHash } from "node:crypto";
import { frameText, inflateFrame, parseFrame, parseJson } from "../container/qvf/frame.ts";
import { parseMeta } from "../container/qvf/parts.ts";
import { openQvf, type QvfContainer, type QvfEntry } from "../container/qvf/reader.ts";
import { QErr } from "../errors.ts";
import type { ByteSource } from "../source/source.ts";
import { AS_ADMIN_KEY, AS_ADMIN_NOTE } from "../table/admin-note.ts";
import { openQvfModel, type QvfModel } from "../table/qvf-model.ts";
import type { QvfTable } from "../table/qvf-table.ts";
import { type AppObject, describeObject } from "./app-objects.ts";
import { inflateNode } from "./inflate.ts";
import { scriptCopy } from "./script-copy.ts";

/** A Qlik Sense app that is open. */
export interface App {
  readonly source: ByteSource;
  readonly container: QvfContainer;
  /** `qvapp_approperties`: `qTitle`, `qSavedInProductVersion`, `hassectionaccess`, …; empty if the app has none. */
  properties(): Promise<Readonly<Record<string, unknown>>>;
  /**
   * The load script.
   * @throws `APP_NO_SCRIPT` if the app has none
   */
  script(): Promise<string>;
  /** Everything but the data model, by the directory alone. */
  readonly objects: readonly AppObject[];
  /** The content of an object: JSON text, or bytes. Throws `QVF_NO_ENTRY`, `QVF_STREAM`, `QVF_DEFLATE`. */
  content(path: string): Promise<Uint8Array>;
  /** Opens the data model on first use. Whoever hands its tables out asks {@link tablesFor} whether he may. */
  model(): Promise<QvfModel>;
  close(): Promise<void>;
}

export const SCRIPT_PATH = "qvapp_appscript";
export const PROPERTY_BLOB = "qvapp_allproperties";
export const PROPERTIES_PATH = "qvapp_approperties";

/**
 * Opens an app: reads its directory, nothing else.
 * @throws the errors of `openQvf`
 */
export async function openQvfApp(source: ByteSource): Promise<App> {
  const container = await openQvf(source);
  let model: Promise<QvfModel> | undefined;

  async function content(path: string): Promise<Uint8Array> {
    const frame = parseFrame(await container.read(path), path);
    const raw = await inflateFrame(frame, inflateNode);
    return frame.format === "gzjson" && raw.at(-1) === 0 ? raw.subarray(0, -1) : raw;
  }

  return {
    source,
    container,
    content,
    objects: container.entries
      .filter(isObject)
      .map((entry) => describeObject(entry, parseMeta(entry.meta, entry.path))),
    async properties() {
      if (container.entry(PROPERTIES_PATH) === undefined) return {};
      // Some engines call it binary, but it is JSON with its NUL all the same.
      const frame = parseFrame(await container.read(PROPERTIES_PATH), PROPERTIES_PATH);
      return jsonObject(await frameText(frame, inflateNode), PROPERTIES_PATH);
    },
    async script() {
      if (container.entry(SCRIPT_PATH) === undefined) {
        throw new QErr("APP_NO_SCRIPT", "the app has no load script", { part: SCRIPT_PATH });
      }
      const frame = parseFrame(await container.read(SCRIPT_PATH), SCRIPT_PATH);
      return scriptOf(await frameText(frame, inflateNode));
    },
    model() {
      model ??= openQvfModel(container, { inflate: inflateNode });
      // A failed attempt may be tried again.
      model.catch(() => (model = undefined));
      return model;
    },
    close: () => container.close(),
  };
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

/** The script in the JSON of `qvapp_appscript`. Throws `QVF_JSON`. */
export function scriptOf(json: string): string {
  const { qScript } = jsonObject(json, SCRIPT_PATH);
  if (typeof qScript === "string") return qScript;
  throw new QErr("QVF_JSON", `${SCRIPT_PATH} holds no script`, { part: SCRIPT_PATH });
}

export function jsonObject(json: string, part: string): Readonly<Record<string, unknown>> {
  const parsed = parseJson(json, part);
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>;
  throw new QErr("QVF_JSON", `${part} is no JSON object`, { part });
}

function isObject(entry: QvfEntry): boolean {
  return !entry.isDirectory && !entry.path.startsWith("data/") && !/^qvapp_(data|qaccess|header)$/.test(entry.path);
}

/** SHA-256 of the script's UTF-8; null if the app has none. */
export async function scriptDigest(app: App): Promise<string | null> {
  if (app.container.entry(SCRIPT_PATH) === undefined) return null;
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
  /** True if the app has section access and it was not applied, or the app itself was made of such tables. */
  readonly asAdmin: boolean;
}

/**
 * The tables of an app for a reader.
 * @throws `APP_ACCESS` if the app has section access and the reader does not say that he is an administrator
 */
export async function tablesFor(app: App, reader: Reader): Promise<ReadableTables> {
  const model = await app.model();
  const hasAccess = model.sectionAccess.length > 0;
  if (hasAccess && !reader.asAdmin) {
    throw new QErr("APP_ACCESS", "the app has section access: its tables are not for everybody", {
      hint: "reduce it for a user first, or read everything as an administrator with --as-admin",
    });
  }
  const asAdmin = hasAccess || (await isAdminMadeApp(app));
  const tables = asAdmin ? model.tables.map((table) => ({ ...table, comment: AS_ADMIN_NOTE })) : model.tables;
  return { tables, asAdmin };
}

/** True if the app's properties say that it was made of tables whose section access was not applied. */
export async function isAdminMadeApp(app: Pick<App, "properties">): Promise<boolean> {
  return (await app.properties())[AS_ADMIN_KEY] === AS_ADMIN_NOTE;
}
