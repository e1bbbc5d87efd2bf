import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { digestTable } from "../../src/engine/digest.ts";
import { memorySource } from "../../src/source/memory.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { missing } from "../helpers/missing.ts";
import { keysOf, person } from "./people.ts";
import { decryptedBytes, openBytes, plainQvd, sealBytes } from "./sealed.ts";
import { sharedPath } from "./vectors.ts";

const hr = person("hr");
const finance = person("finance", "p384");

const small = {
  id: [1, 2, 3, 4, 5, 6],
  name: ["Ann", "Bob", null, "Ann", "Zoë", ""],
  salary: [1000, 2000.5, 1000, null, { number: 5, text: "five" }, 7],
  city: ["X", "X", "Y", "Y", "X", "X"],
};

async function digestOf(bytes: Uint8Array) {
  return digestTable(await openQvdTable(memorySource(bytes)));
}

describe("a sealed table", () => {
  it.each(["open", "closed"] as const)(
    "in %s mode opens to the same file, bit for bit, with its one slot",
    async (mode) => {
      const qvd = await plainQvd(small, {
        comment: "staff",
        lineage: [{ discriminator: "db", statement: "select 'Ann'" }],
      });
      const sealed = await sealBytes(qvd, {
        mode,
        slots: [{ name: "hr", recipients: [hr.recipient()], fields: ["name", "salary"] }],
      });
      const table = await openBytes(sealed, keysOf(hr));
      expect(table.exact).toBe(true);
      expect(await digestTable(table)).toEqual(await digestOf(qvd));
      expect(Buffer.from(await decryptedBytes(table)).equals(qvd)).toBe(true);
    },
  );

  it("shows a plain reader its sealed fields as all-NULL, in Qlik's own shape, and the others as before", async () => {
    const qvd = await plainQvd(small);
    const sealed = await sealBytes(qvd, {
      slots: [{ name: "hr", recipients: [hr.recipient()], fields: ["name", "salary"] }],
    });
    const table = await openQvdTable(memorySource(sealed));
    const before = await digestOf(qvd);
    const after = await digestTable(table);
    for (const k of [0, 3]) expect(after.columns[k]).toEqual(before.columns[k]);
    for (const k of [1, 2]) {
      const f = table.header.fields[k]!;
      expect(f).toMatchObject({
        noOfSymbols: 0,
        length: 0,
        bias: -2,
        bitWidth: k === 2 ? f.bitWidth : 1,
        tags: [],
        comment: "sealed for hr",
      });
      expect(f.numberFormat.type).toBe("UNKNOWN");
    }
    for await (const batch of table.scan({ fields: [1, 2] })) {
      for (const column of batch.indexes) expect(column.subarray(0, batch.rows).every((index) => index < 0)).toBe(true);
    }
  });

  it("gives two audiences each their own fields, and together everything", async () => {
    const qvd = await plainQvd(small, { lineage: [{ discriminator: "d", statement: "s" }], comment: "c" });
    const sealed = await sealBytes(qvd, {
      slots: [
        { name: "hr", recipients: [hr.recipient()], fields: ["name", "city"] },
        { name: "fin", recipients: [finance.recipient()], fields: ["salary", "city"] },
      ],
    });
    const before = await digestOf(qvd);
    for (const [people, open] of [
      [[hr], ["name", "city"]],
      [[finance], ["salary", "city"]],
      [
        [hr, finance],
        ["name", "salary", "city"],
      ],
    ] as const) {
      const table = await openBytes(sealed, keysOf(...people));
      const after = await digestTable(table);
      for (const [k, column] of before.columns.entries()) {
        const readable = column.name === "id" || open.some((n) => n === column.name);
        expect(after.columns[k]!.sha256 === column.sha256, column.name).toBe(readable);
      }
      expect(table.stillSealed).toEqual(["name", "salary"].filter((n) => !open.some((o) => o === n)));
      expect([table.comment, table.header.lineage.length]).toEqual(["c", 1]);
      // What an audience writes out is a sound file of its own.
      expect(await digestOf(await decryptedBytes(table))).toEqual(after);
    }
  });

  it("opens a slot with one private-key operation, however many fields it has", async () => {
    const columns = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, [i, i + 1]]));
    const sealed = await sealBytes(await plainQvd(columns), {
      slots: [
        { name: "a", recipients: [hr.recipient()], fields: Object.keys(columns).slice(0, 20) },
        { name: "b", recipients: [hr.recipient()], fields: Object.keys(columns).slice(20) },
      ],
    });
    const keys = keysOf(hr);
    const table = await openBytes(sealed, keys);
    await digestTable(table);
    expect(keys.unwraps()).toBe(2);
  });

  it("masks with a constant or with keyed tokens that keep joins and NULLs", async () => {
    const qvd = await plainQvd(small);
    const slots = [{ name: "hr", recipients: [hr.recipient()], fields: ["name"] }];
    const constant = await openQvdTable(memorySource(await sealBytes(qvd, { slots, mask: "const", constText: "***" })));
    expect(Buffer.from((await constant.symbols(1)).bytes).toString()).toBe("\u0004***\0");
    const tokenKey = new Uint8Array(32).fill(1);
    const sealed = await sealBytes(qvd, { slots, mask: "token", tokenKey });
    const again = await sealBytes(qvd, { slots, mask: "token", tokenKey });
    const [a, b] = await Promise.all([sealed, again].map(digestOf));
    expect(a).toEqual(b);
    const rows: number[] = [];
    for await (const batch of (await openQvdTable(memorySource(sealed))).scan({ fields: [1] }))
      rows.push(...batch.indexes[0]!.subarray(0, batch.rows));
    expect(rows.map((r) => (r < 0 ? null : r))).toEqual([0, 1, null, 0, 2, 3]);
    expect(await digestOf(await sealBytes(qvd, { slots, mask: "token" }))).not.toEqual(a);
    const opened = await openBytes(sealed, keysOf(hr));
    expect(await digestTable(opened)).toEqual(await digestOf(qvd));
  });

  it("survives no rows, no symbols and 40,000 rows", async () => {
    const many = Array.from({ length: 40_000 }, (_, i) => (i % 7 === 0 ? null : `v${i % 300}`));
    for (const columns of [
      { a: [], b: [] },
      { a: [null, null], b: [1, 1] },
      { a: many, b: many.map((_, i) => i) },
    ]) {
      const qvd = await plainQvd(columns);
      const sealed = await sealBytes(qvd, { slots: [{ name: "s", recipients: [hr.recipient()], fields: ["a", "b"] }] });
      const table = await openBytes(sealed, keysOf(hr));
      expect(Buffer.from(await decryptedBytes(table)).equals(qvd)).toBe(true);
    }
  });
});

