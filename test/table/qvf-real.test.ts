import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { inflatePako } from "../../src/container/qvf/deflate.ts";
import { openQvf } from "../../src/container/qvf/reader.ts";
import { salvageStreams } from "../../src/container/qvf/salvage.ts";
import { digestApp } from "../../src/engine/app-digest.ts";
import { appParts, editAppTables } from "../../src/engine/app-write.ts";
import { inflateNode } from "../../src/engine/inflate.ts";
import { memorySource } from "../../src/source/memory.ts";
import { keptTable, reducedTable } from "../../src/table/qvf-edit.ts";
import { openQvfModel } from "../../src/table/qvf-model.ts";
import { verifyQvf } from "../../src/table/qvf-verify.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { failure } from "../helpers/errors.ts";
import { damaged, openBytes, realBytes, undamaged, writtenBytes } from "../helpers/qvf.ts";
import { describeShared } from "../helpers/shared.ts";

describeShared("every undamaged real QVF", () => {
  it.each(undamaged())("$file has the content that an independent reader found", async (line) => {
    const { file: _, ...expected } = line;
    expect(await digestApp(await openBytes(realBytes(line)))).toEqual(expected);
  });

  it.each(undamaged())("$file verifies without a finding", async (line) => {
    const result = await verifyQvf(memorySource(realBytes(line)), { inflate: inflateNode });
    expect(result.findings).toEqual([]);
    expect(result.checked.join(" ")).not.toMatch(/ContentHash/);
  });

  it.each(undamaged())("$file keeps its content when its model is written anew", async (line) => {
    const app = await openBytes(realBytes(line));
    const bytes = await writtenBytes(await editAppTables(app, await appParts(app), keptTable));
    const { file: _, ...expected } = line;
    expect(await digestApp(await openBytes(bytes))).toEqual(expected);
    const { findings } = await verifyQvf(memorySource(bytes), { inflate: inflateNode });
    expect(findings).toEqual([]);
  });

  it.each(undamaged())("every third row of $file reads back equal, and nothing else is left", async (line) => {
    const app = await openBytes(realBytes(line));
    const edited = await editAppTables(
      app,
      await appParts(app),
      async (table) => {
        const kept = await keptTable(table);
        if (table.isSynthetic) return kept;
        return reducedTable(
          kept,
          Uint8Array.from({ length: table.rows }, (_, row) => (row % 3 === 0 ? 1 : 0)),
        );
      },
      { symbolOrder: "first-use" },
    );
    const bytes = await writtenBytes(edited);
    expect((await verifyQvf(memorySource(bytes), { inflate: inflateNode })).findings).toEqual([]);
    const before = await app.model();
    const after = await (await openBytes(bytes)).model();
    const keys = new Set(before.header.syntheticKeys.map((key) => key.name));
    for (const table of before.tables) {
      if (table.isSystem || table.isSynthetic) continue;
      const found = after.tables.find((t) => t.name === table.name)!;
      // Synthetic keys are numbers of symbols, which change.
      const fields = table.fields.flatMap((field, k) => (keys.has(field.name) ? [] : [k]));
      const expected = (await readRows(table, { fields })).filter((_, row) => row % 3 === 0);
      expect(await readRows(found, { fields })).toEqual(expected);
    }
    for (const field of after.fields) {
      const used = new Set<number>();
      for (const table of after.tables) {
        const ordinal = table.modelFields.indexOf(field);
        if (ordinal < 0) continue;
        for await (const batch of table.scan({ fields: [ordinal] })) {
          for (const index of batch.indexes[0]!.subarray(0, batch.rows)) if (index >= 0) used.add(index);
        }
      }
      expect(used.size, field.name).toBe(field.symbolCount);
    }
  });
});

describe("a reader of one column", () => {
  it.runIf(undamaged().length > 0)("reads a row range as the whole table has it", async () => {
    const line = undamaged().find(({ file }) => file.includes("Exercise3"))!;
    const model = await openQvfModel(await openQvf(memorySource(realBytes(line))), { inflate: inflatePako });
    const table = model.tables[0]!;
    const all = await readRows(table);
    for (const [from, to] of [
      [0, 1],
      [7, 1000],
      [table.rows - 3, table.rows + 5],
    ] as const) {
      expect(await readRows(table, { from, to, batchRows: 97 })).toEqual(all.slice(from, to));
    }
  });
});

describeShared("every damaged real QVF", () => {
  it("there are some", () => {
    expect(damaged().length).toBe(4);
  });

  it.each(damaged())("$file is refused as converted, and its script survives", async (line) => {
    const source = memorySource(realBytes(line));
    const error = await failure("QVF_CONVERTED", () => openQvf(source));
    expect(error.hint).toContain("--salvage");
    const streams = await salvageStreams(source, inflateNode);
    expect(streams.length).toBeGreaterThanOrEqual(7);
    const scripts = streams
      .filter((stream) => stream.format === "gzjson")
      .map((stream) => JSON.parse(new TextDecoder().decode(stream.bytes)) as { qScript?: string })
      .filter((json) => json.qScript !== undefined);
    expect(scripts.length).toBe(1);
    expect(createHash("sha256").update(scripts[0]!.qScript!).digest("hex")).toMatch(/^[0-9a-f]{64}$/);
    expect(scripts[0]!.qScript).toContain("SET ThousandSep");
  });
});
