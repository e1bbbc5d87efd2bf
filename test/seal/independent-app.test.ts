import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { SealOptions } from "../../src/engine/seal-plan.ts";
import { realBytes, undamaged } from "../helpers/qvf.ts";
import { goodImage } from "../helpers/qvf-image.ts";
import { describeShared } from "../helpers/shared.ts";
import { type IndependentApp, readAppIndependently, withoutStale } from "./independent-app.ts";
import { person } from "./people.ts";
import { sealAppBytes } from "./sealed-app.ts";

const hr = person("hr");
const fin = person("fin", "rsa-2048");
const slots = [
  { name: "hr", recipients: [hr.recipient()], fields: ["Text"] },
  { name: "fin", recipients: [fin.recipient()], fields: ["Amount", "Key"] },
];

async function sealedApp(options: Partial<SealOptions> = {}) {
  const qvf = await goodImage();
  const sealed = await sealAppBytes(qvf, { slots, sectionAccess: true, ...options });
  const read = (...keys: readonly KeyObject[]) => readAppIndependently(Buffer.from(sealed), keys);
  return { before: await readAppIndependently(Buffer.from(qvf), []), read };
}

const cells = (app: IndependentApp, table: string) =>
  Object.fromEntries(app.tables.find(({ name }) => name === table)!.columns);
const hex = (app: IndependentApp, path: string) => app.streams.get(path)?.toString("hex");
/** Streams that have another content in a sealed app: the region says what they were. */
const REPLACED =
  /^(qvapp_(header|approperties|data|meta|appscript|allproperties|qaccess|qvariables|colormap.*|datasegmentmeta.*|laststate.*)|data\/.*)/;

describe("a sealed app, to a reader written from the spec", () => {
  it("reads a plain app at all", async () => {
    const { before } = await sealedApp();
    expect(cells(before, "Keys")).toEqual({
      Key: [0, 1, 2, 3, 4, 5, 6],
      Name: [0, 1, 2, 3, 4, 5, 6].map((i) => `name ${i}`),
    });
    expect(cells(before, "Facts").Amount!.slice(0, 3)).toEqual([0.1, 0.225, 0.35]);
    expect(cells(before, "Facts").Text!.slice(0, 3)).toEqual([null, "cellmark 1", "cellmark 2"]);
  });

  it("has the plain columns as they were, and of the sealed ones what a key opens", async () => {
    const { before, read } = await sealedApp();
    const [facts, keys] = [cells(before, "Facts"), cells(before, "Keys")];
    const nothing = facts.Key!.map(() => null);
    const [nobody, one, other, both] = [
      await read(),
      await read(hr.key),
      await read(fin.key),
      await read(hr.key, fin.key),
    ];
    expect(cells(nobody, "Facts")).toEqual({ ...facts, Key: nothing, Text: nothing, Amount: nothing });
    expect(cells(nobody, "Keys")).toEqual({ ...keys, Key: keys.Key!.map(() => null) });
    expect(cells(one, "Facts")).toEqual({ ...facts, Key: nothing, Amount: nothing });
    expect(cells(other, "Facts")).toEqual({ ...facts, Text: nothing });
    expect([cells(both, "Facts"), cells(both, "Keys")]).toEqual([facts, keys]);
  });

  it("has the streams that were not sealed to the byte, and every sealed one again with the keys", async () => {
    const { before, read } = await sealedApp();
    const [nobody, both] = [await read(), await read(hr.key, fin.key)];
    const plain = [...before.streams.keys()].filter((path) => !REPLACED.test(path));
    expect(plain).toEqual(expect.arrayContaining(["media/a.png"]));
    for (const path of plain) expect(hex(nobody, path), path).toBe(hex(before, path));
    expect(nobody.opened.size).toBe(0);
    expect([...both.opened]).toEqual(
      expect.arrayContaining(["data/field_6", "data/field_7", "data/field_8", "qvapp_appscript", "qvapp_qaccess"]),
    );
    for (const path of both.opened) expect(hex(both, path), path).toBe(hex(before, path));
    // The plain field of a table with sealed ones: its stream is untouched.
    expect(hex(nobody, "data/field_9")).toBe(hex(before, "data/field_9"));
    expect(hex(nobody, "qvapp_qaccess")).not.toBe(hex(before, "qvapp_qaccess"));
  });

  it("shows tokens that join, or one text, in place of what is sealed", async () => {
    const { before, read } = await sealedApp({ mask: "token" });
    const [text, token] = [cells(before, "Facts").Text!, cells(await read(), "Facts").Text!];
    expect(token.map((t) => (t === null ? null : /^[\w-]{22}$/.test(String(t))))).toEqual(
      text.map((t) => (t === null ? null : true)),
    );
    const same = (values: readonly unknown[]) => values.map((a) => values.map((b) => a === b));
    expect(same(token)).toEqual(same(text));
    const constant = await sealedApp({ mask: "const", constText: "hidden" });
    expect(new Set(cells(await constant.read(), "Facts").Text)).toEqual(new Set(["hidden"]));
    expect(cells(await constant.read(hr.key, fin.key), "Facts")).toEqual(cells(before, "Facts"));
  });

  it("in closed mode has no row for anybody, and every one for whom it was sealed", async () => {
    const { before, read } = await sealedApp({ mode: "closed", slots: [slots[0]!] });
    const [shut, open] = [await read(), await read(hr.key)];
    expect(Object.values(cells(shut, "Facts")).map((column) => column.length)).toEqual([0, 0, 0, 0]);
    expect(open.tables).toEqual(before.tables);
    for (const path of before.streams.keys()) {
      if (open.opened.has(path)) expect(hex(open, path), path).toBe(hex(before, path));
    }
  });
});

