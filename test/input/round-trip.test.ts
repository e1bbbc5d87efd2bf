import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readJson } from "../../src/input/json.ts";
import { readNdjson } from "../../src/input/ndjson.ts";
import type { ByteStream, RowReader } from "../../src/input/row-reader.ts";
import { writeJson, writeNdjson } from "../../src/output/json.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import { tableBuilder } from "../../src/table/builder.ts";
import type { Cell } from "../../src/table/dual.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { writeQvd } from "../../src/table/qvd-write.ts";
import type { Table } from "../../src/table/table.ts";
import { anyTable } from "../helpers/made-tables.ts";
import { inPieces, written } from "../helpers/read.ts";

async function importQvd(reader: RowReader): Promise<Table> {
  const builder = tableBuilder(reader.fields);
  for await (const batch of reader.batches()) await builder.add(batch);
  const { columns, rows, batches } = builder.finish();
  const sink = memorySink();
  await writeQvd(sink, { name: "t", createdUtc: new Date(0), columns, rows, batches: batches() });
  await sink.commit();
  return openQvdTable(memorySource(sink.result()));
}

const holdsNul = (cell: Cell): boolean =>
  (typeof cell === "string" && cell.includes("\0")) ||
  (typeof cell === "object" && cell !== null && cell.text.includes("\0"));

/** What a QVD header cannot say of a name. */
const plainName = (name: string): boolean => /^[\x20-\x7e]+$/.test(name);

describe.each<[string, typeof writeJson, (stream: ByteStream) => Promise<RowReader>]>([
  ["JSON", writeJson, readJson],
  ["NDJSON", writeNdjson, readNdjson],
])("%s", (_, write, read) => {
  test("table to text to QVD to text: the second text is the first, byte for byte", async () => {
    await fc.assert(
      fc.asyncProperty(anyTable, async (m) => {
        fc.pre(m.rows.length > 0 && m.names.every(plainName) && !m.rows.some((row) => row.some(holdsNul)));
        const first = await written(write, m.table);
        const table = await importQvd(await read(inPieces(first, [100])));
        const second = await written(write, { ...table, name: m.table.name });
        expect(new TextDecoder().decode(second)).toBe(new TextDecoder().decode(first));
      }),
      { numRuns: 150 },
    );
  });
});
