import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { partsOf, SEAL_MEMBER } from "../../src/container/qvf/parts.ts";
import { openQvf } from "../../src/container/qvf/reader.ts";
import { memorySource } from "../../src/source/memory.ts";
import { runCli } from "../helpers/cli.ts";
import { writtenBytes } from "../helpers/qvf.ts";
import { goodImage } from "../helpers/qvf-image.ts";

let folder: string;
const at = (name: string) => join(folder, name);
const key = (...names: readonly string[]) => names.flatMap((name) => ["--key", at(`${name}.key`)]);
const facts = ["--table", "Facts", "--as-admin"];

async function ok(...args: readonly string[]) {
  const said = await runCli(args);
  expect(said.code, `${args.join(" ")}: ${said.err}`).toBe(0);
  return said;
}

async function codeOf(...args: readonly string[]) {
  const { err } = await runCli(args);
  return /\(([A-Z_]+)( at byte \d+)?\)\n/.exec(err)?.[1];
}

async function contentOf(file: string, ...more: readonly string[]) {
  const { out } = await ok("digest", "--ndjson", file, ...more);
  const { file: _, ...content } = JSON.parse(out) as Record<string, unknown>;
  return content;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "qvault-app-"));
  await writeFile(at("app.qvf"), await goodImage());
  for (const name of ["hr", "fin", "new"]) await ok("keys", "generate", at(name), "--type", "p256", "--name", name);
  const slots = ["hr", "fin"].flatMap((name) => ["--slot", `${name}=${at(`${name}.crt`)}`]);
  const fields = ["--slot-fields", "hr=Text", "--slot-fields", "fin=Amount,Key"];
  await ok("encrypt", at("app.qvf"), "-o", at("two.qvf"), ...slots, ...fields, "--section-access");
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("an app sealed for two audiences, on the command line", () => {
  it("shows each its fields, and with both keys what was sealed", async () => {
    const shown = async (name: string) => {
      const { out } = await ok("head", at("two.qvf"), ...facts, "-n", "2", ...key(name));
      return out.split("\n").slice(1, 3);
    };
    expect(await shown("hr")).toEqual(["-    -           -       same", "-    cellmark 1  -       same"]);
    expect(await shown("fin")).toEqual(["0    -     0.1     same", "1    -     0.225   same"]);
    expect(await contentOf(at("two.qvf"), ...key("hr", "fin"))).toEqual(await contentOf(at("app.qvf")));
    await ok("decrypt", at("two.qvf"), "-o", at("back.qvf"), ...key("hr", "fin"));
    expect(await contentOf(at("back.qvf"))).toEqual(await contentOf(at("app.qvf")));
    expect((await ok("app", "script", at("two.qvf"), ...key("fin"))).out).toContain("LOAD 1;");
  });

  it("is inspected and verified without a key, which says what that leaves open", async () => {
    const { out } = await ok("inspect", "--json", at("two.qvf"));
    expect(JSON.parse(out)).toMatchObject({
      hasSectionAccess: true,
      encryptedByQlik: false,
      seal: {
        slots: [
          { name: "hr", fields: ["Text"] },
          { name: "fin", fields: ["Key", "Amount"] },
        ],
      },
    });
    expect((await ok("app", "tables", at("two.qvf"))).out).toContain("Facts -- Key -- Keys");
    expect((await ok("verify", at("two.qvf"))).err).toContain("not proved: that the manifest itself is genuine");
    expect((await ok("verify", at("two.qvf"), ...key("hr"))).err).toContain("2 sealed items of other slots");
    expect((await ok("recover", at("two.qvf"), "--slot", "hr")).out).toContain("ECDH-ES+A256KW");
  });

  it("opens for nobody without a key: not for its tables, script or extraction, and not reduced", async () => {
    const app = at("two.qvf");
    const reduce = ["reduce", app, "-o", at("no.qvf"), "--user", "B"];
    const rules = at("rules.json");
    await writeFile(rules, JSON.stringify({ fields: ["ACCESS", "USERID"], rows: [["ADMIN", "B"]] }));
    for (const args of [
      ["head", app, ...facts],
      ["export", app, ...facts, "-o", at("no.csv")],
      ["digest", app],
      ["app", "script", app],
      ["app", "extract", app, "-o", at("no"), "--as-admin"],
      reduce,
      // Nor under rules of somebody else's making.
      [...reduce, "--access", rules],
      ["access", "matrix", app],
      ["access", "lint", app],
      ["access", "explain", app, "--user", "B"],
      ["access", "diff", app, "--user", "A", "--user", "B"],
      ["access", "test", "--non-interference", app],
    ]) {
      expect(await codeOf(...args), args.join(" ")).toBe("SEAL_NO_IDENTITY");
    }
  });

  it("is reduced with its keys as the plain app is", async () => {
    await ok("reduce", at("app.qvf"), "-o", at("plain-b.qvf"), "--user", "B");
    await ok("reduce", at("two.qvf"), "-o", at("sealed-b.qvf"), "--user", "B", "--prove", ...key("hr", "fin"));
    expect(await contentOf(at("sealed-b.qvf"))).toEqual(await contentOf(at("plain-b.qvf")));
  });

  it.each([
    ["explain", "--user", "B", "--table", "Facts", "--row", "0"],
    ["diff", "--user", "A", "--user", "B"],
    ["matrix"],
    ["lint"],
    ["test", "--non-interference"],
  ])("is looked into by its owner, with its keys, as the plain app is: access %s", async (command, ...more) => {
    const look = async (app: string, ...keys: readonly string[]) => {
      const { code, out, err } = await runCli(["access", command, at(app), ...more, "--json", ...keys]);
      expect([0, 1]).toContain(code);
      const note = "read as an administrator: the app's section access was not applied";
      expect(err).toBe(`qvault: ${at(app)}: ${note}\n`);
      const { app: _, version: __, apps, ...report } = JSON.parse(out);
      return { code, report, apps: apps?.map((a: object) => ({ ...a, app: "" })) };
    };
    const plain = await look("app.qvf");
    expect(await look("two.qvf", ...key("hr", "fin"))).toEqual(plain);
    const quotes = command === "explain" || command === "diff";
    expect("asAdmin" in plain.report).toBe(quotes);
  });

  it("rotates in place, and is resealed with what it was sealed with", async () => {
    await writeFile(at("turn.qvf"), await readFile(at("two.qvf")));
    const turn = ["rotate", at("turn.qvf"), "--yes"];
    expect((await runCli(["status", at("turn.qvf"), "--key", at("hr.crt")])).code).toBe(1);
    await ok(...turn, "--from", at("hr.crt"), "--to", at("new.crt"), ...key("hr"));
    expect((await ok("status", at("turn.qvf"), "--key", at("hr.crt"))).out).toBe("");
    expect(await codeOf("verify", at("turn.qvf"), ...key("hr"))).toBe("SEAL_NO_IDENTITY");
    await ok("verify", at("turn.qvf"), ...key("new"));
    const report = async () => JSON.parse((await ok("inspect", "--json", at("turn.qvf"))).out).seal;
    const before = await report();
    await ok(...turn, "--reseal", "--from", at("new.crt"), "--to", at("hr.crt"), ...key("new", "fin"));
    const after = await report();
    expect(after.fileId).not.toBe(before.fileId);
    for (const k of [0, 1]) {
      const { fields, streams } = after.slots[k];
      expect({ fields, streams }).toEqual({ fields: before.slots[k].fields, streams: before.slots[k].streams });
    }
    expect(await contentOf(at("turn.qvf"), ...key("hr", "fin"))).toEqual(await contentOf(at("app.qvf")));
  });
});

