import { existsSync } from "node:fs";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildApp } from "../../src/engine/app-build.ts";
import { digestApp, digestFile } from "../../src/engine/app-digest.ts";
import { extractApp, partsFromFolder } from "../../src/engine/app-files.ts";
import { associationGraph } from "../../src/engine/app-graph.ts";
import { salvageApp } from "../../src/engine/app-salvage.ts";
import { appParts, dropObject, editAppTables, newAppParts } from "../../src/engine/app-write.ts";
import { inspectApp } from "../../src/engine/inspect-app.ts";
import { openTable } from "../../src/engine/open-table.ts";
import { openQvfApp, scriptDigest, scriptOrCopy, tablesFor } from "../../src/engine/qvf-app.ts";
import { replaceScript } from "../../src/engine/script-edit.ts";
import { verify } from "../../src/engine/verify.ts";
import { countingSource } from "../../src/source/counting.ts";
import { memorySource } from "../../src/source/memory.ts";
import { AS_ADMIN_NOTE } from "../../src/table/admin-note.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { appTable } from "../../src/table/qvf-draft.ts";
import { keptTable } from "../../src/table/qvf-edit.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { failure } from "../helpers/errors.ts";
import { openBytes, realBytes, undamaged, writtenBytes } from "../helpers/qvf.ts";
import { goodImage, withoutStream } from "../helpers/qvf-image.ts";
import { describeShared } from "../helpers/shared.ts";
import { qvdOf } from "../helpers/tables.ts";
import { temporaryFolders } from "../helpers/temp.ts";

const ADMIN = { asAdmin: true };

