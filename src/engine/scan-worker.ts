// The entry of a scanning thread: claims chunk after chunk, reads it, and leaves the chosen records in the chunk's slot.

import { readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { COLUMN_BYTES, getColumn, setColumn } from "../kernel/column.ts";
import { attachKernel } from "../kernel/wasm.ts";
import { NEXT, type ScanJob, type ScannedChunk, TAKEN } from "./scan-job.ts";

/** Only `scan-threads.ts` starts this file, and it hands over nothing else. */
const job = workerData as ScanJob;
const { fd, offset, recordBytes, rows, chunkRows, columns, count, chunk: records, mask, slots } = job;
const { arena, test, compact } = attachKernel(job.memory, job.build);
const control = new Int32Array(job.memory.buffer, job.control, 2);
const bytes = arena.bytes(records, chunkRows * recordBytes);
for (let k = 0; k < count; k++) setColumn(arena, columns + k * COLUMN_BYTES, "base", records);

for (;;) {
  const chunk = Atomics.add(control, NEXT, 1);
  if (chunk * chunkRows >= rows) break;
  // The slot is free when the chunk that had it before was taken.
  for (let taken: number; (taken = Atomics.load(control, TAKEN)) <= chunk - slots.length; ) {
    Atomics.wait(control, TAKEN, taken);
  }
  const message: ScannedChunk = { chunk, kept: scan(chunk) };
  parentPort?.postMessage(message);
}

function scan(chunk: number): number {
  const row = chunk * chunkRows;
  const n = Math.min(chunkRows, rows - row);
  if (!readAll(offset + row * recordBytes, n * recordBytes)) return -1;
  test(columns, count, n, mask, false);
  for (let k = 0; k < count; k++) if (getColumn(arena, columns + k * COLUMN_BYTES, "beyond") !== 0) return -1;
  return compact(records, recordBytes, n, mask, slots[chunk % slots.length]!);
}

/** False if it could not be read: the main thread then tries it again, and says what is wrong. */
function readAll(position: number, length: number): boolean {
  try {
    for (let at = 0; at < length; ) {
      const got = readSync(fd, bytes, at, length - at, position + at);
      if (got === 0) return false;
      at += got;
    }
    return true;
  } catch {
    return false;
  }
}
