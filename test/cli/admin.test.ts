import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tableFromIPC } from "apache-arrow";
import { parquetMetadataAsync } from "hyparquet";
import { describe, expect, it } from "vitest";
import { runCli } from "../helpers/cli.ts";
import { goodImage } from "../helpers/qvf-image.ts";
import { temporaryFolders } from "../helpers/temp.ts";

const folders = temporaryFolders();
const NOTE = "read as an administrator: the app's section access was not applied";

/** A folder with an app that has section access, and a command line that must end well. */
async function scene() {
  const folder = await folders();
  const app = join(folder, "good.qvf");
  await writeFile(app, await goodImage());
  const at = (name: string) => join(folder, name);
  const run = async (...args: string[]) => {
    const result = await runCli(args);
    expect(result.code, result.err).toBe(0);
    return result;
  };
  return { folder, app, at, run };
}

async function inspected(file: string): Promise<unknown> {
  return JSON.parse((await runCli(["inspect", "--json", file])).out);
}

describe("what an administrator reads", () => {
  it("says so in every format, and so does what is made of it", async () => {
    const { app, at, run } = await scene();
    for (const ending of ["qvd", "json", "parquet", "arrow", "csv", "ndjson"]) {
      const first = await run("export", app, "--table", "Keys", "--as-admin", "-o", at(`a.${ending}`));
      expect(first.err).toContain(NOTE);
    }
    expect(await inspected(at("a.qvd"))).toMatchObject({ asAdmin: true, tables: [{ comment: NOTE }] });
    expect(JSON.parse(await readFile(at("a.json"), "utf8"))).toMatchObject({ table: "Keys", asAdmin: true });
    const parquet = await readFile(at("a.parquet"));
    expect((await parquetMetadataAsync(new Uint8Array(parquet).buffer)).key_value_metadata).toEqual([
      { key: "qvault.asAdmin", value: NOTE },
    ]);
    expect([...tableFromIPC(await readFile(at("a.arrow"))).schema.metadata]).toEqual([["qvault.asAdmin", NOTE]]);
    for (const ending of ["csv", "ndjson"]) {
      const record = JSON.parse(await readFile(at(`a.${ending}-metadata.json`), "utf8")) as object;
      expect(record).toMatchObject({ url: `a.${ending}`, "dc:provenance": NOTE });
    }
    for (const ending of ["json", "parquet", "csv", "ndjson"]) {
      await run("import", at(`a.${ending}`), "-o", at(`back-${ending}.qvd`));
      expect(await inspected(at(`back-${ending}.qvd`)), ending).toMatchObject({ asAdmin: true });
    }
    const again = await run("export", at("back-csv.qvd"), "-o", at("b.csv"), "--rows", "0..1");
    expect(again.err).toContain(NOTE);
    expect(existsSync(at("b.csv-metadata.json"))).toBe(true);
    await run("export", at("a.qvd"), "-o", at("part.qvd"), "--fields", "Name");
    expect(await inspected(at("part.qvd"))).toMatchObject({ asAdmin: true });
  });

  it("says so in the apps that are made of it, and in what is read of those", async () => {
    const { app, at, run } = await scene();
    await run("export", app, "--table", "Keys", "--as-admin", "-o", at("keys.csv"));
    await writeFile(at("m.json"), JSON.stringify({ title: "New", tables: [{ file: "keys.csv" }] }));
    await run("app", "build", at("m.json"), "-o", at("new.qvf"));
    expect(await inspected(at("new.qvf"))).toMatchObject({ asAdmin: true, hasSectionAccess: false });
    expect((await run("inspect", at("new.qvf"))).out).toContain(NOTE);
    const head = await run("head", at("new.qvf"));
    expect([head.out, head.err]).toEqual([expect.stringContaining(NOTE), expect.stringContaining(NOTE)]);
    await run("reduce", at("new.qvf"), "--user", "ANY", "-o", at("reduced.qvf"));
    expect(await inspected(at("reduced.qvf"))).toMatchObject({ asAdmin: true });
    await run("reduce", at("new.qvf"), "--user", "ANY", "-o", at("reduced.qvd"));
    expect(await inspected(at("reduced.qvd"))).toMatchObject({ asAdmin: true });
    const svg = await run("app", "tables", at("new.qvf"), "--svg", "-");
    expect(svg.out).toContain(`<desc>${NOTE}</desc>`);
  });

  it("says so in a sealed file, with a key or without", async () => {
    const { app, at, run } = await scene();
    await run("export", app, "--table", "Keys", "--as-admin", "-o", at("keys.qvd"));
    await run("keys", "generate", at("k"), "--type", "p256", "--name", "K");
    await run("encrypt", at("keys.qvd"), "-o", at("sealed.qvd"), "--fields", "Name", "--to", at("k.crt"));
    expect(await inspected(at("sealed.qvd"))).toMatchObject({ asAdmin: true });
    await run("decrypt", at("sealed.qvd"), "-o", at("open.qvd"), "--key", at("k.key"));
    expect(new Uint8Array(await readFile(at("open.qvd")))).toEqual(new Uint8Array(await readFile(at("keys.qvd"))));
  });

  it("leaves no record of a user's reduction, nor of an app without section access", async () => {
    const { app, at, run } = await scene();
    await run("reduce", app, "--user", "B", "-o", at("b.qvf"));
    expect(await inspected(at("b.qvf"))).not.toHaveProperty("asAdmin");
    await run("export", at("b.qvf"), "--table", "Keys", "-o", at("b.csv"));
    expect(existsSync(at("b.csv-metadata.json"))).toBe(false);
  });

  it("has its record before its rows, and loses it with them only", async () => {
    const { app, at, run } = await scene();
    const csv = ["export", app, "--table", "Keys", "--as-admin", "-o", at("a.csv")];
    await writeFile(at("a.csv-metadata.json"), "{}");
    for (const more of [[], ["--force"]]) {
      expect((await runCli([...csv, ...more])).code).toBe(10);
      expect(existsSync(at("a.csv"))).toBe(false);
    }
    expect(await readFile(at("a.csv-metadata.json"), "utf8")).toBe("{}");
    await rm(at("a.csv-metadata.json"));
    expect((await runCli([...csv, "--fields", "None"])).code).toBe(2);
    expect(existsSync(at("a.csv-metadata.json"))).toBe(false);
    await run(...csv);
    // A failed second export leaves rows and record.
    expect((await runCli(csv)).code).toBe(10);
    expect(existsSync(at("a.csv-metadata.json"))).toBe(true);
    await run("reduce", app, "--user", "B", "-o", at("b.qvf"));
    await run("export", at("b.qvf"), "--table", "Keys", "-o", at("a.csv"), "--force");
    expect(existsSync(at("a.csv-metadata.json"))).toBe(false);
  });

  it("on standard output says where it has no record", async () => {
    const { app, run } = await scene();
    const args = ["export", app, "--table", "Keys", "--as-admin", "-o", "-", "--to"];
    expect((await run(...args, "csv")).err).toContain(`${NOTE}; nothing in this output says so`);
    const json = await run(...args, "json");
    expect(json.err).not.toContain("nothing in this output");
    expect(json.out).toContain('"asAdmin":true');
    const help = (await runCli(["export", "--help"])).out;
    for (const words of ["OUT-metadata.json", "comment of a QVD", "standard output they carry no record"]) {
      expect(help).toContain(words);
    }
  });

  it("stays with an extracted app that is put back without its section access", async () => {
    const { app, at, run } = await scene();
    await run("app", "extract", app, "-o", at("parts"), "--as-admin");
    await run("app", "build", at("parts"), "-o", at("whole.qvf"));
    expect(new Uint8Array(await readFile(at("whole.qvf")))).toEqual(await goodImage());
    const manifest = JSON.parse(await readFile(at("parts/manifest.json"), "utf8")) as { streams: { path: string }[] };
    manifest.streams = manifest.streams.filter(({ path }) => path !== "qvapp_qaccess");
    await writeFile(at("parts/manifest.json"), JSON.stringify(manifest));
    await run("app", "build", at("parts/manifest.json"), "-o", at("open.qvf"));
    const lost = { asAdmin: true, hasSectionAccess: false, lostSectionAccess: true };
    expect(await inspected(at("open.qvf"))).toMatchObject(lost);
    expect((await run("head", at("open.qvf"), "--table", "Keys", "--as-admin")).err).toContain(NOTE);
  });

  it("is for an administrator alone where the app says that it has section access and it is gone", async () => {
    const { app, at, run } = await scene();
    expect(await inspected(app)).not.toHaveProperty("lostSectionAccess");
    await run("app", "extract", app, "-o", at("parts"), "--as-admin");
    const manifest = JSON.parse(await readFile(at("parts/manifest.json"), "utf8")) as { streams: { path: string }[] };
    manifest.streams = manifest.streams.filter(({ path }) => path !== "qvapp_qaccess");
    await writeFile(at("parts/manifest.json"), JSON.stringify(manifest));
    await run("app", "build", at("parts/manifest.json"), "-o", at("open.qvf"));
    expect((await run("inspect", at("open.qvf"))).out).toContain("ITS SECTION ACCESS IS GONE");
    for (const args of [
      ["head", at("open.qvf"), "--table", "Keys"],
      ["export", at("open.qvf"), "--table", "Keys", "-o", at("keys.csv")],
      ["app", "extract", at("open.qvf"), "-o", at("again")],
      ["reduce", at("open.qvf"), "--user", "ANY", "-o", at("reduced.qvf")],
      ["access", "explain", at("open.qvf"), "--user", "ANY"],
      ["access", "matrix", at("open.qvf")],
    ]) {
      const refused = await runCli(args);
      expect([refused.code, refused.out], args.join(" ")).toEqual([2, ""]);
      expect(refused.err, args.join(" ")).toMatch(/it is gone from the file \(APP_ACCESS\)/);
    }
    for (const name of ["keys.csv", "again", "reduced.qvf"]) expect(existsSync(at(name)), name).toBe(false);
    await run("reduce", at("open.qvf"), "--user", "ANY", "-o", at("reduced.qvf"), "--no-access");
    await writeFile(
      at("rules.json"),
      JSON.stringify({ sectionAccess: { fields: ["ACCESS", "USERID"], rows: [["USER", "ANN"]] } }),
    );
    const denied = await runCli(["access", "explain", at("open.qvf"), "--user", "BOB", "--access", at("rules.json")]);
    expect(denied.out + denied.err).not.toContain("APP_ACCESS");
  });
});
