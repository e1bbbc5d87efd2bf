import type { ByteSource } from "./source.ts";

/** What was asked of a source; tests hold laziness by it. */
export interface FetchCount {
  fetches: number;
  bytes: number;
  /** Every range asked for, in order. */
  readonly ranges: { readonly offset: number; readonly length: number }[];
}

export interface CountingSource extends ByteSource {
  readonly count: FetchCount;
}

/** Passes everything to `inner` and keeps count. */
export function countingSource(inner: ByteSource): CountingSource {
  const count: FetchCount = { fetches: 0, bytes: 0, ranges: [] };
  const add = (offset: number, length: number) => {
    count.fetches += 1;
    count.bytes += length;
    count.ranges.push({ offset, length });
  };
  return {
    size: inner.size,
    name: inner.name,
    count,
    read(offset, length) {
      add(offset, length);
      return inner.read(offset, length);
    },
    readInto(offset, target) {
      add(offset, target.byteLength);
      return inner.readInto(offset, target);
    },
    close: () => inner.close(),
  };
}
