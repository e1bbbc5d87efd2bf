import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { concat } from "../../src/bytes/concat.ts";
import { encodeUtf8 } from "../../src/bytes/utf8.ts";
import { encodeFrame } from "../../src/container/qvf/frame.ts";
import { partsOf } from "../../src/container/qvf/parts.ts";
import { scriptCopies } from "../../src/engine/script-copy.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { runCli } from "../helpers/cli.ts";
import { openBytes, realBytes, undamaged, writtenBytes } from "../helpers/qvf.ts";
import { goodImage, goodParts } from "../helpers/qvf-image.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { qvdOf } from "../helpers/tables.ts";
import { temporaryFolders } from "../helpers/temp.ts";

const folders = temporaryFolders();

async function scene() {
  const folder = await folders();
  const at = (name: string) => join(folder, name);
  await writeFile(at("a.qvf"), await goodImage());
  await writeFile(at("new.qvs"), "LOAD 2;");
  return { at, edit: (...args: string[]) => runCli(["app", "edit", at("a.qvf"), ...args]) };
}

const bytesAt = async (path: string) => new Uint8Array(await readFile(path));

async function checked(path: string) {
  const verified = await runCli(["verify", path]);
  expect([verified.code, verified.out]).toEqual([0, `${path}: ok\n`]);
  return openBytes(await bytesAt(path));
}

describe("app edit", () => {
  it("replaces script and tables, keeps rows, drops objects, and leaves section access alone", async () => {
    const { at, edit } = await scene();
    const fields = [{ name: "Key" }, { name: "Name" }];
    const columns = [
      [3, 99],
      ["three", "other"],
    ];
    await writeFile(at("keys.qvd"), await qvdOf({ name: "Other", fields, columns }));
    const args = ["--script", at("new.qvs"), "--drop", "media/a.png", "--table", `Keys=${at("keys.qvd")}`];
    const { code, err } = await edit(...args, "--rows", "Facts=2..5", "-o", at("b.qvf"));
    expect([code, err]).toEqual([0, ""]);
    const app = await checked(at("b.qvf"));
    expect(await app.script()).toBe("LOAD 2;");
    expect(app.objects.map(({ path }) => path)).not.toContain("media/a.png");
    const { tables, sectionAccess } = await app.model();
    const users = tables.filter((table) => !table.isSystem);
    expect(await Promise.all(users.map((table) => readRows(table)))).toEqual([
      [
        [2, "cellmark 2", 0.35, "same"],
        [3, "cellmark 0", 0.475, "same"],
        [4, "cellmark 1", 0.6, "same"],
      ],
      [
        [3, "three"],
        [99, "other"],
      ],
    ]);
    expect(sectionAccess.map((table) => table.rows)).toEqual([3]);
    const whole = Buffer.from(await bytesAt(at("b.qvf"))).toString("latin1");
    expect(whole).not.toContain("LOAD 1;");
    const found = await runCli(["inspect", "--json", at("b.qvf")]);
    expect(JSON.parse(found.out)).toMatchObject({ hasSectionAccess: true, hasScript: true });
  });

  it("drops a table, and takes a CSV in the place of one", async () => {
    const { at, edit } = await scene();
    await writeFile(at("k=v.csv"), "Key,Name\n1,x\n");
    expect((await edit("--table", `"Keys"=${at("k=v.csv")}`, "--drop-table", "Facts", "-o", at("b.qvf"))).code).toBe(0);
    const { tables } = await (await checked(at("b.qvf"))).model();
    const users = tables.filter((table) => !table.isSystem);
    expect(users.map((table) => table.name)).toEqual(["Keys"]);
    expect(await readRows(users[0]!)).toEqual([[1, "x"]]);
  });

  it("refuses what it cannot do and leaves no output", async () => {
    const { at, edit } = await scene();
    const out = ["-o", at("b.qvf")];
    for (const [args, code, words] of [
      [[], 2, "nothing is to be changed"],
      [["--table", "Nope=x.qvd"], 2, "it has: Facts, Keys"],
      [["--table", "Keys=none.qvd"], 3, "none.qvd"],
      [["--table", "Keys"], 2, "NAME="],
      [["--table", "Keys=a.qvd", "--table", "Keys=b.qvd"], 2, "named twice"],
      [["--drop-table", "Keys", "--rows", "Keys=0..1"], 2, "named twice"],
      [["--rows", "Keys=5..100"], 2, "not within the 7 rows"],
      [["--rows", "Keys=five"], 2, "FROM..TO"],
      [["--drop", "qvapp_data"], 2, "could be dropped"],
      [["--script", at("none.qvs")], 3, "none.qvs"],
    ] as const) {
      const result = await edit(...args, ...out);
      expect([result.code, result.err], args.join(" ")).toEqual([code, expect.stringContaining(words)]);
    }
    await writeFile(at("latin.qvs"), Uint8Array.of(0xe4, 0x20));
    expect((await edit("--script", at("latin.qvs"), ...out)).code).toBe(4);
    await expect(readFile(at("b.qvf"))).rejects.toThrow();
    expect((await edit("--script", at("new.qvs"), ...out)).code).toBe(0);
    expect((await edit("--script", at("new.qvs"), ...out)).code).toBe(10);
    expect((await runCli(["app", "edit", at("none.qvf"), "--script", at("new.qvs"), ...out, "--force"])).code).toBe(3);
  });

  it("blanks out copies of the script in the property blob, and names objects that quote it", async () => {
    const { at } = await scene();
    const old = "///$tab Main\r\nLOAD Secret FROM [lib://old/place.qvd];\r\n///$tab More\r\nLOAD 7;";
    const text = encodeUtf8(old);
    const length = Uint8Array.of(0x80 | (text.length & 0x3f), text.length >> 6);
    const blob = concat([Uint8Array.of(1, 2, 3, 0), length, text, Uint8Array.of(0, 9, 9)]);
    expect(scriptCopies(blob)).toEqual([{ at: 6, length: text.length, text: old }]);
    const [first] = await goodParts();
    const stream = (path: string, bytes: Uint8Array) => ({
      ...first!,
      path,
      size: bytes.length,
      read: async () => bytes,
    });
    const model = encodeFrame(
      "gzjson",
      encodeUtf8(`${JSON.stringify({ s: "x LOAD Secret FROM [lib://old/place.qvd]; y" })}\0`),
    );
    const parts = [
      ...(await goodParts()),
      stream("qvapp_allproperties", encodeFrame("binary", blob)),
      stream("LoadModel", model),
    ];
    await writeFile(at("a.qvf"), await writtenBytes(parts));
    const { code, err } = await runCli(["app", "edit", at("a.qvf"), "--script", at("new.qvs"), "-o", at("b.qvf")]);
    expect([code, err]).toEqual([0, expect.stringContaining("quoted in LoadModel, which stay")]);
    const app = await openBytes(await bytesAt(at("b.qvf")));
    const blank = await app.content("qvapp_allproperties");
    expect(blank).toEqual(blob.slice().fill(0x20, 6, 6 + text.length));
    // The command to do it drops the object that quotes.
    const clean = await runCli([
      ...["app", "edit", at("a.qvf"), "--script", at("new.qvs"), "--drop", "LoadModel", "-o", at("c.qvf")],
    ]);
    expect([clean.code, clean.err]).toEqual([0, ""]);
  });
});