describe("an app whose seal was taken out", () => {
  it("says so, and lets nobody in even to a reader that does not know the seal", async () => {
    const parts = await partsOf(await openQvf(memorySource(new Uint8Array(await readFile(at("two.qvf"))))));
    const without = parts.filter((part) => part.path !== SEAL_MEMBER);
    await writeFile(at("stripped.qvf"), await writtenBytes(without));
    for (const args of [["head", ...facts], ["reduce", "-o", at("no.qvf"), "--user", "B"], ["inspect"], ["digest"]]) {
      const [command, ...rest] = args as [string, ...string[]];
      expect(await codeOf(command, at("stripped.qvf"), ...rest)).toBe("SEAL_STRIPPED");
    }
    const { code, out } = await runCli(["verify", at("stripped.qvf"), ...key("hr")]);
    expect([code, out]).toEqual([4, expect.stringContaining("SEAL_STRIPPED")]);
    // With every word of the seal taken out as well, section access is still one that lets nobody in.
    const original = await partsOf(await openQvf(memorySource(await goodImage())));
    const named = new Set(["qvapp_header", "qvapp_approperties"]);
    const clean = without.map((part) => (named.has(part.path) ? original.find((p) => p.path === part.path)! : part));
    await writeFile(at("clean.qvf"), await writtenBytes(clean));
    expect(await codeOf("reduce", at("clean.qvf"), "-o", at("no.qvf"), "--user", "B")).toBe("SEAL_STRIPPED");
    expect(await codeOf("head", at("clean.qvf"), ...facts)).toBe("SEAL_STRIPPED");
  });

  it("moved to another place of the file, is damaged", async () => {
    const parts = await partsOf(await openQvf(memorySource(new Uint8Array(await readFile(at("two.qvf"))))));
    const seal = parts.find((part) => part.path === SEAL_MEMBER)!;
    await writeFile(at("moved.qvf"), await writtenBytes([seal, ...parts.filter((part) => part !== seal)]));
    expect(await codeOf("head", at("moved.qvf"), ...facts, ...key("hr"))).toBe("SEAL_DAMAGED");
  });
});

