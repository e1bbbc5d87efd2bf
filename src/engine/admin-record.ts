import { rm } from "node:fs/promises";
import { basename } from "node:path";
import { parseJsonText } from "../bytes/json.ts";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { AS_ADMIN_NOTE } from "../table/admin-note.ts";
import { type OutputTarget, withOutput } from "./convert.ts";
import type { ExportFormat } from "./export.ts";
import { readSmallText } from "./small-file.ts";

export { AS_ADMIN_NOTE } from "../table/admin-note.ts";

/** Formats of bare rows: what else is to be said stands in a file beside them, where W3C's CSVW looks for it. */
const BARE_FORMATS: readonly ExportFormat[] = ["csv", "ndjson"];

/** Name of the file beside `path` that describes it (CSV on the Web, "Locating metadata"). */
export function metadataPath(path: string): string {
  return `${path}-metadata.json`;
}

/** True if nothing in this output can say that section access was not applied. */
export function hasNoRecord(path: string, format: ExportFormat): boolean {
  return path === "-" && BARE_FORMATS.includes(format);
}

/**
 * Runs `work`, which writes `target`. If an administrator's rows go to a format of bare rows, the record is written
 * beside them before: at no moment is there such a file without it. An older record is taken away with the rows it told of.
 * @throws `SINK_EXISTS`, `SINK_WRITE`, and what `work` throws; then no record is left that was not there before
 */
export async function withAdminRecord<T>(
  target: OutputTarget & { readonly format: ExportFormat; readonly asAdmin: boolean },
  work: () => Promise<T>,
): Promise<T> {
  const { path, format, asAdmin } = target;
  if (path === "-" || !BARE_FORMATS.includes(format)) return work();
  const beside = metadataPath(path);
  const wasThere = await hasRecordBeside(path);
  if (!asAdmin) {
    const result = await work();
    if (wasThere) await rm(beside, { force: true });
    return result;
  }
  // The older rows, if they stay because the work fails, are an administrator's, too. A file of somebody else was not
  // named, and is replaced for no `--force`.
  const force = wasThere;
  const context = format === "csv" ? { "@context": "http://www.w3.org/ns/csvw" } : {};
  const record = { ...context, url: basename(path), "dc:provenance": AS_ADMIN_NOTE, notes: [{ asAdmin: true }] };
  await withOutput({ path: beside, force, stdout: target.stdout }, (sink) =>
    sink.write(encodeUtf8(`${JSON.stringify(record, null, 1)}\n`)),
  );
  try {
    return await work();
  } catch (error) {
    if (!wasThere) await rm(beside, { force: true });
    throw error;
  }
}

/** True if the file beside `path` says that its rows were read as an administrator. */
export async function hasRecordBeside(path: string): Promise<boolean> {
  if (path === "-") return false;
  try {
    const found: unknown = parseJsonText(await readSmallText(metadataPath(path)));
    return (found as { "dc:provenance"?: unknown } | null)?.["dc:provenance"] === AS_ADMIN_NOTE;
  } catch {
    // No such file, or one of somebody else.
    return false;
  }
}
