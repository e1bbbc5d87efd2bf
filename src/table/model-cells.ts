import { QErr } from "../errors.ts";
import { type Cell, isDual } from "./dual.ts";
import { UNKNOWN_FORMAT } from "./field.ts";
import type { Model, ModelColumn, ModelField, ModelTable } from "./model.ts";
import { DOUBLE, DUAL_DOUBLE, DUAL_INT, INT, type SymbolTable, symbolCell, TEXT, textOffset } from "./symbols.ts";

/** A small table written out: for policy tests, section access, demos. */
export interface CellTable {
  readonly name: string;
  readonly fields: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  readonly loose?: boolean | undefined;
}

/** A model of written-out tables: one domain a column, symbols in order of first use. Throws `MODEL_SHAPE`. */
export function modelOfCells(tables: readonly CellTable[]): Model {
  const fields: ModelField[] = [];
  const byName = new Map<string, number>();
  const domains: SymbolTable[] = [];
  const out: ModelTable[] = tables.map((t) => {
    for (const row of t.rows) {
      if (row.length !== t.fields.length) {
        throw new QErr(
          "MODEL_SHAPE",
          `a row of table "${t.name}" has ${row.length} cells for ${t.fields.length} fields`,
        );
      }
    }
    const columns = t.fields.map((name, at): ModelColumn => {
      let field = byName.get(name);
      if (field === undefined) {
        field = fields.push({ name, numberFormat: UNKNOWN_FORMAT, tags: [], comment: "" }) - 1;
        byName.set(name, field);
      }
      const { symbols, index } = indexCells(t.rows.map((row) => row[at]!));
      return { field, domain: domains.push(symbols) - 1, index };
    });
    const twice = columns.find((c, i) => columns.findIndex((d) => d.field === c.field) !== i);
    if (twice !== undefined) {
      throw new QErr("MODEL_SHAPE", `table "${t.name}" has the field "${fields[twice.field]!.name}" twice`);
    }
    return { name: t.name, comment: "", rows: t.rows.length, columns, loose: t.loose === true, synthetic: false };
  });
  return { fields, domains, tables: out };
}

/** The cells of one table, row by row; for small results. */
export function cellsOf(model: Model, table: number): Cell[][] {
  const t = model.tables[table]!;
  const rows: Cell[][] = [];
  for (let r = 0; r < t.rows; r++) {
    rows.push(t.columns.map((c) => (c.index[r]! < 0 ? null : symbolCell(model.domains[c.domain]!, c.index[r]!))));
  }
  return rows;
}

function indexCells(cells: readonly Cell[]): { symbols: SymbolTable; index: Int32Array } {
  const seen = new Map<string, number>();
  const distinct: Exclude<Cell, null>[] = [];
  const index = new Int32Array(cells.length);
  cells.forEach((cell, r) => {
    if (cell === null) {
      index[r] = -1;
      return;
    }
    const key = cellKey(cell);
    let at = seen.get(key);
    if (at === undefined) {
      at = distinct.push(cell) - 1;
      seen.set(key, at);
    }
    index[r] = at;
  });
  return { symbols: encodeSymbols(distinct), index };
}

/** Exact identity of a cell: `-0` and `0` differ, and so do a number and a dual of the same number. */
function cellKey(cell: Exclude<Cell, null>): string {
  const number = (n: number): string => (Object.is(n, -0) ? "-0" : String(n));
  if (typeof cell === "string") return `t${cell}`;
  return isDual(cell) ? `d${number(cell.number)} ${cell.text}` : `n${number(cell)}`;
}

/** The entries of these values in the QVD encoding (SPEC 3.4). */
export function encodeSymbols(cells: readonly Exclude<Cell, null>[]): SymbolTable {
  const encoder = new TextEncoder();
  const entries = cells.map((cell) => {
    const number = typeof cell === "number" ? cell : isDual(cell) ? cell.number : undefined;
    const text = typeof cell === "string" ? cell : isDual(cell) ? cell.text : undefined;
    const whole = number !== undefined && Object.is(number | 0, number);
    const kind =
      number === undefined ? TEXT : text === undefined ? (whole ? INT : DOUBLE) : whole ? DUAL_INT : DUAL_DOUBLE;
    const utf8 = text === undefined ? undefined : encoder.encode(text);
    const head = kind === INT ? 5 : kind === DOUBLE ? 9 : textOffset(kind);
    const entry = new Uint8Array(utf8 === undefined ? head : head + utf8.length + 1);
    entry[0] = kind;
    const view = new DataView(entry.buffer);
    if (number !== undefined && whole) view.setInt32(1, number, true);
    else if (number !== undefined) view.setFloat64(1, number, true);
    if (utf8 !== undefined) entry.set(utf8, head);
    return entry;
  });
  const starts = new Uint32Array(entries.length + 1);
  entries.forEach((e, i) => {
    starts[i + 1] = starts[i]! + e.length;
  });
  const bytes = new Uint8Array(starts[entries.length]!);
  entries.forEach((e, i) => {
    bytes.set(e, starts[i]);
  });
  return { bytes, starts, count: entries.length };
}
