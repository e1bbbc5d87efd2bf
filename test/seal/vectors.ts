import { existsSync, readFileSync } from "node:fs";
import { missing } from "../helpers/missing.ts";

const SHARED = new URL("../../../shared/", import.meta.url);

export interface WycheproofCase {
  readonly tcId: number;
  readonly comment: string;
  readonly result?: "valid" | "invalid" | "acceptable";
  readonly flags?: readonly string[];
  readonly [field: string]: unknown;
}

export interface WycheproofGroup {
  readonly tests: readonly WycheproofCase[];
  readonly [field: string]: unknown;
}

/** Groups of a Wycheproof file, or undefined where the shared vectors are absent (an error under CI). */
export function wycheproof(name: string): readonly WycheproofGroup[] | undefined {
  const path = new URL(`vectors/wycheproof/${name}.json`, SHARED);
  if (existsSync(path)) return (JSON.parse(readFileSync(path, "utf8")) as { testGroups: WycheproofGroup[] }).testGroups;
  missing(`shared vectors ${name}`);
  return undefined;
}

export function hex(value: unknown): Uint8Array {
  return new Uint8Array(Buffer.from(String(value), "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Path of a folder of the shared data, or undefined where it is absent. */
export function sharedPath(relative: string): string | undefined {
  const path = new URL(relative, SHARED);
  return existsSync(path) ? path.pathname : undefined;
}
