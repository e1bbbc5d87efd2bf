import { type ExportFormat, exportTable } from "../../src/engine/export.ts";
import { type ImportFormat, importTable } from "../../src/engine/import.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { mutateJson, mutateJsonLines } from "./mutate-text.ts";
import { must, type Target } from "./target.ts";

const TABLE = memoryTable(
  "Seed",
  ["Id", "Text", "Mixed"],
  [
    [1, 2, 3, 4],
    ["a", 'b "quoted", c', null, "d\r\ne"],
    [0.5, "x", null, -1e300],
  ],
);

async function exported(format: ExportFormat): Promise<Uint8Array> {
  const sink = memorySink();
  await exportTable(TABLE, sink, { format } as Parameters<typeof exportTable>[2]);
  await sink.commit();
  return sink.result();
}

async function imported(data: Uint8Array, format: ImportFormat): Promise<Uint8Array> {
  const sink = memorySink();
  await importTable(memorySource(data, `f.${format}`), sink, { format, fallbackName: "f", numbers: true });
  await sink.commit();
  return sink.result();
}

const rowsOf = async (qvd: Uint8Array) => readRows(await openQvdTable(memorySource(qvd)));

/** Whatever is read is written and read again, and stays the same. */
async function steady(data: Uint8Array, format: "csv" | "json" | "ndjson"): Promise<void> {
  const qvd = await imported(data, format);
  const table = await openQvdTable(memorySource(qvd));
  const rows = await readRows(table);
  must(rows.length === table.rows, "the table has another number of rows than it says");
  if (format !== "json") return;
  const sink = memorySink();
  await exportTable(table, sink, { format: "json" } as Parameters<typeof exportTable>[2]);
  await sink.commit();
  const again = await rowsOf(await imported(sink.result(), "json"));
  must(JSON.stringify(again) === JSON.stringify(rows), "read(write(read(x))) is not read(x)");
}

const text = (...texts: string[]) => texts.map((each) => new TextEncoder().encode(each));

const csv: Target = {
  name: "csv",
  files: ["input/csv.ts", "input/csv-record.ts", "input/records.ts"],
  maxBytes: 16 * 1024,
  mutators: [],
  words: [",", '"', '""', "\r\n", "\n", ";", "\ufeff", "007", "1e5"],
  seeds: async () => [
    await exported("csv"),
    ...text("a,b\n1,2\n", 'a\r\n"x\r\ny"\r\n', "\ufeffa;b\r\n", "a,a\n1", "", '"', "a\n\n\n"),
  ],
  run: (data) => steady(data, "csv"),
};

const json: Target = {
  name: "json",
  files: ["input/json.ts", "input/json-text.ts", "input/records.ts"],
  maxBytes: 16 * 1024,
  mutators: [mutateJson],
  words: ["null", "true", "1e999", '{"number":1,"text":"01"}', "\\u0000", "\\ud800", '"fields"', '"rows"', '"table"'],
  seeds: async () => [await exported("json"), ...text("{}", "[]", '{"table":"t","fields":["a"],"rows":[[1]]}')],
  run: (data) => steady(data, "json"),
};

const ndjson: Target = {
  name: "ndjson",
  files: ["input/ndjson.ts", "input/json-text.ts", "input/records.ts"],
  maxBytes: 16 * 1024,
  mutators: [mutateJsonLines],
  words: ["null", "true", "1e999", '{"number":1,"text":"01"}', "\\u0000", "\\ud800", "\n", "9007199254740993"],
  seeds: async () => [await exported("ndjson"), ...text('{"a":1}\n{"b":2}\n', "{}\n", '{"a":1,"a":2}')],
  run: (data) => steady(data, "ndjson"),
};

const parquet: Target = {
  name: "parquet",
  files: ["input/parquet.ts", "input/parquet-value.ts", "input/parquet-codec.ts"],
  maxBytes: 32 * 1024,
  mutators: [],
  words: ["PAR1", "UTF8", "DECIMAL"],
  seeds: async () => [await exported("parquet")],
  async run(data) {
    await rowsOf(await imported(data, "parquet"));
  },
};

export const INPUT_TARGETS: readonly Target[] = [csv, json, ndjson, parquet];
