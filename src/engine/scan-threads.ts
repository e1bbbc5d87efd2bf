import type { SelectedRecords, Selection, SelectRequest } from "../table/reduce-select.ts";
import type { ScanPool } from "./scan-pool.ts";

/** A selection for `reduceQvd` that the threads of a pool make, reading the file by its descriptor. */
export function threadedSelection(pool: ScanPool, fd: number): Selection {
  return async function* select(request: SelectRequest): AsyncGenerator<SelectedRecords> {
    const { offset, recordBytes, rows, chunkRows, columns, signal } = request;
    const work = { recordBytes, rows, chunkRows, test: columns, records: true, unpack: [] };
    for await (const { row, rows, kept, records } of pool.scan({ place: { fd, offset }, ...work, signal })) {
      yield { row, rows, kept: kept ?? 0, records: kept === undefined ? undefined : records };
    }
  };
}