describe("an app", () => {
  const folder = temporaryFolders();

  it("hands its tables out to administrators only, if it has section access", async () => {
    const app = await openBytes(await goodImage());
    const error = await failure("APP_ACCESS", () => tablesFor(app, { asAdmin: false }));
    expect(error.hint).toContain("--as-admin");
    expect((await tablesFor(app, ADMIN)).asAdmin).toBe(true);
    const parts = await newAppParts({ title: "T", script: "", tables: [], access: [] });
    const open = await openBytes(await writtenBytes(parts));
    expect((await tablesFor(open, { asAdmin: false })).asAdmin).toBe(false);
  });

  it("hands them out to administrators only, if it says that it has section access and has lost it", async () => {
    const app = await openBytes(await withoutStream("qvapp_qaccess"));
    const error = await failure("APP_ACCESS", () => tablesFor(app, { asAdmin: false }));
    expect(error.message).toContain("it is gone from the file");
    const { tables, asAdmin } = await tablesFor(app, ADMIN);
    expect([asAdmin, tables[0]!.comment]).toEqual([true, AS_ADMIN_NOTE]);
    // Each of the names that Qlik's engines have for it; without either nothing was lost.
    for (const name of ["hassectionaccess", "qHasSectionAccess"]) {
      const says = { ...app, properties: async () => ({ [name]: true }) };
      await failure("APP_ACCESS", () => tablesFor(says, { asAdmin: false }));
      const denies = { ...app, properties: async () => ({ [name]: false }) };
      expect((await tablesFor(denies, { asAdmin: false })).asAdmin, name).toBe(false);
    }
  });

  it("has a star as a listed text, a NULL as NULL, and no pseudo symbol", async () => {
    const [access] = (await (await openBytes(await goodImage())).model()).sectionAccess;
    expect(await readRows(access!)).toEqual([
      ["ADMIN", "A", "*"],
      ["USER", "B", "NAME 1"],
      ["USER", "C", null],
    ]);
    expect(access!.fields.map((field) => field.symbolCount)).toEqual([3, 4, 2]);
  });

  it("changes its script and nothing else", async () => {
    const app = await openBytes(await goodImage());
    const bytes = await writtenBytes((await replaceScript(await appParts(app), "LOAD 2;")).parts);
    const changed = await openBytes(bytes);
    expect(await changed.script()).toBe("LOAD 2;");
    expect({ ...(await digestApp(changed)), scriptSha256: "" }).toEqual({
      ...(await digestApp(app)),
      scriptSha256: "",
    });
    expect(await scriptDigest(changed)).not.toBe(await scriptDigest(app));
    expect((await verify(memorySource(bytes))).findings).toEqual([]);
  });

  it("drops an object, and only an object", async () => {
    const app = await openBytes(await goodImage());
    const parts = await appParts(app);
    const left = await openBytes(await writtenBytes(dropObject(parts, "media/a.png")));
    expect(left.objects.map((object) => object.path)).toEqual(
      app.objects.map((object) => object.path).filter((path) => path !== "media/a.png"),
    );
    for (const path of ["media", "data/field_0", "qvapp_appscript", "nothing"]) {
      await failure("QVF_NO_ENTRY", () => dropObject(parts, path));
    }
  });

  it("replaces a table, drops a table, and forgets the symbols that are gone", async () => {
    const app = await openBytes(await goodImage());
    const parts = await appParts(app);
    const keys = await appTable(
      memoryTable(
        "Keys",
        ["Key", "Name"],
        [
          [3, 99],
          ["three", "other"],
        ],
      ),
    );
    const edited = await editAppTables(app, parts, async (table) => (table.name === "Keys" ? keys : keptTable(table)));
    const model = await (await openBytes(await writtenBytes(edited))).model();
    expect(await readRows(model.tables[1]!)).toEqual([
      [3, "three"],
      [99, "other"],
    ]);
    expect(model.fields.find((field) => field.name === "Key")!.symbolCount).toBe(8);
    const dropped = await editAppTables(app, parts, async (table) =>
      table.name === "Facts" ? undefined : keptTable(table),
    );
    const bytes = await writtenBytes(dropped);
    const left = await openBytes(bytes);
    const names = (await left.model()).header.fields;
    expect(names.filter((name) => !name.startsWith("$"))).toEqual(["Key", "Name"]);
    expect(left.container.entry("data/table_3")).toBeDefined();
    expect(left.container.entry("data/table_4")).toBeUndefined();
    expect(left.container.entry("data/field_8")).toBeUndefined();
    expect((await verify(memorySource(bytes))).findings).toEqual([]);
  });

  it("without a script says so", async () => {
    const app = await openBytes(await withoutStream("qvapp_appscript"));
    await failure("APP_NO_SCRIPT", () => app.script());
    expect(await scriptDigest(app)).toBeNull();
    expect((await inspectApp(memorySource(await withoutStream("qvapp_appscript")))).hasScript).toBe(false);
  });

  it("is inspected without inflating a table or a field", async () => {
    const rows = Array.from({ length: 50_000 }, (_, row) => row);
    const wide = memoryTable(
      "Wide",
      ["A", "B"],
      [rows.map((row) => (row * 7919) % 50_021), rows.map((row) => `text ${row}`)],
    );
    const parts = await newAppParts({ title: "Big", script: "", tables: [await appTable(wide)], access: [] });
    const source = countingSource(memorySource(await writtenBytes(parts)));
    const found = await inspectApp(source);
    expect(found).toMatchObject({ title: "Big", hasScript: true, hasSectionAccess: false, encryptedByQlik: false });
    expect(found.tables[0]).toEqual({ name: "Wide", rows: 50_000, fields: ["A", "B"], kind: "table" });
    expect(source.count.bytes).toBeLessThan(64 * 1024);
    expect(source.size).toBeGreaterThan(256 * 1024);
  });

  it("lists its association graph", async () => {
    const graph = associationGraph(await inspectApp(memorySource(await goodImage())));
    expect(graph.tables.map((table) => [table.name, table.rows, table.keys])).toEqual([
      ["Facts", 20, ["Key"]],
      ["Keys", 7, ["Key"]],
    ]);
    expect(graph.edges).toEqual([{ from: 0, to: 1, fields: ["Key"] }]);
  });

  it("that was cut keeps its script", async () => {
    const bytes = (await goodImage()).slice(0, -50);
    const source = memorySource(bytes);
    await failure("QVF_HEADER", () => openQvfApp(source));
    const salvaged = await salvageApp(source);
    expect(salvaged.script()).toBe("LOAD 1;\r\n".repeat(20));
    const nothing = await salvageApp(memorySource(new Uint8Array(5000)));
    await failure("APP_NO_SCRIPT", async () => nothing.script());
    const to = join(await folder(), "none");
    await failure("CONTAINER_UNKNOWN", () => nothing.saveTo(to));
    expect(existsSync(to)).toBe(false);
  });
});

