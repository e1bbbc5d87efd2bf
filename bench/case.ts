/** One thing to measure. Preparing is not timed. */
export interface BenchCase {
  readonly name: string;
  /** What the work is, in a line. */
  readonly about: string;
  /** Makes the files it needs, in another process, so that their making is not in the peak memory. */
  readonly make?: (folder: string) => Promise<void>;
  readonly prepare: (folder: string) => Promise<PreparedCase>;
}

export interface PreparedCase {
  /** Rows and bytes that one run goes through; rates are made from them. */
  readonly rows: number;
  readonly bytes: number;
  readonly run: () => Promise<void>;
}

/** What came of a case; times in milliseconds. */
export interface BenchResult {
  readonly name: string;
  readonly about: string;
  readonly rows: number;
  readonly bytes: number;
  readonly samples: number;
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
  /** By the median. */
  readonly rowsPerSecond: number;
  readonly megabytesPerSecond: number;
  /** Peak resident memory of the process that ran this case alone, preparation included, the making of files not. */
  readonly peakMegabytes: number;
}
