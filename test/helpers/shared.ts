import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Real files that the project reads where they are and never copies. */
const SHARED = fileURLToPath(new URL("../../../shared/data/", import.meta.url));

/**
 * Paths of the real QVD files, or `undefined` where they are absent; then the reason is printed, and under CI it is an
 * error.
 */
export function realQvdFiles(): readonly string[] | undefined {
  const folder = join(SHARED, "qvd");
  if (!existsSync(folder)) {
    if (process.env.CI === "true") throw new Error(`real data is missing under CI: ${folder}`);
    console.warn(`skipped: no real data at ${folder}`);
    return undefined;
  }
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.qvd$/i.test(name))
    .sort()
    .map((name) => join(folder, name));
}
