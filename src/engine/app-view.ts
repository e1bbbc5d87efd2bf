import { frameText, inflateFrame, parseFrame, parseJson } from "../container/qvf/frame.ts";
import { parseMeta, SEAL_MEMBER } from "../container/qvf/parts.ts";
import type { QvfContainer, QvfEntry } from "../container/qvf/reader.ts";
import { QErr } from "../errors.ts";
import type { ByteSource } from "../source/source.ts";
import { openQvfModel, type QvfModel, type QvfModelOptions } from "../table/qvf-model.ts";
import { type AppObject, describeObject } from "./app-objects.ts";
import { inflateNode } from "./inflate.ts";
import { SEAL_MARK } from "./seal-header.ts";

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
  /** What is sealed in the app; undefined if nothing is. */
  readonly seal: AppSeal | undefined;
  /** Opens the data model on first use. Whoever hands its tables out asks {@link tablesFor} whether he may. */
  model(): Promise<QvfModel>;
  close(): Promise<void>;
}

/** A sealed app as it stands open. */
export interface AppSeal {
  readonly mode: "open" | "closed";
  /** Names of fields that no given key opens: they are what a plain reader sees. */
  readonly stillSealed: readonly string[];
  /** Paths of streams that no given key opens, or all of them without a key. */
  readonly shut: ReadonlySet<string>;
  /** True if every stream is, bit for bit, the one that was sealed. */
  readonly exact: boolean;
  /** Key of the tokens that stand in the place of sealed fields, where mask and slot give one. */
  readonly tokenKey?: Uint8Array | undefined;
}

/** What an app with sealed parts does otherwise than one without. */
export interface AppExtras {
  readonly seal?: AppSeal | undefined;
  readonly model?: Pick<QvfModelOptions, "field" | "table"> | undefined;
  readonly close?: (() => Promise<void>) | undefined;
}

export const SCRIPT_PATH = "qvapp_appscript";
export const PROPERTY_BLOB = "qvapp_allproperties";
export const PROPERTIES_PATH = "qvapp_approperties";
/** Names and variables of the data model. */
export const DATA_PATH = "qvapp_data";
export const ACCESS_PATH = "qvapp_qaccess";

/** The app in a container that is open. */
export function appOver(container: QvfContainer, extras: AppExtras = {}): App {
  const { seal } = extras;
  let model: Promise<QvfModel> | undefined;

  async function content(path: string): Promise<Uint8Array> {
    const frame = parseFrame(await container.read(path), path);
    const raw = await inflateFrame(frame, inflateNode);
    return frame.format === "gzjson" && raw.at(-1) === 0 ? raw.subarray(0, -1) : raw;
  }

  /** Where a stand-in would be taken for the real thing. */
  function requireOpen(path: string, what: string): void {
    if (seal?.shut.has(path) === true) throw noKeyFor(what);
  }

  return {
    source: container.source,
    container,
    seal,
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
      requireOpen(SCRIPT_PATH, "the load script");
      if (container.entry(SCRIPT_PATH) === undefined) {
        throw new QErr("APP_NO_SCRIPT", "the app has no load script", { part: SCRIPT_PATH });
      }
      const frame = parseFrame(await container.read(SCRIPT_PATH), SCRIPT_PATH);
      return scriptOf(await frameText(frame, inflateNode));
    },
    async model() {
      // Without it nobody could say who may see what.
      requireOpen(ACCESS_PATH, "section access");
      if (seal?.mode === "closed" && seal.shut.has(DATA_PATH)) throw noKeyFor("the app as a whole");
      model ??= openQvfModel(container, { inflate: inflateNode, ...extras.model }).then((opened) => {
        // Without its seal this would be an app in which nobody is listed, and an administrator would see all of it.
        if (opened.sectionAccess.some((table) => table.name === SEAL_MARK)) throw stripped(ACCESS_PATH);
        return opened;
      });
      // A failed attempt may be tried again.
      model.catch(() => (model = undefined));
      return model;
    },
    close: extras.close ?? (() => container.close()),
  };
}

/** What is thrown for an app that says that it is sealed, and is not. */
export function stripped(part: string): QErr {
  return new QErr("SEAL_STRIPPED", "the app says that parts of it are sealed, and they are gone", {
    part,
    hint: "it was written again by a program that does not know the seal; restore the sealed original",
  });
}

function noKeyFor(what: string): QErr {
  return new QErr("SEAL_NO_IDENTITY", `${what} is sealed, and no given key opens it`, { hint: "add --key REF" });
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
  const { isDirectory, path } = entry;
  if (isDirectory || path.startsWith("data/") || path === SEAL_MEMBER) return false;
  return !/^qvapp_(data|qaccess|header)$/.test(path);
}
