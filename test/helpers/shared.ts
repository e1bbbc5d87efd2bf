import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe } from "vitest";

const SHARED = resolve(fileURLToPath(new URL("../../../shared", import.meta.url)));

/** A path in `../shared`, the real data beside the project. Nothing of it is copied into the project. */
export function sharedPath(...parts: readonly string[]): string {
  return join(SHARED, ...parts);
}

/** True if the real data is beside the project. Under `CI=true` its absence is an error, so that nothing passes unseen. */
export function hasShared(): boolean {
  if (existsSync(SHARED)) return true;
  if (process.env.CI === "true") throw new Error(`real data is missing: ${SHARED}`);
  return false;
}

/** A `describe` over real data: skipped with a printed reason where there is none, an error under `CI=true`. */
export function describeShared(name: string, fn: () => void): void {
  if (hasShared()) {
    describe(name, fn);
    return;
  }
  console.warn(`skipped: ${name}: the real data in ../shared is absent`);
  describe.skip(`${name} (skipped: ../shared is absent)`, fn);
}

/** Paths of the real QVD files, or `undefined` where they are absent; then the reason is printed. */
export function realQvdFiles(): readonly string[] | undefined {
  if (!hasShared()) {
    console.warn("skipped: the real data in ../shared is absent");
    return undefined;
  }
  const folder = sharedPath("data", "qvd");
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.qvd$/i.test(name))
    .sort()
    .map((name) => join(folder, name));
}
