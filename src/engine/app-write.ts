import { encodeUtf8 } from "../bytes/utf8.ts";
import { encodeFrame, encodeJsonFrame, frameText, parseFrame } from "../container/qvf/frame.ts";
import type { SyntheticKey } from "../container/qvf/model-header.ts";
import { directoryPart, newPart, partsOf, type QvfPart, replacedPart } from "../container/qvf/parts.ts";
import { writeContainer } from "../container/qvf/writer.ts";
import { QErr } from "../errors.ts";
import type { ByteSink } from "../source/sink.ts";
import { AS_ADMIN_KEY, AS_ADMIN_NOTE } from "../table/admin-note.ts";
import type { AppTable } from "../table/qvf-draft.ts";
import { type EditOptions, editTables, type TableEdit, withModel } from "../table/qvf-edit.ts";
import { encodeModel } from "../table/qvf-model-write.ts";
import { type App, jsonObject, PROPERTIES_PATH, SCRIPT_PATH } from "./app-view.ts";
import { inflateNode } from "./inflate.ts";

/**
 * An app as it will be written: the parts of an app that is open, with edits. An edit gives new parts; nothing is read
 * or written before {@link writeApp}, so the app has to stay open until then.
 */
export async function appParts(app: App): Promise<readonly QvfPart[]> {
  return partsOf(app.container);
}

/**
 * Writes an app by the documented layout. It was never opened in Qlik. The caller commits or aborts the sink.
 * @throws `QVF_VALUE`, and what reading the parts throws
 */
export async function writeApp(sink: ByteSink, parts: readonly QvfPart[]): Promise<void> {
  await writeContainer(sink, parts);
}

/**
 * Says in the properties of the app that it was made of tables whose section access was not applied.
 * @throws `QVF_JSON`, `QVF_STREAM`, `QVF_DEFLATE` if the properties that are there cannot be read
 */
export async function recordAdmin(parts: readonly QvfPart[]): Promise<QvfPart[]> {
  const note = { [AS_ADMIN_KEY]: AS_ADMIN_NOTE };
  const there = parts.find((part) => part.path === PROPERTIES_PATH);
  if (there === undefined) {
    return [...parts, newPart(PROPERTIES_PATH, "NxAppProperties", encodeJsonFrame(note), latest(parts))];
  }
  const frame = parseFrame(await there.read(), PROPERTIES_PATH);
  const properties = { ...jsonObject(await frameText(frame, inflateNode), PROPERTIES_PATH), ...note };
  const bytes = encodeFrame(frame.format, encodeUtf8(`${JSON.stringify(properties)}\0`));
  return parts.map((part) => (part === there ? replacedPart(part, bytes) : part));
}

/**
 * Drops a sheet, measure, bookmark, image or other object.
 * @throws `QVF_NO_ENTRY` if there is none of that path; the data model and `qvapp_…` streams cannot be dropped
 */
export function dropObject(parts: readonly QvfPart[], path: string): QvfPart[] {
  const isMachinery = path.startsWith("data/") || path.startsWith("qvapp_");
  if (isMachinery || !parts.some((part) => part.path === path && !part.isDirectory)) {
    throw new QErr("QVF_NO_ENTRY", `there is no object ${JSON.stringify(path)} that could be dropped`, { part: path });
  }
  return parts.filter((part) => part.path !== path);
}

/** Replaces, reduces or drops tables; see `editTables`. */
export async function editAppTables(
  app: App,
  parts: readonly QvfPart[],
  edit: TableEdit,
  options: Omit<EditOptions, "inflate"> = {},
): Promise<QvfPart[]> {
  return editTables(app.container, parts, await app.model(), edit, { ...options, inflate: inflateNode });
}

/** What a new app is made of. */
export interface NewApp {
  readonly title: string;
  readonly script: string;
  readonly tables: readonly AppTable[];
  /** Empty for an app without section access. */
  readonly access: readonly AppTable[];
  /** True if some table was read as an administrator: the properties say so. */
  readonly asAdmin?: boolean | undefined;
  /** Synthetic keys among the tables. */
  readonly syntheticKeys?: readonly SyntheticKey[] | undefined;
  /** When it was made; now if left out. */
  readonly created?: Date | undefined;
}

/**
 * The parts of an app that is made from tables and a script, with no Qlik-made content: what `qvapp_allproperties` would
 * hold is not known, so the app has none. It reads back here; whether Qlik opens it was never tried.
 * @throws `QVF_VALUE` if the tables do not fit together
 */
export async function newAppParts(app: NewApp): Promise<QvfPart[]> {
  const created = app.created ?? new Date();
  const time = oleDate(created);
  const hasAccess = app.access.length > 0;
  const syntheticKeys = app.syntheticKeys ?? [];
  const model = await encodeModel({ tables: app.tables, access: app.access, symbolOrder: "stored", syntheticKeys });
  const json = (path: string, type: string, value: unknown) => newPart(path, type, encodeJsonFrame(value), time);
  const variables = (path: string) => json(path, "GenericVariableEntryList", { qId: path, qEntryList: [] });
  const parts = [
    newPart("qvapp_header", "qvapp_header", encodeUtf8(`${JSON.stringify(HEADER)}\0`), time),
    variables("qvapp_variablelist"),
    variables("user_variablelist"),
    scriptPart(app.script, time),
    json(PROPERTIES_PATH, "NxAppProperties", {
      qTitle: app.title,
      qLastReloadTime: created.toISOString(),
      qSavedInProductVersion: "12.0.0",
      qThumbnail: {},
      ...(hasAccess && { qHasSectionAccess: true }),
      hassectionaccess: hasAccess,
      ...(app.asAdmin === true && { [AS_ADMIN_KEY]: AS_ADMIN_NOTE }),
    }),
    json("qvapp_meta", "DataModelMetadata", model.meta),
    directoryPart("data", time),
  ];
  return withModel(parts, model);
}

/** The members that every file has, with the values of new ones; scramble 0 and no encryption. */
const HEADER = {
  FileFormat: 12000,
  File32: 0,
  FileType: 1729,
  UseCompression: true,
  ScrambleA: 0,
  ScrambleB: 0,
  ProhibitBinaryLoad: false,
  USeBinary: true,
  QVFFileVersion: 1.43,
  buildno: "50699",
} as const;

export function scriptPart(script: string, time: number): QvfPart {
  const raw = encodeUtf8(`${JSON.stringify({ qScript: script, qBreakpointList: [], qFavoriteVariables: [] })}\0`);
  return newPart(SCRIPT_PATH, "AppScriptObject", encodeFrame("gzjson", raw), time);
}

/** The time of the newest part. */
export function latest(parts: readonly QvfPart[]): number {
  return parts.reduce((time, part) => Math.max(time, part.time), 0);
}

/** Days since 1899-12-30, UTC. */
export function oleDate(date: Date): number {
  return date.getTime() / 86_400_000 + 25_569;
}