describe("an app in a folder", () => {
  const folder = temporaryFolders();

  it("is put back byte for byte, and with a new script if that was changed", async () => {
    const to = join(await folder(), "app");
    const image = await goodImage();
    const app = await openBytes(image);
    await failure("APP_ACCESS", () => extractApp(app, to, { asAdmin: false }));
    expect(await extractApp(app, to, ADMIN)).toEqual({
      streams: app.container.entries.filter((entry) => !entry.isDirectory).length,
      asAdmin: true,
    });
    await failure("SINK_EXISTS", () => extractApp(app, to, ADMIN));
    const manifest: unknown = JSON.parse(await readFile(join(to, "manifest.json"), "utf8"));
    expect(manifest).toMatchObject({ kind: "qvault-app", asAdmin: true, script: "script.qvs" });
    const back = await writtenBytes(await partsFromFolder(to, manifest));
    const same = await openBytes(back);
    for (const entry of app.container.entries) {
      if (entry.isDirectory) continue;
      expect(same.container.entry(entry.path)!.meta).toEqual(entry.meta);
      const before = await app.container.read(entry.path);
      // The script of the fixture was deflated by pako, as all is here.
      expect(await same.container.read(entry.path)).toEqual(before);
    }
    await writeFile(join(to, "script.qvs"), "LOAD 3;");
    const built = await buildApp(join(to, "manifest.json"));
    expect(await (await openBytes(await writtenBytes(built.parts))).script()).toBe("LOAD 3;");
  });

  it("keeps names apart that a file system would not, and stays in the folder", async () => {
    const to = join(await folder(), "app");
    const parts = await newAppParts({ title: "T", script: "", tables: [], access: [] });
    const script = parts.find((part) => part.path === "qvapp_appscript")!;
    const long = [`${"é?".repeat(200)}1`, `${"é?".repeat(200)}2`, `${"é".repeat(126)}.png`];
    const odd = ["AbC", "aBc", "con", "a:b?", ".hidden", "trailing.", "ä\u202eb", ...long].map((path) => ({
      ...script,
      path,
    }));
    const app = await openBytes(await writtenBytes([...parts, ...odd]));
    await extractApp(app, to, { asAdmin: false });
    const manifest = JSON.parse(await readFile(join(to, "manifest.json"), "utf8")) as { streams: { file?: string }[] };
    const files = manifest.streams.flatMap(({ file }) => (file === undefined ? [] : [file.toLowerCase()]));
    expect(new Set(files).size).toBe(files.length);
    const again = await openBytes(await writtenBytes(await partsFromFolder(to, manifest)));
    expect(again.container.entries.map((entry) => entry.path)).toEqual(
      app.container.entries.map((entry) => entry.path),
    );
    manifest.streams[0]!.file = "../elsewhere.bin";
    await failure("APP_MANIFEST", () => partsFromFolder(to, manifest));
    await failure("APP_MANIFEST", () => partsFromFolder(to, { kind: "qvault-app", version: 2, streams: [] }));
  });

  it("is not made of what links lead to outside the folder, of devices, or of one file again and again", async () => {
    const top = await folder();
    const to = join(top, "app");
    await mkdir(to);
    await writeFile(join(top, "private"), "hush");
    await writeFile(join(to, "..ours"), "ours");
    const manifestOf = (...files: readonly string[]) => ({
      kind: "qvault-app",
      version: 1,
      asAdmin: false,
      streams: files.map((file, k) => ({ path: `s${k}`, file, format: "raw", time: 1, meta: "{}" })),
    });
    for (const [name, target] of [
      ["file", join(top, "private")],
      ["device", "/dev/zero"],
      ["up", ".."],
      ["inside", "..ours"],
    ] as const)
      await symlink(target, join(to, name));
    for (const file of ["file", "device", "up", "up/private"])
      expect((await failure("APP_MANIFEST", () => partsFromFolder(to, manifestOf(file)))).message).toContain("outside");
    await failure("SOURCE_NOT_FOUND", () => partsFromFolder(to, manifestOf(".")));
    await failure("APP_MANIFEST", () => partsFromFolder(to, manifestOf("..ours", "..ours")));
    expect(await partsFromFolder(to, manifestOf("..ours", "inside"))).toHaveLength(2);
  });
});

