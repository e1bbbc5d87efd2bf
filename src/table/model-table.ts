import { QErr } from "../errors.ts";
import type { Model } from "./model.ts";
import { checkScan } from "./scan-plan.ts";
import type { Batch, ScanOptions, Table } from "./table.ts";

const BATCH_ROWS = 65_536;

/** One table of a model as a table like any other, to export, write or show. Its symbols are those of the model. */
export function modelTable(model: Model, ordinal: number): Table {
  const t = model.tables[ordinal]!;
  return {
    name: t.name,
    comment: t.comment,
    rows: t.rows,
    fields: t.columns.map((c) => {
      const symbolCount = model.domains[c.domain]!.count;
      const nullable = c.index.includes(-1);
      const states = symbolCount + (nullable ? 2 : 0);
      const bitWidth = states <= 1 ? 0 : 32 - Math.clz32(states - 1);
      return { ...model.fields[c.field]!, symbolCount, bitWidth, nullable };
    }),
    async symbols(at) {
      const column = t.columns[at];
      if (column === undefined) throw new QErr("TABLE_NO_FIELD", `there is no field number ${at}`);
      return model.domains[column.domain]!;
    },
    scan: (options) => scan(model, ordinal, options),
    async close() {},
  };
}

async function* scan(model: Model, ordinal: number, options: ScanOptions = {}): AsyncGenerator<Batch> {
  const t = model.tables[ordinal]!;
  const { fields, from, to, batchRows = BATCH_ROWS } = checkScan(t.columns.length, t.rows, options);
  for (let at = from; at < to; at += batchRows) {
    if (options.signal?.aborted) throw new QErr("CANCELLED", "the scan was cancelled");
    const end = Math.min(at + batchRows, to);
    // A copy: readers may write into what they are handed.
    yield { rowStart: at, rows: end - at, indexes: fields.map((k) => t.columns[k]!.index.slice(at, end)) };
    options.onProgress?.(end - from, to - from);
  }
}
