import { parseJsonText } from "../bytes/json.ts";
import type { QvfEntry } from "../container/qvf/reader.ts";

/** What an object of an app is to its users. */
export type ObjectKind =
  | "properties"
  | "script"
  | "sheet"
  | "story"
  | "measure"
  | "dimension"
  | "variables"
  | "bookmark"
  | "media"
  | "metadata"
  | "object";

/** An object as the directory tells of it; its content is not read. */
export interface AppObject {
  readonly path: string;
  readonly kind: ObjectKind;
  /** Qlik's name of the type, e.g. `GenericMeasureProperties`; empty if there is none. */
  readonly type: string;
  /** Empty if the directory does not say (files written before 2018 do not). */
  readonly title: string;
  /** ISO 8601; empty if the directory does not say. */
  readonly modified: string;
}

const KIND_OF_TYPE: Readonly<Record<string, ObjectKind>> = {
  NxAppProperties: "properties",
  AllProperties: "properties",
  AppScriptObject: "script",
  GenericMeasureProperties: "measure",
  GenericDimensionProperties: "dimension",
  GenericVariableEntryList: "variables",
  GenericBookmarkEntry: "bookmark",
  Bookmark: "bookmark",
  NxQvfBundledItem: "media",
  DataModelMetadata: "metadata",
  GenericDerivedFieldEntryList: "metadata",
  GenericDerivedDefinitionEntryList: "metadata",
};

/** The object types that stand in the security meta of newer files. */
const KIND_OF_OBJECT: Readonly<Record<string, ObjectKind>> = {
  sheet: "sheet",
  story: "story",
  measure: "measure",
  dimension: "dimension",
  bookmark: "bookmark",
};

/** Tells what an entry is from its meta alone. */
export function describeObject(entry: QvfEntry, meta: Readonly<Record<string, unknown>>): AppObject {
  const security = securityMeta(meta.SecurityMetaAsBase64);
  const type = textOr(meta.Type);
  const kind = entry.path.startsWith("media/")
    ? "media"
    : (KIND_OF_OBJECT[textOr(security._objecttype)] ?? KIND_OF_TYPE[type] ?? "object");
  const title = textOr(security.title) || textOr(security.Name) || textOr(security.name) || textOr(meta.Title);
  return { path: entry.path, kind, type, title, modified: textOr(security.modifiedDate) };
}

/** The base64 JSON in a meta; empty if it is none, as it is a hint and not content. */
function securityMeta(base64: unknown): Readonly<Record<string, unknown>> {
  if (typeof base64 !== "string") return {};
  try {
    const bytes = Buffer.from(base64, "base64");
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === 0) end--;
    const parsed: unknown = parseJsonText(bytes.toString("utf8", 0, end));
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function textOr(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/**
 * Sheet, story or master object: older files do not say it in the directory, but in the object itself.
 * @param json content of a `GenericAppObjectEntry`
 */
export function refineObject(object: AppObject, json: unknown): AppObject {
  const property = (json as { qRoot?: { qProperty?: unknown } } | null)?.qRoot?.qProperty;
  const { qInfo, qMetaDef, qMeta } = (property ?? json ?? {}) as Record<string, Record<string, unknown> | undefined>;
  const kind = KIND_OF_OBJECT[textOr(qInfo?.qType)] ?? object.kind;
  const title = object.title || textOr(qMetaDef?.title) || textOr(qMeta?.title);
  return { ...object, kind, title };
}
