import type { NumberFormat } from "./field.ts";
import type { SymbolTable } from "./symbols.ts";

/**
 * All tables of one app in memory: columns of symbol indexes over symbol tables. What several tables call by the same
 * field name is one field, and rows associate through it.
 *
 *     Model -- fields    name, format, tags                  one per name
 *           -- domains   symbol tables                       one per field (QVF), or one per column (a folder of QVDs)
 *           -- tables -- columns   field, domain, index[row]
 *
 * Columns keep their own domain, so that texts are never merged ("1" of one file, "1.0" of another) and a reduced app
 * cannot show the text of a hidden row. Equal values meet through ids (model-identity.ts).
 */
export interface Model {
  readonly fields: readonly ModelField[];
  readonly domains: readonly SymbolTable[];
  readonly tables: readonly ModelTable[];
}

/** One field name with what is known of it. */
export interface ModelField {
  readonly name: string;
  readonly numberFormat: NumberFormat;
  readonly tags: readonly string[];
  readonly comment: string;
}

export interface ModelTable {
  readonly name: string;
  readonly comment: string;
  readonly rows: number;
  readonly columns: readonly ModelColumn[];
  /** True if the file says that this table is loosely coupled. */
  readonly loose: boolean;
  /** True for a stored synthetic table (`$Syn 1 Table`): it takes part, but is not a table of the user. */
  readonly synthetic: boolean;
}

export interface ModelColumn {
  /** Ordinal in {@link Model.fields}. */
  readonly field: number;
  /** Ordinal in {@link Model.domains}. */
  readonly domain: number;
  /** Symbol of the domain per row; -1 means NULL, and there is no other negative. */
  readonly index: Int32Array;
}

/** Ordinal of the table of this exact name, or -1. */
export function tableNamed(model: Model, name: string): number {
  return model.tables.findIndex((t) => t.name === name);
}

/** Ordinal of the field of this exact name, or -1. */
export function fieldNamed(model: Model, name: string): number {
  return model.fields.findIndex((f) => f.name === name);
}

/** Bytes held by the index columns and symbol tables, each array counted once. */
export function modelBytes(model: Model): number {
  const seen = new Set<ArrayBufferLike>();
  let bytes = 0;
  const add = (a: Uint8Array | Uint32Array | Int32Array): void => {
    if (seen.has(a.buffer)) return;
    seen.add(a.buffer);
    bytes += a.buffer.byteLength;
  };
  for (const d of model.domains) {
    add(d.bytes);
    add(d.starts);
  }
  for (const t of model.tables) for (const c of t.columns) add(c.index);
  return bytes;
}
