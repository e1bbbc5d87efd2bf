import { createHash } from "node:crypto";
import { readFile, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, normalize, relative, sep } from "node:path";
import { concat } from "../bytes/concat.ts";
import { decodeUtf8, encodeUtf8 } from "../bytes/utf8.ts";
import { encodeFrame, inflateFrame, parseFrame } from "../container/qvf/frame.ts";
import { isFramed, partsOf, type QvfPart } from "../container/qvf/parts.ts";
import { needs, QErr } from "../errors.ts";
import { type FolderSink, folderSink } from "../source/folder-sink.ts";
import { ACCESS_PATH, type App, SCRIPT_PATH, scriptOf } from "./app-view.ts";
import { recordAdmin } from "./app-write.ts";
import { inflateNode } from "./inflate.ts";
import { type Reader, tablesFor } from "./qvf-app.ts";
import { replaceScript } from "./script-edit.ts";

/** One stream of an app that was extracted to a folder. */
interface ExtractedStream {
  readonly path: string;
  /** In the folder; left out for directories. */
  readonly file?: string;
  /** Format of the frame that the content was in; `raw` streams have none. */
  readonly format?: "gzjson" | "binary" | "raw";
  /** OLE automation date. */
  readonly time: number;
  /** The directory entry's JSON. */
  readonly meta: string;
}

/** `manifest.json` of a folder that an app was extracted to. */
interface ExtractManifest {
  readonly kind: "qvault-app";
  readonly version: 1;
  /** True if the app has section access and all of its data were extracted nevertheless. */
  readonly asAdmin: boolean;
  /** If so: SHA-256 of the section access that was passed over, so that an app without it will say what it was made of. */
  readonly accessSha256?: string;
  readonly script?: string;
  readonly streams: readonly ExtractedStream[];
}

export const EXTRACT_KIND = "qvault-app";
export const EXTRACT_MANIFEST = "manifest.json";
const SCRIPT_FILE = "script.qvs";

/** What was extracted. */
export interface Extraction {
  readonly streams: number;
  /** True if section access was passed over. */
  readonly asAdmin: boolean;
}

/**
 * Writes everything in an app to `folder`: each stream to a file (JSON as JSON, images as images, data streams as they
 * are), the script to `script.qvs`, and what is needed to put it all back to `manifest.json`. The folder appears whole or
 * not at all.
 * @throws `APP_ACCESS` if the app has section access and `asAdmin` is not set, `SINK_EXISTS` if the folder is not empty,
 *   `SINK_WRITE`, and what reading throws
 */
