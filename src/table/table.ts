import type { Field } from "./field.ts";
import type { SymbolTable } from "./symbols.ts";

/** One table, wherever it is stored: fields known at once, symbols and rows fetched when asked for. */
export interface Table {
  readonly name: string;
  readonly comment: string;
  readonly rows: number;
  readonly fields: readonly Field[];
  /**
   * The symbol table of field number `ordinal`; fetched on first use and kept while the table is open.
   * @throws `QVD_SYMBOL` (or the container's like) if the entries are damaged.
   */
  symbols(ordinal: number): Promise<SymbolTable>;
  /** Rows as symbol indexes, in row order. Only the record bytes of the asked range are fetched, never a symbol. */
  scan(options?: ScanOptions): AsyncIterable<Batch>;
  close(): Promise<void>;
}

export interface ScanOptions {
  /** Ordinals of the fields wanted, in the order wanted; all if left out. */
  readonly fields?: readonly number[] | undefined;
  /** First row, 0 if left out. */
  readonly from?: number | undefined;
  /** Row after the last, all if left out. */
  readonly to?: number | undefined;
  /** Rows a batch at the most; the default suits the container. */
  readonly batchRows?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each batch with the number of rows done, and of rows asked for. */
  readonly onProgress?: ((done: number, all: number) => void) | undefined;
}

/**
 * A run of rows. `indexes[k][r]` is the symbol index of field `fields[k]` in row `rowStart + r`; negative means NULL,
 * and every other index is below the field's symbol count (checked). The arrays are reused: they hold until the next
 * batch is asked for, and only their first `rows` entries count.
 */
export interface Batch {
  readonly rowStart: number;
  readonly rows: number;
  readonly indexes: readonly Int32Array[];
}