describe("the sealed app among the fixtures", () => {
  const fixture = (name: string) => readFileSync(new URL(`../../fixtures/sealed/${name}`, import.meta.url));
  const key = (name: string) => createPrivateKey(fixture(`${name}.key`));

  it("is the plain one to both keys, and shows each of them his fields", async () => {
    const before = await readAppIndependently(fixture("app.qvf"), []);
    const sealed = (...keys: readonly string[]) => readAppIndependently(fixture("app-two-slots.qvf"), keys.map(key));
    const people = cells(before, "people");
    expect(people).toMatchObject({ id: [1, 2, 3, 4, 5], pay: [1000, 2000.25, "none", 1000, -3] });
    expect((await sealed("hr", "fin")).tables).toEqual(before.tables);
    const { id, team, name, born } = cells(await sealed("hr"), "people");
    expect({ id, team, name, born }).toEqual({
      id: people.id,
      team: people.team,
      name: people.name,
      born: people.born,
    });
    expect(cells(await sealed("fin"), "people").name).not.toEqual(people.name);
  });
});

describeShared("real apps, sealed, to a reader written from the spec", () => {
  it("have every cell of the plain fields without a key, and every cell with it", { timeout: 120_000 }, async () => {
    const names = ["apamo", "CitasMedicas"];
    let seen = 0;
    for (const name of process.env.QVAULT_LONG ? undamaged().map(({ file }) => file) : names) {
      const line = undamaged().find(({ file }) => file.includes(name))!;
      const qvf = realBytes(line);
      const before = await readAppIndependently(Buffer.from(qvf), []);
      const fields = [...new Set(before.tables.flatMap(({ columns }) => [...columns.keys()]))];
      const users = fields.filter((field) => !field.startsWith("$"));
      if (users.length < 2) continue;
      const sealedFields = users.filter((_, i) => i % 2 === 0);
      const sealed = await sealAppBytes(qvf, {
        slots: [{ name: "hr", recipients: [hr.recipient()], fields: sealedFields }],
      });
      const [nobody, open] = [
        await readAppIndependently(Buffer.from(sealed), []),
        await readAppIndependently(Buffer.from(sealed), [hr.key]),
      ];
      expect(open.tables, line.file).toEqual(before.tables);
      for (const path of open.opened) {
        expect(hex(open, path), path).toBe(withoutStale(before.streams.get(path)!).toString("hex"));
      }
      let plain = 0;
      for (const table of before.tables) {
        for (const [field, values] of table.columns) {
          if (sealedFields.includes(field) || !users.includes(field)) continue;
          expect(cells(nobody, table.name)[field], `${line.file} ${field}`).toEqual(values);
          plain += values.length;
        }
      }
      // An app without data has nothing to compare.
      if (plain === 0) continue;
      expect(open.opened.size).toBeGreaterThan(sealedFields.length);
      seen += 1;
    }
    expect(seen).toBeGreaterThanOrEqual(names.length);
    console.info(`${seen} real apps read independently`);
  });
});
