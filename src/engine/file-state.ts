import type { BigIntStats } from "node:fs";
import { stat } from "node:fs/promises";
import { needs } from "../errors.ts";

const PARTS = ["dev", "ino", "size", "mtimeNs"] as const;

/** Which file a name shows, and its last change; undefined if there is none. */
export type FileState = Pick<BigIntStats, (typeof PARTS)[number]> | undefined;

export async function stateOf(file: string): Promise<FileState> {
  return stat(file, { bigint: true }).catch(() => undefined);
}

/** A state in one word, which differs for another file and after each change; empty if there is none. */
export function markOf(state: FileState): string {
  return state === undefined ? "" : PARTS.map((part) => state[part].toString(36)).join("-");
}

/**
 * A reload that ended meanwhile must not be undone by older data.
 * @throws `SOURCE_CHANGED`
 */
export async function needsUnchanged(file: string, before: FileState): Promise<void> {
  const same = markOf(await stateOf(file)) === markOf(before);
  needs(same, "SOURCE_CHANGED", `${file} was changed while the new one was made, and stays as it is now`, {
    hint: "run the command again",
  });
}

/**
 * What to ask before `output` takes the place of `input`; undefined if they are two files. To be called before the input
 * is opened.
 */
export async function guardInPlace(input: string, output: string): Promise<(() => Promise<void>) | undefined> {
  const [from, to] = await Promise.all([stateOf(input), stateOf(output)]);
  if (from === undefined || to === undefined || from.dev !== to.dev || from.ino !== to.ino) return undefined;
  return () => needsUnchanged(output, to);
}
