import { readSync } from "node:fs";
import type { Pointer } from "../kernel/arena.ts";
import { COLUMN_BYTES, getColumn, setColumn } from "../kernel/column.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { CONTROL_WORDS, FAILED, type ScanJob, type SlotPlaces } from "./scan-job.ts";

/** What every thread of a scan does with a chunk it has claimed: the results go to the chunk's slot, then it is told. */
export function chunkScanner(kernel: Kernel, job: ScanJob): (chunk: number) => void {
  const { control } = job;
  return (chunk) => {
    const slot = chunk % job.slots.length;
    Atomics.store(control, CONTROL_WORDS + slot, scanChunk(kernel, job, chunk, job.slots[slot]!));
    Atomics.notify(control, CONTROL_WORDS + slot);
  };
}

/** Rows that were chosen, or {@link FAILED}. */
function scanChunk(kernel: Kernel, job: ScanJob, chunk: number, slot: SlotPlaces): number {
  const { own, recordBytes, chunkRows, tests, unpacks } = job;
  const row = chunk * chunkRows;
  const rows = Math.min(chunkRows, job.rows - row);
  let records = recordsAt(kernel, job, row, rows, tests === 0 && slot.records !== 0 ? slot.records : own.chunk);
  if (records === undefined) return FAILED;
  let kept = rows;
  if (tests > 0) {
    point(kernel, own.tests, tests, records);
    kernel.test(own.tests, tests, rows, slot.mask, false);
    if (takeBeyond(kernel, own.tests, tests)) return FAILED;
    const to = slot.records === 0 ? own.chosen : slot.records;
    if (to === 0) return kernel.countRows(slot.mask, rows);
    kept = kernel.compact(records, recordBytes, rows, slot.mask, to);
    records = to;
  } else if (slot.records !== 0 && records !== slot.records) {
    kernel.copy(slot.records, records, rows * recordBytes);
  }
  if (unpacks > 0) {
    point(kernel, own.unpacks, unpacks, records);
    slot.columns.forEach((table, k) => {
      setColumn(kernel.arena, own.unpacks + k * COLUMN_BYTES, "table", table);
    });
    kernel.unpack(own.unpacks, unpacks, kept);
    if (takeBeyond(kernel, own.unpacks, unpacks)) return FAILED;
  }
  return kept;
}

/** Where the records are; `undefined` if they could not be read, which the caller of the scan tries again and explains. */
function recordsAt(kernel: Kernel, job: ScanJob, row: number, rows: number, to: Pointer): Pointer | undefined {
  const { fd, offset, recordBytes } = job;
  if (fd < 0) return offset + row * recordBytes;
  const bytes = kernel.arena.bytes(to, rows * recordBytes);
  try {
    for (let at = 0; at < bytes.byteLength; ) {
      const got = readSync(fd, bytes, at, bytes.byteLength - at, offset + row * recordBytes + at);
      if (got === 0) return undefined;
      at += got;
    }
    return to;
  } catch {
    return undefined;
  }
}

function point({ arena }: Kernel, columns: Pointer, count: number, records: Pointer): void {
  for (let k = 0; k < count; k++) setColumn(arena, columns + k * COLUMN_BYTES, "base", records);
}

/** True if an index without a symbol was met since it was asked last. */
function takeBeyond({ arena }: Kernel, columns: Pointer, count: number): boolean {
  let met = false;
  for (let k = 0; k < count; k++) {
    met ||= getColumn(arena, columns + k * COLUMN_BYTES, "beyond") !== 0;
    setColumn(arena, columns + k * COLUMN_BYTES, "beyond", 0);
  }
  return met;
}