describe("an app built from a manifest", () => {
  const folder = temporaryFolders();

  it("has the tables of QVD, CSV and rows, a script from a file, and section access in upper case", async () => {
    const at = await folder();
    const fields = [{ name: "Region" }, { name: "Amount" }];
    await writeFile(
      join(at, "facts.qvd"),
      await qvdOf({
        name: "Q",
        fields,
        columns: [
          ["N", "S"],
          [1.5, null],
        ],
      }),
    );
    await writeFile(join(at, "costs.csv"), "Region,Cost\nN,10\nS,\n");
    await writeFile(join(at, "load.qvs"), "LOAD *;");
    await writeFile(
      join(at, "m.json"),
      JSON.stringify({
        title: "Built",
        script: "load.qvs",
        tables: [
          { name: "Facts", file: "facts.qvd" },
          { file: "costs.csv" },
          { name: "Dates", fields: ["Day"], rows: [[{ number: 36526, text: "2000-01-01" }], [null]] },
        ],
        sectionAccess: [{ name: "sa", fields: ["access", "userid", "region"], rows: [["admin", "*", ""]] }],
      }),
    );
    const built = await buildApp(join(at, "m.json"));
    const bytes = await writtenBytes(built.parts);
    await built.close();
    expect(built.notes).toEqual([]);
    const app = await openBytes(bytes);
    const { tables, sectionAccess } = await app.model();
    const users = tables.filter((table) => !table.isSystem);
    expect(users.map((table) => table.name)).toEqual(["Facts", "costs", "Dates"]);
    expect(await Promise.all(users.map((table) => readRows(table)))).toEqual([
      [
        ["N", 1.5],
        ["S", null],
      ],
      [
        ["N", 10],
        ["S", ""],
      ],
      [[{ number: 36526, text: "2000-01-01" }], [null]],
    ]);
    expect(sectionAccess[0]!.fields.map((field) => field.name)).toEqual(["ACCESS", "USERID", "REGION"]);
    expect(await readRows(sectionAccess[0]!)).toEqual([["ADMIN", "*", ""]]);
    expect(await app.script()).toBe("LOAD *;");
    expect((await app.properties()).qTitle).toBe("Built");
  });

  it("says where Qlik would make a synthetic key", async () => {
    const at = join(await folder(), "m.json");
    const table = (name: string) => ({ name, fields: ["A", "B"], rows: [[1, 2]] });
    await writeFile(at, JSON.stringify({ title: "T", tables: [table("X"), table("Y")] }));
    expect((await buildApp(at)).notes).toEqual([expect.stringContaining('"A", "B"')]);
  });

  it.each([
    ["{", "not JSON"],
    ["[]", "no object"],
    ['{"tables":[]}', "title"],
    ['{"title":"T"}', "tables"],
    ['{"title":"T","tables":[],"tabels":1}', "tabels"],
    ['{"title":"T","tables":[1]}', "no object"],
    ['{"title":"T","tables":[{"file":1}]}', "file"],
    ['{"title":"T","tables":[{"name":"X"}]}', "fields"],
    ['{"title":"T","tables":[{"fields":[],"rows":[]}]}', "without a name"],
    ['{"title":"T","tables":[{"name":"X","fields":["A"],"rows":[[1,2]]}]}', "one cell"],
    ['{"title":"T","tables":[{"name":"X","fields":["A"],"rows":[[true]]}]}', "one cell"],
    ['{"title":"T","tables":[{"name":"$Syn 1","fields":["A"],"rows":[]}]}', "name of a table"],
    ['{"title":"T","tables":[{"name":"X","fields":[],"rows":[]},{"name":"X","fields":[],"rows":[]}]}', "two tables"],
    ['{"title":"T","tables":[],"sectionAccess":{}}', "sectionAccess"],
    ['{"title":"T","tables":[],"script":"a","scriptText":"b"}', "scriptText"],
  ])("refuses %s", async (text, why) => {
    const at = join(await folder(), "m.json");
    await writeFile(at, text);
    expect((await failure("APP_MANIFEST", () => buildApp(at))).message).toContain(why);
  });

  it("refuses a manifest, a script or a table that is not there, and a field that comes twice", async () => {
    const at = join(await folder(), "m.json");
    await failure("SOURCE_NOT_FOUND", () => buildApp(at));
    await writeFile(at, '{"title":"T","script":"no.qvs","tables":[]}');
    await failure("SOURCE_NOT_FOUND", () => buildApp(at));
    await writeFile(at, '{"title":"T","tables":[{"file":"no.qvd"}]}');
    await failure("SOURCE_NOT_FOUND", () => buildApp(at));
    await writeFile(at, '{"title":"T","tables":[{"name":"X","fields":["A","A"],"rows":[]}]}');
    await failure("QVF_VALUE", () => buildApp(at));
  });
});

