import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memorySink } from "../../src/source/sink.ts";
import type { Cell } from "../../src/table/dual.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { writeSelected } from "../../src/table/qvd-write.ts";

export interface Written {
  readonly name: string;
  readonly fields: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "qvault-access-"));
}

/** Writes tables as QVDs. */
export async function writeQvds(folder: string, tables: readonly Written[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const t of tables) {
    const sink = memorySink();
    await writeSelected(
      sink,
      memoryTable(
        t.name,
        t.fields,
        t.fields.map((_, c) => t.rows.map((row) => row[c]!)),
      ),
    );
    await sink.commit();
    writeFileSync(join(folder, `${t.name}.qvd`), sink.result());
  }
}

export const SHOP: readonly Written[] = [
  {
    name: "Orders",
    fields: ["CLIENT", "ITEM", "Pieces"],
    rows: [
      ["c1", "i1", 1],
      ["c2", "i2", 2],
      ["c1", "i2", 3],
    ],
  },
  {
    name: "Clients",
    fields: ["CLIENT", "ZONE", "Phone"],
    rows: [
      ["c1", "WEST", "555-1"],
      ["c2", "EAST", "555-2"],
    ],
  },
  {
    name: "Items",
    fields: ["ITEM", "Label"],
    rows: [
      ["i1", "Ball"],
      ["i2", "Book"],
      ["i3", "Bell"],
    ],
  },
];

export const SHOP_ACCESS = {
  fields: ["ACCESS", "USERID", "ZONE", "OMIT"],
  rows: [
    ["USER", "POST\\EVA", "WEST", "PHONE"],
    ["USER", "POST\\ADA", "WEST", "PHONE"],
    ["USER", "POST\\BOB", "EAST", ""],
    ["USER", "POST\\LOST", "NORTH", ""],
    ["ADMIN", "POST\\ROOT", "", ""],
  ],
};

/** A folder with the shop and its section access. */
export async function shopFolder(): Promise<string> {
  const folder = temporaryFolder();
  await writeQvds(folder, SHOP);
  writeFileSync(join(folder, "section-access.json"), JSON.stringify(SHOP_ACCESS));
  return folder;
}
