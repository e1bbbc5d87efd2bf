import { threadedSelection } from "../src/engine/scan-threads.ts";
import { fileSource } from "../src/source/file.ts";
import { memorySink } from "../src/source/sink.ts";
import { openQvdTable } from "../src/table/qvd-table.ts";
import type { Selection } from "../src/table/reduce-select.ts";
import { reduceQvd } from "../src/table/reduce-table.ts";
import { allowedRegion, REGION } from "./wide-table.ts";

/** Times of one selection in milliseconds. */
export interface SelectionTimes {
  /** With the start of the threads. */
  readonly whole: number;
  /** From the first chunk on. */
  readonly scan: number;
}

/** Reads, tests and compacts every record of a file with so many threads; numbers and writes nothing that counts. */
export async function timeSelection(path: string, threads: number): Promise<SelectionTimes> {
  const source = await fileSource(path);
  try {
    const select = threadedSelection(source.fd, { threads });
    if (select === undefined) throw new Error("there is no WebAssembly here");
    let start = 0;
    let first = 0;
    let end = 0;
    // The reduction asks for the selection, and gets an empty one when it was timed.
    const timed: Selection = async function* timed(request) {
      start = performance.now();
      for await (const { records } of select(request)) {
        if (records === undefined) throw new Error("a chunk was not scanned");
        if (first === 0) first = performance.now();
        end = performance.now();
      }
      yield* [];
    };
    const table = await openQvdTable(source);
    await reduceQvd(memorySink(), table, { allowed: [{ ordinal: REGION, allows: allowedRegion }], select: timed });
    return { whole: end - start, scan: end - first };
  } finally {
    await source.close();
  }
}