describe("every real QVD", () => {
  const root = sharedPath("data/qvd");
  if (root === undefined) {
    missing("shared data/qvd");
    return;
  }
  const files = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((f) => f.toLowerCase().endsWith(".qvd"))
    .sort();
  it("is found", () => expect(files.length).toBeGreaterThan(50));
  it("seals and opens to the same bytes, with all fields sealed and with some", { timeout: 240_000 }, async () => {
    let done = 0;
    for (const file of files) {
      const path = join(root, file);
      if (!existsSync(path)) continue;
      const qvd = new Uint8Array(readFileSync(path));
      const plain = await openQvdTable(memorySource(qvd)).catch(() => undefined);
      if (plain === undefined) continue;
      const before = done % 8 === 0 || process.env.QVAULT_LONG ? await digestTable(plain) : undefined;
      const names = [...new Set(plain.fields.map((f) => f.name))];
      if (names.length !== plain.fields.length) continue;
      const some = names.filter((_, i) => i % 3 === 0);
      const both = names.length > 1 && (done % 4 === 0 || process.env.QVAULT_LONG);
      for (const fields of both ? [names, some] : [names]) {
        const sealed = await sealBytes(qvd, { slots: [{ name: "s", recipients: [hr.recipient()], fields }] });
        const table = await openBytes(sealed, keysOf(hr));
        // Equal bytes have equal digests; the digest through the sealed reader is taken of every eighth file as well.
        if (done % 8 === 0 || process.env.QVAULT_LONG) expect(await digestTable(table), file).toEqual(before);
        const back = await decryptedBytes(table);
        expect(Buffer.from(back).equals(qvd), file).toBe(true);
      }
      done += 1;
    }
    console.info(`sealed and opened ${done} of ${files.length} real files`);
    expect(done).toBeGreaterThan(50);
  });
});