describeShared("real apps", () => {
  it("have their script copies whole, each with its length before it and a zero behind it", async () => {
    for (const line of undamaged()) {
      const app = await openBytes(realBytes(line));
      const blob = await app.content("qvapp_allproperties");
      const copies = scriptCopies(blob);
      expect(copies.length, line.file).toBeGreaterThan(0);
      const tabs = Buffer.from(blob).toString("latin1").split("///$tab").length - 1;
      const inside = copies.reduce((sum, { text }) => sum + text.split("///$tab").length - 1, 0);
      expect(inside, line.file).toBe(tabs);
    }
  });

  it("lose their old script wherever it stood when it is replaced, and keep every other stream", async () => {
    const at = await folders();
    await writeFile(join(at, "new.qvs"), "// nothing is loaded");
    for (const name of ["iris.qvf", "CitasMedicas", "apamo", "SimpleGauge", "corectl"]) {
      const { file } = undamaged().find((line) => line.file.includes(name))!;
      const out = join(at, "b.qvf");
      const edit = ["app", "edit", sharedPath("data", file), "--script", join(at, "new.qvs"), "-o", out, "--force"];
      const { code, err } = await runCli(edit);
      expect(code, err).toBe(0);
      const before = await openBytes(realBytes({ file }));
      const after = await checked(out);
      expect(await after.script()).toBe("// nothing is loaded");
      const old = scriptCopies(await before.content("qvapp_allproperties")).map(({ text }) => text);
      const blob = Buffer.from(await after.content("qvapp_allproperties"));
      for (const line of old.join("\r\n").split("\r\n")) {
        if (line.trim().length >= 24) expect(blob.includes(Buffer.from(line)), name).toBe(false);
      }
      expect(blob.length).toBe((await before.content("qvapp_allproperties")).length);
      const changed = new Set(["qvapp_appscript", "qvapp_allproperties"]);
      const parts = await partsOf(before.container);
      for (const part of parts.filter((p) => !p.isDirectory && !changed.has(p.path))) {
        expect(await after.container.read(part.path), part.path).toEqual(await part.read());
      }
    }
  });
});