describe("what is asked of an app", () => {
  const sealFor = (...args: readonly string[]) =>
    codeOf("encrypt", at("app.qvf"), "-o", at("x.qvf"), "--to", at("hr.crt"), ...args);

  it("is refused where it would give values away, or cannot be", async () => {
    expect(await sealFor("--fields", "Name")).toBe("USAGE");
    expect(await sealFor("--fields", "Nobody")).toBe("TABLE_NO_FIELD");
    expect(await sealFor()).toBe("USAGE");
    const { err } = await runCli([
      ...["encrypt", at("app.qvf"), "-o", at("x.qvf"), "--to", at("hr.crt"), "--fields", "Name"],
    ]);
    expect(err).toContain('section access lists values of "Name"');
    expect(await codeOf("encrypt", at("two.qvf"), "-o", at("x.qvf"), "--to", at("hr.crt"), "--fields", "Text")).toBe(
      "USAGE",
    );
  });

  it("with section access alone sealed, warns that it guards nothing from who has the file", async () => {
    const args = ["encrypt", at("app.qvf"), "-o", at("rules.qvf"), "--to", at("hr.crt"), "--section-access"];
    expect((await ok(...args)).err).toContain("section access is sealed, and 5 fields are plain");
    expect(await contentOf(at("rules.qvf"), ...key("hr"))).toEqual(await contentOf(at("app.qvf")));
  });

  it("in closed mode stops a plain reader at the door", async () => {
    await ok("encrypt", at("app.qvf"), "-o", at("closed.qvf"), "--to", at("hr.crt"), "--closed");
    expect(await codeOf("head", at("closed.qvf"), ...facts)).toBe("SEAL_NO_IDENTITY");
    const { tables, encryptedByQlik } = JSON.parse((await ok("inspect", "--json", at("closed.qvf"))).out);
    expect([encryptedByQlik, tables.map((t: { rows: number }) => t.rows)]).toEqual([false, [0, 0, 0, 0, 0]]);
    expect(await contentOf(at("closed.qvf"), ...key("hr"))).toEqual(await contentOf(at("app.qvf")));
  });
});
