/**
 * Chooses the records of a reduction elsewhere, such as in other threads. Every chunk comes once, in the order of the
 * table, with its chosen records one after the other.
 */
export type Selection = (request: SelectRequest) => AsyncIterable<SelectedRecords>;

export interface SelectRequest {
  /** Of row 0 in the source. */
  readonly offset: number;
  readonly recordBytes: number;
  readonly rows: number;
  /** Rows of every chunk but the last. */
  readonly chunkRows: number;
  readonly columns: readonly SelectColumn[];
  readonly signal: AbortSignal | undefined;
}

/** A field to be tested, as the kernel's `test` takes it. */
export interface SelectColumn {
  readonly bitOffset: number;
  readonly bitWidth: number;
  readonly bias: number;
  /** Stored indexes that have a bit. */
  readonly entries: number;
  /** A copy of the bit table, in stored space. */
  readonly bits: Uint8Array;
}

export interface SelectedRecords {
  readonly row: number;
  readonly rows: number;
  readonly kept: number;
  /** Good until the next is asked for; `undefined` if this chunk is to be chosen by the caller, who meets what is wrong. */
  readonly records: Uint8Array | undefined;
}
