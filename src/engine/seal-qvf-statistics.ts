import { objectsIn } from "../bytes/json.ts";
import { encodeJsonFrame, frameText, parseFrame } from "../container/qvf/frame.ts";
import type { QvfContainer } from "../container/qvf/reader.ts";
import type { QvfModel } from "../table/qvf-model.ts";
import { jsonObject } from "./app-view.ts";
import { inflateNode } from "./inflate.ts";
import { META_PATH } from "./seal-qvf-streams.ts";

type Json = Readonly<Record<string, unknown>>;

/** `qvapp_meta` of an app as a document, or undefined if it has none. Throws `QVF_STREAM`, `QVF_DEFLATE`, `QVF_JSON`. */
export async function statisticsOf(container: QvfContainer): Promise<Json | undefined> {
  if (container.entry(META_PATH) === undefined) return undefined;
  return jsonObject(await frameText(parseFrame(await container.read(META_PATH), META_PATH), inflateNode), META_PATH);
}

/** The entry of a field, as JSON. */
export function fieldStatistics(document: Json | undefined, name: string): string | undefined {
  const entry = objectsIn(document?.qfields).find((field) => field.qname === name);
  return entry && JSON.stringify(entry);
}

/** What stands in the place of a field's entry: its name and tables, and of the mask how many values it has. */
function plainEntry(entry: Json, maskCount: number): Json {
  const { qname, qsrc_tables, qis_system, qis_hidden, qdistinct_only } = entry;
  return {
    qname,
    qsrc_tables,
    ...(qis_system !== undefined && { qis_system }),
    ...(qis_hidden !== undefined && { qis_hidden }),
    ...(qdistinct_only !== undefined && { qdistinct_only }),
    qcardinal: maskCount,
    qtotal_count: 0,
    qtags: [],
    qbyte_size: 0,
  };
}

/**
 * The document without a trace of sealed fields: their counts, tags and hashes, profiles of whole tables, and every sum
 * that they are in.
 * @param masks by name of a sealed field: values of what stands in its place
 */
export function plainStatistics(
  document: Json,
  model: QvfModel,
  masks: ReadonlyMap<string, number>,
  closed: boolean,
): Uint8Array {
  const touched = new Set(
    model.tables.filter((table) => table.fields.some((f) => masks.has(f.name))).map((table) => table.name),
  );
  const { qtables_profiling_data: _, ...kept } = document;
  return encodeJsonFrame({
    ...kept,
    ...(masks.size > 0 && { qstatic_byte_size: 0 }),
    qfields: objectsIn(document.qfields).map((field) => {
      const count = masks.get(String(field.qname));
      return count === undefined ? field : plainEntry(field, count);
    }),
    qtables: objectsIn(document.qtables).map((table) => ({
      ...table,
      ...(closed && { qno_of_rows: 0 }),
      ...((closed || touched.has(String(table.qname))) && { qbyte_size: 0 }),
    })),
  });
}

/** The document with the entries of opened fields in their places. Throws `QVF_JSON`. */
export function restoredStatistics(document: Json, opened: ReadonlyMap<string, string>): Uint8Array {
  return encodeJsonFrame({
    ...document,
    qfields: objectsIn(document.qfields).map((field) => {
      const text = opened.get(String(field.qname));
      return text === undefined ? field : jsonObject(text, "sealed meta");
    }),
  });
}