export async function extractApp(app: App, folder: string, options: Reader): Promise<Extraction> {
  // The data streams are in the folder: whoever may not see all tables may not have them.
  const { asAdmin } = await tablesFor(app, options);
  const sink = await folderSink(folder);
  try {
    const streams = await extractTo(sink, app, asAdmin);
    await sink.commit();
    return { streams, asAdmin };
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

async function extractTo(sink: FolderSink, app: App, asAdmin: boolean): Promise<number> {
  const streams: ExtractedStream[] = [];
  const taken = new Map([EXTRACT_MANIFEST, SCRIPT_FILE].map((name) => [name, 2]));
  let script: string | undefined;
  const parts = await partsOf(app.container);
  for (const part of parts) {
    const { path, time } = part;
    const meta = decodeUtf8(part.meta.at(-1) === 0 ? part.meta.subarray(0, -1) : part.meta, path);
    if (part.isDirectory) {
      streams.push({ path, time, meta });
      continue;
    }
    const { format, content } = await contentOf(path, await part.read());
    const file = freeName(path, format, taken);
    await sink.write(file, content);
    streams.push({ path, file, format, time, meta });
    if (path === SCRIPT_PATH) {
      script = SCRIPT_FILE;
      await sink.write(SCRIPT_FILE, encodeUtf8(scriptOf(decodeUtf8(content, path))));
    }
  }
  const about = asAdmin ? { asAdmin, accessSha256: await accessDigest(parts) } : { asAdmin };
  const manifest: ExtractManifest = { kind: EXTRACT_KIND, version: 1, ...about, ...(script && { script }), streams };
  await sink.write(EXTRACT_MANIFEST, encodeUtf8(`${JSON.stringify(manifest, null, 1)}\n`));
  return streams.filter((stream) => stream.file !== undefined).length;
}

async function accessDigest(parts: readonly QvfPart[]): Promise<string> {
  const access = await parts.find((part) => part.path === ACCESS_PATH)?.read();
  return createHash("sha256")
    .update(access ?? new Uint8Array(0))
    .digest("hex");
}

async function contentOf(
  path: string,
  bytes: Uint8Array,
): Promise<{ readonly format: "gzjson" | "binary" | "raw"; readonly content: Uint8Array }> {
  if (!isFramed(path)) return { format: "raw", content: bytes };
  const frame = parseFrame(bytes, path);
  const raw = await inflateFrame(frame, inflateNode);
  // Qlik's NUL after JSON is put back when the stream is written.
  const isJson = frame.format === "gzjson" && raw.at(-1) === 0;
  return { format: isJson ? "gzjson" : "binary", content: isJson ? raw.subarray(0, -1) : raw };
}

/**
 * Names that are safe on every system and never leave the folder; the manifest knows which is which.
 * @param taken each name that is taken, with the number to try next: of ten thousand alike none asks for all before it
 */
function freeName(path: string, format: string, taken: Map<string, number>): string {
  const percent = (c: string) =>
    [...encodeUtf8(c)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
  const safe = path
    .split("/")
    .map((name) => name.replace(/[^\p{L}\p{N} ._$()@+=,-]|^[. ]|[. ]$/gu, percent))
    .map((name) => (/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(name) ? `_${name}` : name))
    .map(shortened)
    .join("/");
  const ending = format === "gzjson" ? ".json" : /\.\w{1,5}$/.test(safe) ? "" : ".bin";
  // Systems that fold case would write two streams into one file.
  const wanted = `${safe}${ending}`.toLowerCase();
  for (let n = taken.get(wanted) ?? 1; ; n++) {
    const name = `${safe}${n === 1 ? "" : `~${n}`}${ending}`;
    const folded = name.toLowerCase();
    if (taken.has(folded)) continue;
    taken.set(folded, 2);
    taken.set(wanted, n + 1);
    return name;
  }
}

/** Bytes of a name, so that an ending and a number still fit the 255 that systems have for one. */
const NAME_BYTES = 200;

function shortened(name: string): string {
  const bytes = encodeUtf8(name);
  if (bytes.byteLength <= NAME_BYTES) return name;
  // As a stream, a character that is cut is none yet.
  return `${new TextDecoder().decode(bytes.subarray(0, NAME_BYTES), { stream: true })}~`;
}

/**
 * Twin of {@link extractApp}: the parts of an app from its folder. Files that were not changed give the same streams byte
 * for byte; a changed `script.qvs` becomes the script; without its section access the app says that an administrator read it.
 * @param manifest the parsed `manifest.json` of `folder`
 * @throws `APP_MANIFEST` if the manifest is none, or names a file outside the folder or one for two streams,
 *   `SOURCE_NOT_FOUND`
 */
export async function partsFromFolder(folder: string, manifest: unknown): Promise<readonly QvfPart[]> {
  const checked = checkManifest(manifest);
  const parts = await storedParts(folder, checked);
  // Under its own section access the app is what it was. Under another it is made of what an administrator took out.
  const isWhole = !checked.asAdmin || checked.accessSha256 === (await accessDigest(parts));
  return isWhole ? parts : recordAdmin(parts);
}

async function storedParts(folder: string, { streams, script }: ExtractManifest): Promise<readonly QvfPart[]> {
  const parts: QvfPart[] = [];
  for (const { path, file, format, time, meta } of streams) {
    const metaBytes = file === undefined ? new Uint8Array(0) : encodeUtf8(`${meta}\0`);
    const bytes = file === undefined ? new Uint8Array(0) : streamOf(await load(folder, file), format);
    const isDirectory = file === undefined;
    parts.push({ path, isDirectory, time, meta: metaBytes, size: bytes.byteLength, read: async () => bytes });
  }
  if (script === undefined) return parts;
  const text = decodeUtf8(await load(folder, script), script);
  const before = parts.find((part) => part.path === SCRIPT_PATH);
  if (before !== undefined && (await scriptIn(before)) === text) return parts;
  return (await replaceScript(parts, text)).parts;
}

async function scriptIn(part: QvfPart): Promise<string> {
  const raw = await inflateFrame(parseFrame(await part.read(), part.path), inflateNode);
  return scriptOf(decodeUtf8(raw.subarray(0, -1), part.path));
}

function streamOf(content: Uint8Array, format: ExtractedStream["format"]): Uint8Array {
  if (format === "gzjson") return encodeFrame("gzjson", concat([content, new Uint8Array(1)]));
  return format === "binary" ? encodeFrame("binary", content) : content;
}

async function load(folder: string, file: string): Promise<Uint8Array> {
  const outside = `the manifest names ${JSON.stringify(file)}, which is outside its folder`;
  needs(isInside(file), "APP_MANIFEST", outside);
  const unreadable = (cause?: unknown): never => {
    throw new QErr("SOURCE_NOT_FOUND", `${join(folder, file)} cannot be read`, { cause });
  };
  // The folder may be a stranger's, too: a link in it leads out just as a name does, and a device has no end.
  const real = await realpath(join(folder, file)).catch(unreadable);
  needs(isInside(relative(await realpath(folder), real)), "APP_MANIFEST", outside);
  if (!(await stat(real).catch(unreadable)).isFile()) unreadable();
  return new Uint8Array(await readFile(real).catch(unreadable));
}

function isInside(path: string): boolean {
  return !isAbsolute(path) && normalize(path).split(sep)[0] !== "..";
}

function checkManifest(value: unknown): ExtractManifest {
  const manifest = value as Partial<ExtractManifest> | null;
  const whole =
    manifest?.kind === EXTRACT_KIND &&
    manifest.version === 1 &&
    typeof manifest.asAdmin === "boolean" &&
    (manifest.script === undefined || typeof manifest.script === "string") &&
    Array.isArray(manifest.streams) &&
    manifest.streams.every(isStream);
  if (whole) {
    const files = manifest.streams!.flatMap(({ file }) => file ?? []);
    // Ten thousand streams of one file would be an app of ten thousand times its bytes.
    needs(new Set(files).size === files.length, "APP_MANIFEST", "the manifest names one file for two streams");
    return manifest as ExtractManifest;
  }
  throw new QErr("APP_MANIFEST", "the manifest is not one that app extract wrote");
}

function isStream(value: unknown): boolean {
  const stream = value as Partial<ExtractedStream> | null;
  return (
    typeof stream?.path === "string" &&
    typeof stream.time === "number" &&
    typeof stream.meta === "string" &&
    (stream.file === undefined || (typeof stream.file === "string" && typeof stream.format === "string"))
  );
}
