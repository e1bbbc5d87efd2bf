import { needs } from "../errors.ts";
import type { Spool } from "../source/spool.ts";
import type { Cell } from "./dual.ts";
import { type NumberFormat, UNKNOWN_FORMAT } from "./field.ts";
import { type IndexBudget, type IndexStore, indexStore } from "./index-store.ts";
import { type Interner, interner } from "./interner.ts";
import type { ColumnToWrite } from "./qvd-write.ts";
import type { Batch } from "./table.ts";

/** A field to be built; the rest is found from its values. */
export interface FieldToBuild {
  readonly name: string;
  readonly numberFormat?: NumberFormat | undefined;
  readonly comment?: string | undefined;
  readonly tags?: readonly string[] | undefined;
}

export interface BuilderOptions {
  /** Bytes of indexes kept in memory before they go to the spool; 256 MiB if left out. */
  readonly indexBytes?: number | undefined;
  /** Opens temporary space, once, when the indexes outgrow memory. Without it everything stays in memory. */
  readonly spool?: (() => Promise<Spool>) | undefined;
}

/** What a builder made: pass it to `writeQvd`. `close` gives back the temporary space. */
export interface BuiltTable {
  readonly columns: readonly ColumnToWrite[];
  readonly rows: number;
  batches(): AsyncIterable<Batch>;
  close(): Promise<void>;
}

/**
 * Builds a table from values: rows come in batches of columns, symbols are collected in first-occurrence order, indexes
 * are kept narrow.
 */
export interface TableBuilder {
  /** Appends rows: one array a field, all of one length. */
  add(columns: readonly (readonly Cell[])[]): Promise<void>;
  finish(): BuiltTable;
  /** Gives back the temporary space of a table that will not be finished. */
  close(): Promise<void>;
}

/** Rows of one run in the index stores, and of one batch when they are read back; fewer where there are many columns. */
const RUN_ROWS = 65_536;
const RUN_CELLS = 2 ** 22;

function rowsOfRun(columns: number): number {
  return Math.max(64, Math.min(RUN_ROWS, Math.floor(RUN_CELLS / Math.max(1, columns))));
}

interface ColumnInProgress {
  readonly field: FieldToBuild;
  readonly symbols: Interner;
  readonly store: IndexStore;
  readonly run: Int32Array;
  nullable: boolean;
  numbers: number;
  integers: number;
}

export function tableBuilder(fields: readonly FieldToBuild[], options: BuilderOptions = {}): TableBuilder {
  let spool: Promise<Spool> | undefined;
  const open = options.spool;
  const budget: IndexBudget = {
    left: options.indexBytes ?? 256 * 1024 * 1024,
    spool: open === undefined ? undefined : () => (spool ??= open()),
  };
  const most = rowsOfRun(fields.length);
  const columns = fields.map((field): ColumnInProgress => {
    const run = new Int32Array(most);
    return { field, symbols: interner(), store: indexStore(budget), run, nullable: false, numbers: 0, integers: 0 };
  });
  let rows = 0;
  let runRows = 0;
  let runs = 0;

  async function flush(): Promise<void> {
    if (runRows === 0) return;
    for (const column of columns) await column.store.append(column.run, runRows);
    runs += 1;
    runRows = 0;
  }

  async function close(): Promise<void> {
    const opened = spool;
    spool = undefined;
    await (await opened)?.close();
  }

  async function add(cells: readonly (readonly Cell[])[]): Promise<void> {
    needs(
      cells.length === columns.length,
      "TABLE_ROWS",
      `${columns.length} columns were expected, ${cells.length} came`,
    );
    const count = cells[0]?.length ?? 0;
    for (const column of cells) {
      needs(column.length === count, "TABLE_ROWS", "the columns of a batch have different lengths");
    }
    for (let from = 0; from < count; ) {
      const to = Math.min(count, from + most - runRows);
      columns.forEach((column, k) => {
        addCells(column, cells[k]!, from, to, runRows);
      });
      runRows += to - from;
      rows += to - from;
      from = to;
      if (runRows === most) await flush();
    }
  }

  return {
    add,
    finish() {
      const made = columns.map(finishColumn);
      return {
        columns: made,
        rows,
        close,
        async *batches() {
          // The last run is still in the columns' own arrays.
          const indexes = columns.map(() => new Int32Array(Math.min(most, rows)));
          for (let run = 0; run < runs; run++) {
            await Promise.all(columns.map((column, k) => column.store.load(run, indexes[k]!)));
            yield { rowStart: run * most, rows: most, indexes };
          }
          if (runRows > 0) yield { rowStart: runs * most, rows: runRows, indexes: columns.map((c) => c.run) };
        },
      };
    },
    close,
  };
}

function addCells(column: ColumnInProgress, cells: readonly Cell[], from: number, to: number, at: number): void {
  const { symbols, run } = column;
  for (let row = from; row < to; row++) {
    const cell = cells[row]!;
    if (cell === null) {
      column.nullable = true;
      run[at + row - from] = -2;
      continue;
    }
    const before = symbols.count;
    run[at + row - from] = symbols.add(cell);
    if (symbols.count === before) continue;
    const number = typeof cell === "number" ? cell : typeof cell === "string" ? undefined : cell.number;
    if (number === undefined) continue;
    column.numbers += 1;
    if (Number.isInteger(number)) column.integers += 1;
  }
}

function finishColumn(column: ColumnInProgress): ColumnToWrite {
  const { field, nullable } = column;
  const symbols = column.symbols.table();
  return {
    name: field.name,
    numberFormat: field.numberFormat ?? UNKNOWN_FORMAT,
    comment: field.comment ?? "",
    tags: field.tags ?? tagsOf(symbols.count, column.numbers, column.integers),
    symbols,
    nullable,
  };
}

/** The tags Qlik gives by content: all numbers, all whole numbers, or all texts. A mixed field has none. */
function tagsOf(symbols: number, numbers: number, integers: number): readonly string[] {
  if (symbols === 0) return [];
  if (numbers === symbols) return integers === symbols ? ["$numeric", "$integer"] : ["$numeric"];
  return numbers === 0 ? ["$text"] : [];
}
