import { expect, it } from "vitest";
import { openApp } from "../../src/engine/access-app.ts";
import { accessTable } from "../../src/engine/access-source.ts";
import { newAppParts, writeApp } from "../../src/engine/app-write.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import type { Cell } from "../../src/table/dual.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { appTable } from "../../src/table/qvf-draft.ts";

const ROWS: readonly (readonly Cell[])[] = [["USER", "ANN", "N", "AMOUNT"]];

function tableOf(name: string, fields: readonly string[], rows: readonly (readonly Cell[])[]) {
  return memoryTable(
    name,
    fields,
    fields.map((_, k) => rows.map((row) => row[k]!)),
  );
}

async function appWith(fields: readonly string[]) {
  const data = await appTable(tableOf("Data", ["REGION", "Amount"], [["N", 1], ["S", 2]])); // biome-ignore format: rows
  const access = [await appTable(tableOf("Access", fields, ROWS))];
  const sink = memorySink();
  await writeApp(sink, await newAppParts({ title: "App", script: "", tables: [data], access }));
  await sink.commit();
  return memorySource(sink.result(), "app.qvf");
}

it("names of stored section access are system fields in whatever case: a stranger stays out, OMIT omits", async () => {
  const source = await appWith(["Access", "UserId", "Region", "Omit"]);
  const open = (userid: string) => openApp(source, { user: { userid }, denyAfterMs: 0 });
  await expect(open("EVE")).rejects.toMatchObject({ code: "ACCESS_DENIED" });
  const { tables } = await open("ann");
  expect(tables.map((t) => [t.rows, t.fields.map((f) => f.name)])).toEqual([[1, ["REGION"]]]);
});

it("two columns whose names differ in case only are refused, since only one of them would be read", async () => {
  const table = tableOf("Access", ["ACCESS", "USERID", "OMIT", "Omit"], ROWS);
  const refused = accessTable(table, { numbers: false, upperCase: true });
  await expect(refused).rejects.toMatchObject({ code: "MODEL_SHAPE", message: expect.stringContaining("field twice") });
});
