import { encodeUtf8 } from "../bytes/utf8.ts";
import { encodeFrame, encodeJsonFrame, frameText, inflateFrame, parseFrame } from "../container/qvf/frame.ts";
import { isFramed, type QvfPart, replacedPart } from "../container/qvf/parts.ts";
import { jsonObject, PROPERTY_BLOB, SCRIPT_PATH, scriptOf } from "./app-view.ts";
import { latest, scriptPart } from "./app-write.ts";
import { inflateNode } from "./inflate.ts";
import { scriptCopies } from "./script-copy.ts";

/** An app with another script. */
export interface ScriptReplaced {
  readonly parts: readonly QvfPart[];
  /** Paths of objects that quote lines of the old script, and stay as they are. */
  readonly quotedIn: readonly string[];
}

/** A line this long is no accident; shorter ones (`END IF`) stand in many places. */
const TELLING_LINE = 24;

/**
 * Replaces the load script, or adds one. Apps of Qlik hold more of it in `qvapp_allproperties`: a second copy, often an
 * older one, and the statements of the last reload. Copies and lines are overwritten with as many blanks, so that no length
 * that is not understood changes; values that Qlik had put into a statement in place of variables are no lines of the
 * script, and stay.
 * @throws `QVF_JSON`, `QVF_STREAM`, `QVF_DEFLATE` if the script that is there cannot be read
 */
export async function replaceScript(parts: readonly QvfPart[], script: string): Promise<ScriptReplaced> {
  const there = parts.find((part) => part.path === SCRIPT_PATH);
  const json =
    there && jsonObject(await frameText(parseFrame(await there.read(), SCRIPT_PATH), inflateNode), SCRIPT_PATH);
  const blob = parts.find((part) => part.path === PROPERTY_BLOB);
  const frame = blob && parseFrame(await blob.read(), PROPERTY_BLOB);
  const raw = frame && (await inflateFrame(frame, inflateNode));
  const copies = raw === undefined ? [] : scriptCopies(raw);
  const old = [...copies.map(({ text }) => text), ...(json === undefined ? [] : [scriptOf(JSON.stringify(json))])];
  const lines = tellingLines(old).filter((line) => !script.includes(line));
  const changed = new Map<string, QvfPart>();
  if (blob !== undefined && frame !== undefined && raw !== undefined) {
    const blank = raw.slice();
    for (const { at, length } of copies) blank.fill(0x20, at, at + length);
    for (const line of lines) blankOut(blank, encodeUtf8(line));
    if (blank.some((byte, i) => byte !== raw[i]))
      changed.set(PROPERTY_BLOB, replacedPart(blob, encodeFrame(frame.format, blank)));
  }
  if (there !== undefined) changed.set(SCRIPT_PATH, replacedPart(there, encodeJsonFrame({ ...json, qScript: script })));
  const kept = parts.map((part) => changed.get(part.path) ?? part);
  const all = there === undefined ? [...kept, scriptPart(script, latest(kept))] : kept;
  return { parts: all, quotedIn: await quotesIn(all, lines) };
}

function tellingLines(scripts: readonly string[]): string[] {
  const lines = scripts.flatMap((text) => text.split(/\r?\n/)).map((line) => line.trim());
  return [...new Set(lines)].filter((line) => line.length >= TELLING_LINE);
}

function blankOut(bytes: Uint8Array, text: Uint8Array): void {
  const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = found.indexOf(text); at >= 0; at = found.indexOf(text, at + text.byteLength)) {
    bytes.fill(0x20, at, at + text.byteLength);
  }
}

async function quotesIn(parts: readonly QvfPart[], lines: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const part of parts) {
    if (part.isDirectory || !isFramed(part.path) || part.path.startsWith("media/")) continue;
    const text = new TextDecoder().decode(await inflateFrame(parseFrame(await part.read(), part.path), inflateNode));
    // In JSON a line stands with its quotes and backslashes escaped.
    const quotes = (line: string) => text.includes(line) || text.includes(JSON.stringify(line).slice(1, -1));
    if (lines.some(quotes)) found.push(part.path);
  }
  return found;
}
