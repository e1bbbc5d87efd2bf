import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { softwareHandle } from "../../src/keys/software.ts";
import { describeKey, publicHalf } from "../../src/keys/thumbprint.ts";
import { memorySource } from "../../src/source/memory.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { readIndependently } from "./independent-reader.ts";
import { person } from "./people.ts";
import { openBytes, plainQvd, sealBytes } from "./sealed.ts";

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/sealed/${name}`, import.meta.url));
const key = (name: string) => createPrivateKey(fixture(`${name}.key`));
const rows = {
  id: [1, 2, 3, 4, 5],
  name: ["Ann", "Bob", null, "Ann", "Zoë"],
  born: [36526, { number: 36527, text: "02/01/2000" }, 36528.5, null, 36526],
  pay: [1000, 2000.25, "none", 1000, -3],
  team: ["x", "y", "x", "x", "y"],
};
const token = /^[\w-]{22}$/;

describe("the sealed fixtures", () => {
  it("show hr and fin their fields, and each other's as tokens, to a reader written from the spec", async () => {
    for (const [who, open, shut] of [
      ["hr", "name", "pay"],
      ["fin", "pay", "name"],
    ] as const) {
      const { columns } = await readIndependently(fixture("two-slots.qvd"), [key(who)]);
      for (const name of ["id", "born", "team", open] as const)
        expect(columns.get(name), `${who} ${name}`).toEqual(rows[name]);
      const tokens = columns.get(shut)!;
      expect(tokens.map((t) => t === null)).toEqual(rows[shut].map((v) => v === null));
      expect(tokens.every((t) => t === null || token.test(String(t)))).toBe(true);
      expect(tokens[0]).toBe(tokens[3]);
    }
    const nobody = await readIndependently(fixture("two-slots.qvd"), []);
    for (const name of ["id", "team"] as const) expect(nobody.columns.get(name)).toEqual(rows[name]);
  });

  it("in closed mode show everything to hr, and the original header, and nothing to others", async () => {
    const { columns, originalHeader } = await readIndependently(fixture("closed.qvd"), [key("hr")]);
    expect(Object.fromEntries(columns)).toEqual(rows);
    const plain = fixture("plain.qvd");
    expect(originalHeader!.equals(plain.subarray(0, plain.indexOf(0) + 1))).toBe(true);
    expect((await readIndependently(fixture("closed.qvd"), [key("fin")])).columns.size).toBe(0);
  });

  it("open here as well: the format has not changed under them", async () => {
    const handle = (name: string) =>
      softwareHandle(describeKey({ publicKey: publicHalf(key(name)) }, name, true), key(name));
    const handles = ["hr", "fin"].map(handle);
    const table = await openBytes(new Uint8Array(fixture("two-slots.qvd")), async (ref) =>
      handles.find((h) => h.info.spkiS256 === ref.spkiS256),
    );
    const plain = await openQvdTable(memorySource(new Uint8Array(fixture("plain.qvd"))));
    expect(await readRows(table)).toEqual(await readRows(plain));
  });
});

describe("a freshly sealed file", () => {
  it("of 40,000 rows reads the same independently", async () => {
    const hr = person("hr", "p384");
    const columns = {
      n: Array.from({ length: 40_000 }, (_, i) => i % 70_000),
      t: Array.from({ length: 40_000 }, (_, i) => (i % 11 === 0 ? null : `text ${i % 999}`)),
      c: Array.from({ length: 40_000 }, () => "same"),
    };
    const sealed = await sealBytes(await plainQvd(columns), {
      slots: [{ name: "s", recipients: [hr.recipient()], fields: ["n", "t"] }],
    });
    const read = await readIndependently(Buffer.from(sealed), [hr.key]);
    for (const [name, values] of Object.entries(columns))
      expect(
        read.columns.get(name)!.every((v, i) => v === values[i]),
        name,
      ).toBe(true);
  });
});
