import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openQvfApp } from "../../src/engine/qvf-app.ts";
import { memorySource } from "../../src/source/memory.ts";
import { runCli } from "../helpers/cli.ts";
import { undamaged } from "../helpers/qvf.ts";
import { goodImage } from "../helpers/qvf-image.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";

let folder: string;
const at = (name: string) => join(folder, name);
const key = (...names: readonly string[]) => names.flatMap((name) => ["--key", at(`${name}.key`)]);
const slot = (name: string, fields: string) => [
  ...["--slot", `${name}=${at(`${name}.crt`)}`],
  ...["--slot-fields", `${name}=${fields}`],
];

async function ok(...args: readonly string[]) {
  const said = await runCli(args);
  expect(said.code, `${args.join(" ")}: ${said.err}`).toBe(0);
  return said;
}

async function contentOf(file: string, ...more: readonly string[]) {
  const { out } = await ok("digest", "--ndjson", file, ...more);
  const { file: _, ...content } = JSON.parse(out) as Record<string, unknown>;
  return content;
}

/** A column of a table as a reader without a key gets it. */
async function column(file: string, table: string, field: string): Promise<readonly string[]> {
  const pick = ["--table", table, "--fields", field, "--as-admin", "--to", "csv"];
  const { out } = await ok("export", file, "-o", "-", ...pick);
  return out.split(/\r?\n/).slice(1, -1);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "qvault-app-masks-"));
  await writeFile(at("app.qvf"), await goodImage());
  for (const name of ["hr", "fin"]) await ok("keys", "generate", at(name), "--type", "p256", "--name", name);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("what stands in place of a sealed field of an app", () => {
  it.each([
    ["token", ["--mask", "token"]],
    ["const", ["--mask", "const", "--mask-text", "not for you"]],
    ["null", []],
  ] as const)(
    "with mask %s is that, before and after a reseal, and the key gives the values",
    async (mask, options) => {
      const sealed = at(`${mask}.qvf`);
      await ok("encrypt", at("app.qvf"), "-o", sealed, "--to", at("hr.crt"), "--fields", "Text,Amount", ...options);
      const values = await column(at("app.qvf"), "Facts", "Text");
      expect(values.slice(0, 3)).toEqual(["", "cellmark 1", "cellmark 2"]);
      const shown = await column(sealed, "Facts", "Text");
      const token = expect.stringMatching(/^[\w-]{22}$/);
      const wanted = {
        token: values.map((v) => (v === "" ? "" : token)),
        const: values.map(() => "not for you"),
        null: values.map(() => ""),
      };
      expect(shown).toEqual(wanted[mask]);
      if (mask === "token") {
        const same = (list: readonly string[]) => list.map((a) => list.map((b) => a === b));
        expect(same(shown)).toEqual(same(values));
      }
      expect(await contentOf(sealed, ...key("hr"))).toEqual(await contentOf(at("app.qvf")));
      await ok("verify", sealed, ...key("hr"));
      const turn = ["--from", at("hr.crt"), "--to", at("fin.crt"), "--reseal", "--yes"];
      await ok("rotate", sealed, ...turn, ...key("hr"));
      expect(await column(sealed, "Facts", "Text")).toEqual(shown);
      await ok("decrypt", sealed, "-o", at(`${mask}-back.qvf`), ...key("fin"));
      expect(await contentOf(at(`${mask}-back.qvf`))).toEqual(await contentOf(at("app.qvf")));
    },
  );
});

describe("app edit of a sealed app", () => {
  it("with its keys makes what it makes of the plain one, and says that this is not sealed", async () => {
    await ok(
      "encrypt",
      at("app.qvf"),
      "-o",
      at("s.qvf"),
      ...slot("hr", "Text"),
      ...slot("fin", "Amount"),
      "--section-access",
    );
    await writeFile(at("new.qvs"), "LOAD 2;");
    const edit = ["--script", at("new.qvs"), "--rows", "Facts=2..5"];
    await ok("app", "edit", at("app.qvf"), "-o", at("edited.qvf"), ...edit);
    const said = await ok("app", "edit", at("s.qvf"), "-o", at("s-edited.qvf"), ...edit, ...key("hr", "fin"));
    expect(said.err).toContain("the new app is not sealed");
    expect(await contentOf(at("s-edited.qvf"))).toEqual(await contentOf(at("edited.qvf")));
    await ok("verify", at("s-edited.qvf"));
    expect(await column(at("s-edited.qvf"), "Facts", "Text")).toEqual(["cellmark 2", "cellmark 0", "cellmark 1"]);
    expect(JSON.parse((await ok("inspect", "--json", at("s-edited.qvf"))).out).seal).toBeUndefined();
  });

  it("without all of them loses nothing: it refuses", async () => {
    for (const keys of [[], key("hr")]) {
      const said = await runCli(["app", "edit", at("s.qvf"), "-o", at("no.qvf"), "--drop-table", "Keys", ...keys]);
      expect([said.code, said.err]).toEqual([6, expect.stringContaining("keys of all of its slots with --key")]);
    }
    expect(existsSync(at("no.qvf"))).toBe(false);
  });
});

describeShared("a real app with a synthetic key, a bookmark and section access", () => {
  it("has them sealed and opened by command", { timeout: 60_000 }, async () => {
    const { file } = undamaged().find((line) => line.file.includes("CitasMedicas"))!;
    const real = sharedPath("data", file);
    const model = await (await openQvfApp(memorySource(new Uint8Array(await readFile(real))))).model();
    const names = model.header.syntheticKeys[0]!.fields;
    expect(names).toHaveLength(2);
    const quoted = names.map((name) => `"${name.replaceAll('"', '""')}"`);
    const more = ["--section-access", "--bookmarks"];
    // Nobody would have both fields of the synthetic key, which says what values of them go together.
    const apart = await runCli([
      ...["encrypt", real, "-o", at("apart.qvf"), ...slot("hr", quoted[0]!), ...slot("fin", quoted[1]!), ...more],
    ]);
    expect([apart.code, apart.err]).toEqual([2, expect.stringContaining("joins fields that no slot has together")]);
    const sealed = at("real.qvf");
    await ok("encrypt", real, "-o", sealed, "--to", at("hr.crt"), "--fields", quoted.join(","), ...more);
    const seen = async (app: string) => JSON.parse((await ok("inspect", "--json", app)).out);
    const bookmarks = ({ objects }: { objects: readonly { kind: string }[] }) =>
      objects.filter(({ kind }) => kind === "bookmark").length;
    expect([bookmarks(await seen(real)), bookmarks(await seen(sealed))]).toEqual([1, 0]);
    expect(await contentOf(sealed, ...key("hr"))).toEqual(await contentOf(real));
    await ok("verify", sealed, ...key("hr"));
    await ok("decrypt", sealed, "-o", at("real-back.qvf"), ...key("hr"));
    expect(bookmarks(await seen(at("real-back.qvf")))).toBe(1);
    expect(await contentOf(at("real-back.qvf"))).toEqual(await contentOf(real));
  });
});
