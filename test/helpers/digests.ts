import { readFileSync } from "node:fs";
import type { TableDigest } from "../../src/engine/digest.ts";
import { hasShared, sharedPath } from "./shared.ts";

/** A line of `digests.jsonl`: what an independent reader found in a real file. */
export interface DigestLine {
  readonly file: string;
  readonly error?: true;
  readonly tables?: readonly TableDigest[];
}

/** The lines about the files below `folder`; empty where the real data is absent. */
export function digestLines(folder: "qvd" | "qvf"): readonly DigestLine[] {
  if (!hasShared()) return [];
  const text = readFileSync(sharedPath("data", "digests.jsonl"), "utf8");
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as DigestLine).filter((line) => line.file.startsWith(`${folder}/`));
}
