import { readFileSync } from "node:fs";
import type { QvfPart } from "../../src/container/qvf/parts.ts";
import type { AppDigest } from "../../src/engine/app-digest.ts";
import { writeApp } from "../../src/engine/app-write.ts";
import { type App, openQvfApp } from "../../src/engine/qvf-app.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import { hasShared, sharedPath } from "./shared.ts";

/** A line of `digests.jsonl` about a QVF: what an independent reader found in it, or that it is damaged. */
export interface QvfLine extends Partial<AppDigest> {
  readonly file: string;
  readonly error?: true;
}

/** The lines about QVFs; empty where the real data is absent. */
export function qvfLines(): readonly QvfLine[] {
  if (!hasShared()) return [];
  const lines = readFileSync(sharedPath("data", "digests.jsonl"), "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as QvfLine).filter((line) => line.file.startsWith("qvf/"));
}

export const undamaged = (): readonly QvfLine[] => qvfLines().filter((line) => line.error !== true);
export const damaged = (): readonly QvfLine[] => qvfLines().filter((line) => line.error === true);

export function realBytes(line: QvfLine): Uint8Array {
  return new Uint8Array(readFileSync(sharedPath("data", line.file)));
}

export function openBytes(bytes: Uint8Array): Promise<App> {
  return openQvfApp(memorySource(bytes));
}

export async function writtenBytes(parts: readonly QvfPart[]): Promise<Uint8Array> {
  const sink = memorySink();
  await writeApp(sink, parts);
  await sink.commit();
  return sink.result();
}