describe("notes on an app that is built", () => {
  const folder = temporaryFolders();

  it("name pairs of tables that have several fields in common, and not each of a hundred thousand", async () => {
    const at = join(await folder(), "m.json");
    const notesOf = async (count: number, fields: readonly string[]) => {
      const tables = Array.from({ length: count }, (_, t) => ({ name: `T${t}`, fields, rows: [] }));
      await writeFile(at, JSON.stringify({ title: "T", tables }));
      const built = await buildApp(at);
      await built.close();
      return built.notes;
    };
    expect(await notesOf(2, ["A", "B"])).toEqual([
      'tables "T0" and "T1" have 2 fields in common ("A", "B"): no synthetic key is made',
    ]);
    expect((await notesOf(500, ["A", "B"])).length).toBe(21);
    const [note] = await notesOf(
      2,
      Array.from({ length: 99 }, (_, k) => `F${k}`),
    );
    expect(note).toMatch(/have 99 fields in common \("F0", .*"F7", …\)/);
  });
});

describe("one table of any file", () => {
  const folder = temporaryFolders();

  it("is the one named, or the only one, and says so if it was read as an administrator", async () => {
    const at = await folder();
    await writeFile(join(at, "a.qvf"), await goodImage());
    await writeFile(join(at, "b.qvd"), await qvdOf({ name: "B", fields: [{ name: "F" }], columns: [[1]] }));
    const opened = await openTable(join(at, "a.qvf"), { table: "Keys", asAdmin: true });
    expect(opened.table.rows).toBe(7);
    expect(opened.table.comment).toContain("administrator");
    await opened.close();
    await failure("APP_ACCESS", () => openTable(join(at, "a.qvf"), { table: "Keys" }));
    const which = await failure("APP_NO_TABLE", () => openTable(join(at, "a.qvf"), { asAdmin: true }));
    expect(which.hint).toContain("Facts, Keys");
    await failure("APP_NO_TABLE", () => openTable(join(at, "a.qvf"), { table: "keys", asAdmin: true }));
    const qvd = await openTable(join(at, "b.qvd"));
    expect([qvd.table.name, qvd.asAdmin]).toEqual(["B", false]);
    await qvd.close();
    await failure("APP_NO_TABLE", () => openTable(join(at, "b.qvd"), { table: "C" }));
    expect(Object.keys(await digestFile(memorySource(await goodImage())))).toEqual([
      "tables",
      "sectionAccess",
      "scriptSha256",
    ]);
  });
});

describeShared("real apps", () => {
  const folder = temporaryFolders();
  const real = (name: string) => realBytes(undamaged().find(({ file }) => file.includes(name))!);

  it("list sheets, stories, measures and images with their titles", async () => {
    const { objects } = await openBytes(real("iris.qvf"));
    const kinds = new Map(objects.map((object) => [object.kind, object]));
    expect(kinds.get("sheet")!.title).toBe("Iris species analysis");
    expect(kinds.get("story")!.title).toBe("My new story");
    expect(kinds.get("media")!.path).toBe("media/Iris.jpg");
    expect(
      (await openBytes(real("SimpleGauge"))).objects.filter(({ kind }) => kind === "measure").length,
    ).toBeGreaterThan(5);
  });

  it("are inspected from a small part of the file", async () => {
    for (const line of undamaged()) {
      const source = countingSource(memorySource(realBytes(line)));
      const found = await inspectApp(source);
      expect(found.tables.map((table) => [table.name, table.rows])).toEqual(
        line.tables!.map((table) => [table.name, table.rows]),
      );
      expect(found.hasSectionAccess).toBe(line.sectionAccess!.length > 0);
    }
  });

  it("without a script stream have a copy of the script elsewhere", async () => {
    const copy = await scriptOrCopy(await openBytes(real("CitasMedicas")));
    expect(copy.isCopy).toBe(true);
    expect(copy.text).toMatch(/^\/\/\/\$tab [\s\S]*\);\r\n$/);
    expect((await scriptOrCopy(await openBytes(real("iris.qvf")))).isCopy).toBe(false);
  });

  it("come back from a folder with every stream as it was", async () => {
    for (const name of ["iris.qvf", "CitasMedicas", "Les Mis"]) {
      const to = join(await folder(), "app");
      const app = await openBytes(real(name));
      await extractApp(app, to, ADMIN);
      const parts = await partsFromFolder(to, JSON.parse(await readFile(join(to, "manifest.json"), "utf8")));
      const before = await appParts(app);
      expect(parts.map((part) => part.path)).toEqual(before.map((part) => part.path));
      for (const [i, part] of parts.entries()) {
        expect(part.meta).toEqual(before[i]!.meta);
        if (!part.isDirectory) expect(await part.read(), part.path).toEqual(await before[i]!.read());
      }
    }
  });
});
