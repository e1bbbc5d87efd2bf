import { randomBytes } from "node:crypto";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { encodeFrame, encodeJsonFrame, type FrameFormat, frameText, parseFrame } from "../container/qvf/frame.ts";
import { clearState, encodeModelHeader } from "../container/qvf/model-header.ts";
import type { QvfPart } from "../container/qvf/parts.ts";
import { needs } from "../errors.ts";
import { memoryTable } from "../table/memory-table.ts";
import { encodeAccessTables } from "../table/qvf-access-write.ts";
import { appTable } from "../table/qvf-draft.ts";
import type { QvfModel } from "../table/qvf-model.ts";
import { refineObject } from "./app-objects.ts";
import {
  ACCESS_PATH,
  type App,
  DATA_PATH,
  jsonObject,
  PROPERTIES_PATH,
  PROPERTY_BLOB,
  SCRIPT_PATH,
} from "./app-view.ts";
import { inflateNode } from "./inflate.ts";
import { SEAL_MARK } from "./seal-header.ts";
import type { SealOptions } from "./seal-plan.ts";

/** A stream that is sealed as a whole, and what stands in its place; undefined if nothing does. */
export interface SealedStream {
  readonly part: QvfPart;
  readonly standIn: Uint8Array | undefined;
}

export const META_PATH = "qvapp_meta";
const HEADER_PATH = "qvapp_header";
/** What a plain reader finds for a load script; it says why there is none, and outlives being stored again. */
const SCRIPT_STAND_IN = `// ${SEAL_MARK}: the load script is sealed with the fields of this app\r\n`;

/**
 * Which streams of an app are sealed beside its fields: what was asked for, and what would quote or count sealed values
 * (SPEC 6.13.5).
 * @throws `USAGE` if section access is to be sealed and there is none; what reading throws
 */
export async function planStreams(
  app: App,
  model: QvfModel,
  parts: readonly QvfPart[],
  options: SealOptions,
  statistics: Uint8Array | undefined,
): Promise<readonly SealedStream[]> {
  const closed = options.mode === "closed";
  const hasAccess = model.sectionAccess.length > 0;
  needs(hasAccess || options.sectionAccess !== true, "USAGE", "the app has no section access that could be sealed");
  const withBookmarks = options.bookmarks === true || closed;
  const streams: SealedStream[] = [];
  for (const part of parts) {
    const standIn = await standInFor(part);
    if (standIn !== undefined) streams.push({ part, standIn: standIn === "nothing" ? undefined : standIn });
  }
  return streams;

  async function standInFor(part: QvfPart): Promise<Uint8Array | "nothing" | undefined> {
    const { path, isDirectory } = part;
    if (isDirectory || path.startsWith("data/")) return undefined;
    if (path === HEADER_PATH) return markedHeader(part, closed);
    if (path === PROPERTIES_PATH) return markedProperties(part);
    if (path === DATA_PATH) return clearedModel(model, options.keepLineage === true && !closed);
    if (path === META_PATH) return statistics;
    if (path === ACCESS_PATH)
      return options.sectionAccess === true || (closed && hasAccess) ? lockedAccess() : undefined;
    if (HOLDS_VALUES.test(path)) return "nothing";
    if (isLineage(path)) {
      return options.keepLineage === true && !closed ? undefined : lineageStandIn(path);
    }
    return withBookmarks && (await isBookmark(app, path)) ? "nothing" : undefined;
  }
}

/** Colours by value, the selections an app was left with, and a stream that is not understood. */
export const HOLDS_VALUES = /^ColorMapModel_|\$LASTKNOWNSTATE$|^qvapp_datasegmentmeta/;
const VARIABLES = /^(qvapp|user)_variablelist$/;

/** What tells of the loading of an app, and often quotes values: the script, its copy, variables. */
export function isLineage(path: string): boolean {
  return path === SCRIPT_PATH || path === PROPERTY_BLOB || VARIABLES.test(path);
}

function lineageStandIn(path: string): Uint8Array | "nothing" {
  if (path === PROPERTY_BLOB) return "nothing";
  if (path !== SCRIPT_PATH) return encodeJsonFrame({ qId: path, qEntryList: [] });
  return encodeJsonFrame({ qScript: SCRIPT_STAND_IN, qBreakpointList: [], qFavoriteVariables: [] });
}

/** Bookmarks hold selections, snapshots the data of a chart. */
async function isBookmark(app: App, path: string): Promise<boolean> {
  const object = app.objects.find((o) => o.path === path);
  if (object === undefined || object.kind === "bookmark") return object !== undefined;
  if (object.type !== "GenericAppObjectEntry" && object.type !== "") return /snapshot|bookmark/i.test(object.type);
  const content = new TextDecoder().decode(await app.content(path));
  if (/"qType"\s*:\s*"[a-z]*snapshot"/i.test(content)) return true;
  if (!content.startsWith("{")) return false;
  return refineObject(object, jsonObject(content, path)).kind === "bookmark";
}

async function markedHeader(part: QvfPart, closed: boolean): Promise<Uint8Array> {
  const bytes = await part.read();
  const nul = bytes.indexOf(0);
  const json = jsonObject(new TextDecoder().decode(nul < 0 ? bytes : bytes.subarray(0, nul)), part.path);
  // A plain reader that knows no better takes a closed app for one that Qlik encrypted, and stops.
  const marked = { ...json, Seal: SEAL_MARK, ...(closed && { EncryptionInfo: SEAL_MARK }) };
  return encodeUtf8(`${JSON.stringify(marked)}\0`);
}

async function markedProperties(part: QvfPart): Promise<Uint8Array> {
  const frame = parseFrame(await part.read(), part.path);
  const json = jsonObject(await frameText(frame, inflateNode), part.path);
  return jsonFrame(frame.format, { ...json, qvaultSeal: SEAL_MARK });
}

function jsonFrame(format: FrameFormat, value: unknown): Uint8Array {
  return encodeFrame(format, encodeUtf8(`${JSON.stringify(value)}\0`));
}

/** Nothing is selected: selections name symbols by their number. */
function clearedModel({ header }: QvfModel, keepVariables: boolean): Uint8Array {
  const { fields, tables, syntheticKeys, variables } = header;
  return encodeModelHeader({
    ...header,
    states: 1,
    variables: keepVariables ? variables : [],
    state: clearState(fields, tables, syntheticKeys),
  });
}

/**
 * Section access that lets nobody in: who takes the seal out of an app, or cannot read it, has an app that opens for no
 * user, not one that opens for all.
 */
export async function lockedAccess(): Promise<Uint8Array> {
  const nobody = `SEALED\\${randomBytes(16).toString("hex").toUpperCase()}`;
  const table = memoryTable(SEAL_MARK, ["ACCESS", "USERID"], [["USER"], [nobody]]);
  return encodeAccessTables([await appTable(table)]);
}
