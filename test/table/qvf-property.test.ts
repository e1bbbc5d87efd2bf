import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { equalBytes } from "../../src/bytes/concat.ts";
import { newAppParts } from "../../src/engine/app-write.ts";
import { inflateNode } from "../../src/engine/inflate.ts";
import { memorySource } from "../../src/source/memory.ts";
import type { Cell } from "../../src/table/dual.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { type AppTable, appTable } from "../../src/table/qvf-draft.ts";
import { reducedTable } from "../../src/table/qvf-edit.ts";
import { verifyQvf } from "../../src/table/qvf-verify.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { openBytes, writtenBytes } from "../helpers/qvf.ts";

const text = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.string({ unit: "grapheme", maxLength: 4 }),
  fc.constantFrom("", "\0", "a\0b", "*", "\u00ff\u00ffUNKNOWN", "x".repeat(254), "x".repeat(255), "é".repeat(300)),
);
const number = fc.oneof(
  fc.integer(),
  fc.integer({ min: 0, max: 5 }),
  fc.double({ noNaN: false }),
  fc.constantFrom(-0, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 0.1, Number.NaN, Number.POSITIVE_INFINITY),
);
const cell: fc.Arbitrary<Cell> = fc.oneof(
  { weight: 2, arbitrary: text },
  { weight: 2, arbitrary: number },
  { weight: 1, arbitrary: fc.record({ number, text }) },
  { weight: 1, arbitrary: fc.constant(null) },
);

interface PlainModel {
  readonly name: string;
  readonly fields: readonly string[];
  readonly columns: readonly (readonly Cell[])[];
}

/** One to four tables; few field names, so that tables share fields. */
const models: fc.Arbitrary<readonly PlainModel[]> = fc
  .uniqueArray(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 6 }).filter((name) => !name.startsWith("$")),
    { minLength: 1, maxLength: 4 },
  )
  .chain((names) => fc.tuple(...names.map((name) => plainTable(name))));

function plainTable(name: string): fc.Arbitrary<PlainModel> {
  return fc
    .record({
      fields: fc.uniqueArray(fc.constantFrom("Key", "a b", "Ünï", "D", "F".repeat(300)), {
        minLength: 1,
        maxLength: 4,
      }),
      rows: fc.oneof(fc.nat(12), fc.integer({ min: 60, max: 300 })),
    })
    .chain(({ fields, rows }) => {
      const column = fc
        .array(cell, { minLength: 1, maxLength: 40 })
        .chain((few) => fc.array(fc.constantFrom(...few), { minLength: rows, maxLength: rows }));
      return fc
        .array(column, { minLength: fields.length, maxLength: fields.length })
        .map((columns) => ({ name, fields, columns }));
    });
}

const rowsOf = ({ columns }: PlainModel) => (columns[0] ?? []).map((_, row) => columns.map((column) => column[row]!));
const appTables = (model: readonly PlainModel[]): Promise<AppTable[]> =>
  Promise.all(model.map(({ name, fields, columns }) => appTable(memoryTable(name, fields, columns))));

const RUNS = process.env.QVAULT_LONG ? 1_000 : 60;
const CREATED = new Date("2024-02-29T12:34:56Z");

describe("an app of random tables", () => {
  it("reads back equal and verifies", async () => {
    await fc.assert(
      fc.asyncProperty(models, text, async (model, script) => {
        const tables = await appTables(model);
        const parts = await newAppParts({ title: "T", script, tables, access: [], created: CREATED });
        const bytes = await writtenBytes(parts);
        const app = await openBytes(bytes);
        expect(await app.script()).toBe(script);
        const read = (await app.model()).tables.filter((table) => !table.isSystem);
        expect(read.map((table) => [table.name, table.fields.map((field) => field.name)])).toEqual(
          model.map(({ name, fields }) => [name, fields]),
        );
        for (const [t, table] of read.entries()) expect(await readRows(table)).toEqual(rowsOf(model[t]!));
        expect((await verifyQvf(memorySource(bytes), { inflate: inflateNode })).findings).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  it("reduced to any rows, it reads back as those rows", async () => {
    await fc.assert(
      fc.asyncProperty(models, fc.infiniteStream(fc.boolean()), async (model, keeps) => {
        const marks = model.map(({ columns }) => Uint8Array.from(columns[0]!, () => (keeps.next().value ? 1 : 0)));
        const reduced = (await appTables(model)).map((table, t) => reducedTable(table, marks[t]!));
        const left = model.map((table, t) => ({
          ...table,
          columns: table.columns.map((column) => column.filter((_, row) => marks[t]![row] === 1)),
        }));
        const bytesOf = async (tables: readonly AppTable[]) => {
          const parts = await newAppParts({ title: "T", script: "", tables, access: [], created: CREATED });
          return writtenBytes(parts);
        };
        const bytes = await bytesOf(reduced);
        const read = (await (await openBytes(bytes)).model()).tables.filter((table) => !table.isSystem);
        for (const [t, table] of read.entries()) expect(await readRows(table)).toEqual(rowsOf(left[t]!));
      }),
      { numRuns: RUNS },
    );
  });
});

describe("section access of random tables", () => {
  const accessCell = fc.oneof(fc.constantFrom("*", "", "A", "B", "USER", "ADMIN"), fc.constant(null), number);
  const accessTable = fc
    .nat(20)
    .chain((rows) =>
      fc.array(fc.array(accessCell, { minLength: rows, maxLength: rows }), { minLength: 3, maxLength: 3 }),
    );

  it("reads back equal, stars and blanks and NULLs among it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(accessTable, { minLength: 1, maxLength: 3 }), async (tables) => {
        const fields = (t: number) => ["ACCESS", "USERID", t === 0 ? "REGION" : `F${t}`];
        const access = await Promise.all(
          tables.map((columns, t) => appTable(memoryTable(`SA ${t}`, fields(t), columns))),
        );
        const parts = await newAppParts({ title: "T", script: "", tables: [], access, created: CREATED });
        const bytes = await writtenBytes(parts);
        const read = (await (await openBytes(bytes)).model()).sectionAccess;
        expect(read.map((table) => table.name)).toEqual(tables.map((_, t) => `SA ${t}`));
        for (const [t, table] of read.entries()) {
          const name = `SA ${t}`;
          expect(await readRows(table)).toEqual(rowsOf({ name, fields: fields(t), columns: tables[t]! }));
        }
        expect((await verifyQvf(memorySource(bytes), { inflate: inflateNode })).findings).toEqual([]);
        const again = await writtenBytes(parts);
        expect(equalBytes(again, bytes)).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });
});
