import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCli } from "../helpers/cli.ts";
import { damaged, undamaged } from "../helpers/qvf.ts";
import { goodImage, withStream } from "../helpers/qvf-image.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { temporaryFolders } from "../helpers/temp.ts";

const temporaryFolder = temporaryFolders();
const NOTE = "read as an administrator: the app's section access was not applied";

async function goodFile(): Promise<{ readonly folder: string; readonly file: string }> {
  const folder = await temporaryFolder();
  const file = join(folder, "good.qvf");
  await writeFile(file, await goodImage());
  return { folder, file };
}

describe("the commands of data files", () => {
  it("inspect, digest and verify serve apps", async () => {
    const { file } = await goodFile();
    const inspected = await runCli(["inspect", "--json", file]);
    expect(inspected.code).toBe(0);
    expect(JSON.parse(inspected.out)).toMatchObject({
      schemaVersion: 1,
      file,
      container: "qvf",
      title: "Good",
      hasScript: true,
      hasSectionAccess: true,
      objectCounts: { media: 1, script: 1 },
    });
    const digest = await runCli(["digest", "--ndjson", file]);
    expect(Object.keys(JSON.parse(digest.out) as object)).toEqual(["file", "tables", "sectionAccess", "scriptSha256"]);
    expect(digest.err).toContain(NOTE);
    expect((await runCli(["verify", file])).code).toBe(0);
  });

  it("verify finds damage, and counts that differ from qvapp_meta", async () => {
    const { folder } = await goodFile();
    const bad = join(folder, "bad.qvf");
    await writeFile(bad, await withStream("media/a.png", (bytes) => bytes.fill(0, 60, 70)));
    const broken = await runCli(["verify", bad]);
    expect([broken.code, broken.out]).toEqual([4, expect.stringContaining("QVF_DEFLATE media/a.png")]);
  });

  it("head and export take a table, of an app with section access only as an administrator", async () => {
    const { folder, file } = await goodFile();
    const denied = await runCli(["head", file, "--table", "Keys"]);
    expect([denied.code, denied.out]).toEqual([2, ""]);
    expect(denied.err).toContain("--as-admin");
    const head = await runCli(["head", "-n", "1", file, "--table", "Keys", "--as-admin"]);
    expect([head.code, head.out]).toEqual([0, expect.stringContaining("name 0")]);
    expect(head.err).toContain(NOTE);
    const qvd = join(folder, "keys.qvd");
    expect((await runCli(["export", file, "--table", "Keys", "--as-admin", "-o", qvd])).code).toBe(0);
    expect((await runCli(["inspect", qvd])).out).toContain(NOTE);
    expect((await runCli(["export", file, "--as-admin", "-o", join(folder, "x.csv")])).err).toContain("--table");
  });
});

describe("app", () => {
  it("script prints the script, and only the script", async () => {
    const { file } = await goodFile();
    expect(await runCli(["app", "script", file])).toMatchObject({ code: 0, out: "LOAD 1;\r\n".repeat(20), err: "" });
  });

  it("tables lists, draws and tells as JSON how tables are associated", async () => {
    const { folder, file } = await goodFile();
    const svg = join(folder, "g.svg");
    const { code, out } = await runCli(["app", "tables", file, "--svg", svg]);
    expect([code, out]).toEqual([0, expect.stringContaining("Facts -- Key -- Keys")]);
    expect(await readFile(svg, "utf8")).toMatch(/^<svg [\s\S]*Facts[\s\S]*<\/svg>\n$/);
    expect((await runCli(["app", "tables", file, "--svg", svg])).code).toBe(10);
    const json = JSON.parse((await runCli(["app", "tables", "--json", file])).out) as { edges: unknown };
    expect(json.edges).toEqual([{ from: 0, to: 1, fields: ["Key"] }]);
  });

  it("extract and build are inverse; build makes an app from a manifest", async () => {
    const { folder, file } = await goodFile();
    const to = join(folder, "parts");
    expect((await runCli(["app", "extract", file, "-o", to])).code).toBe(2);
    expect((await runCli(["app", "extract", file, "-o", to, "--as-admin"])).err).toContain(NOTE);
    const again = join(folder, "again.qvf");
    expect((await runCli(["app", "build", join(to, "manifest.json"), "-o", again])).code).toBe(0);
    expect(new Uint8Array(await readFile(again))).toEqual(await goodImage());
    expect((await runCli(["app", "build", join(to, "manifest.json"), "-o", again])).code).toBe(10);
    const manifest = join(folder, "m.json");
    const tables = [{ name: "T", fields: ["A"], rows: [["a"]] }];
    await writeFile(manifest, JSON.stringify({ title: "New", tables }));
    expect((await runCli(["app", "build", manifest, "-o", again, "--force"])).code).toBe(0);
    expect((await runCli(["head", again])).out).toBe("A\na\n");
    await writeFile(manifest, "{}");
    expect((await runCli(["app", "build", manifest, "-o", again, "--force"])).code).toBe(2);
  });

  it("says what is not promised", async () => {
    const help = (await runCli(["app", "--help"])).out;
    expect(help).toContain("none was ever opened in Qlik");
    expect(help).toContain("carried and not understood");
    expect(help).toContain("encrypted are refused");
  });
});

describeShared("real apps", () => {
  it("digest --ndjson gives the lines of the independent reader, damaged files among them", async () => {
    const lines = [...undamaged().slice(0, 4), ...damaged()];
    const { code, out } = await runCli(["digest", "--ndjson", ...lines.map(({ file }) => sharedPath("data", file))]);
    expect(code).toBe(9);
    const found = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { error?: true });
    found.forEach((line, i) => {
      const { file: _, ...expected } = lines[i]!;
      expect(line).toMatchObject(lines[i]!.error ? { error: true, code: "QVF_CONVERTED" } : expected);
    });
  });

  it.each(damaged())("$file: exit 4 with a hint, and --salvage gets the script", async ({ file }) => {
    const path = sharedPath("data", file);
    const refused = await runCli(["app", "script", path]);
    expect([refused.code, refused.out]).toEqual([4, ""]);
    expect(refused.err).toContain("--salvage");
    const salvaged = await runCli(["app", "script", "--salvage", path]);
    expect([salvaged.code, salvaged.out]).toEqual([0, expect.stringMatching(/^\/\/\/\$tab Init/)]);
    const folder = join(await temporaryFolder(), "out");
    expect((await runCli(["app", "extract", "--salvage", path, "-o", folder])).err).toMatch(/\d+ streams survived/);
  });
});
