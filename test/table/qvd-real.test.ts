import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { digestTable } from "../../src/engine/digest.ts";
import { isQErr } from "../../src/errors.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import { tableBuilder } from "../../src/table/builder.ts";
import { openQvdTable, type QvdTable } from "../../src/table/qvd-table.ts";
import { verifyQvd } from "../../src/table/qvd-verify.ts";
import { rewriteQvd, type TableToWrite, writeQvd } from "../../src/table/qvd-write.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { digestLines } from "../helpers/digests.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { transpose } from "../helpers/tables.ts";

/** The one file that no Qlik wrote: PyQvd does not pad its records to whole bytes of owned bits. */
const WRITTEN_BY_PYQVD = "qvd/slothflowlabs-duckle/";

async function load(file: string): Promise<Uint8Array> {
  return readFile(sharedPath("data", file));
}

async function written(table: TableToWrite): Promise<QvdTable> {
  const sink = memorySink();
  await writeQvd(sink, table);
  await sink.commit();
  const bytes = sink.result();
  expect((await verifyQvd(memorySource(bytes))).findings).toEqual([]);
  return openQvdTable(memorySource(bytes));
}

/** The table as a new file: its symbols and indexes, a layout of our own. */
async function copied(table: QvdTable): Promise<QvdTable> {
  const columns = [];
  for (const [ordinal, field] of table.fields.entries()) {
    columns.push({ ...field, symbols: await table.symbols(ordinal) });
  }
  return written({ name: table.name, columns, rows: table.rows, batches: table.scan() });
}

/** The table rebuilt from nothing but its cells, a thousand rows at a time. */
async function rebuilt(table: QvdTable): Promise<QvdTable> {
  const builder = tableBuilder(table.fields.map(({ name }) => ({ name })));
  for (let from = 0; from < table.rows; from += 50_000) {
    await builder.add(transpose(await readRows(table, { from, to: from + 50_000 }), table.fields.length));
  }
  const { columns, rows, batches } = builder.finish();
  return written({ name: table.name, columns, rows, batches: batches() });
}

describeShared("real QVDs", () => {
  const lines = digestLines("qvd");

  it("are there in number, damaged ones among them", () => {
    expect(lines.length).toBeGreaterThan(100);
    expect(lines.filter((line) => line.error).length).toBe(2);
  });

  for (const line of lines.filter((l) => !l.error)) {
    it(`${line.file}: equal digests read, copied and rebuilt; byte for byte rewritten; no finding`, async () => {
      const bytes = await load(line.file);
      const table = await openQvdTable(memorySource(bytes));
      expect([await digestTable(table)]).toEqual(line.tables);

      const sink = memorySink();
      await rewriteQvd(sink, table);
      await sink.commit();
      expect(Buffer.compare(sink.result(), bytes)).toBe(0);

      const expected = line.tables?.[0]?.columns;
      expect((await digestTable(await copied(table))).columns).toEqual(expected);
      expect((await digestTable(await rebuilt(table))).columns).toEqual(expected);

      const codes = (await verifyQvd(memorySource(bytes))).findings.map((finding) => finding.code);
      expect(codes).toEqual(line.file.startsWith(WRITTEN_BY_PYQVD) ? ["QVD_UNOWNED_BITS"] : []);
    });
  }

  for (const line of lines.filter((l) => l.error)) {
    it(`${line.file}: is refused, and verify says where`, async () => {
      const source = memorySource(await load(line.file));
      const error = await openQvdTable(source)
        .then(digestTable)
        .catch((e: unknown) => e);
      if (!isQErr(error)) throw error;
      expect(error.errorClass).toBe("damaged");
      const { findings } = await verifyQvd(source);
      expect(findings.some((f) => f.level === "damage" && f.offset !== undefined)).toBe(true);
    });
  }
});
