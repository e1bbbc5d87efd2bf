import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { qvault } from "../helpers/command.ts";
import { temporaryFolders } from "../helpers/temp.ts";

const folders = temporaryFolders();

/** What the command loads, as V8 tells it. */
async function loadedBy(...args: readonly string[]): Promise<readonly string[]> {
  const folder = await folders();
  await qvault(args, { env: { NODE_V8_COVERAGE: folder } });
  const report = readFileSync(join(folder, readdirSync(folder)[0]!), "utf8");
  return (JSON.parse(report) as { result: { url: string }[] }).result.map(({ url }) => url);
}

describe("starting the program", () => {
  it("loads no cryptography where nothing is sealed, and no command for its version", async () => {
    const version = await loadedBy("--version");
    expect(version.filter((url) => /\/(cli\/commands|container|seal|keys)\//.test(url))).toEqual([]);
    const inspect = await loadedBy("inspect", "missing.qvd");
    expect(inspect.filter((url) => url.includes("/cli/commands/"))).toHaveLength(1);
    expect(inspect.filter((url) => url.includes("@peculiar"))).toEqual([]);
  });
});
