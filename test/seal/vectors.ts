import { existsSync, readFileSync } from "node:fs";
import { it } from "vitest";

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

/** Says why a test is left out; under CI=true something that must be there and is not fails the run. */
export function missing(what: string): void {
  if (process.env.CI === "true") {
    it(`has ${what}`, () => {
      throw new Error(`${what} is missing, and CI=true asks for everything`);
    });
    return;
  }
  console.warn(`left out: ${what} is missing`);
  it.skip(`${what} is missing`, () => {});
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
