import { unpackField } from "../bytes/bitfield.ts";
import type { QvdHeader } from "../container/qvd/header.ts";
import { QErr, quoted } from "../errors.ts";
import { recordChunks } from "./record-chunks.ts";
import { kernelUnpacker, type PlacedField, scriptUnpacker } from "./record-unpack.ts";
import { checkScan, type ScanPlan } from "./scan-plan.ts";
import type { RowStore, Strip } from "./strips.ts";
import type { Batch, ScanOptions } from "./table.ts";

/** Record bytes fetched at a time: large enough for a disk, small enough for the second-level cache. */
const CHUNK_BYTES = 1024 * 1024;
/** Rows a batch at the most, whatever the record size: bounds the index arrays to 256 KiB a field. */
const CHUNK_ROWS = 65_536;
/** Indexes in a batch: bounds the index arrays of all fields to 64 MiB, as a table may have thousands of fields. */
const CHUNK_INDEXES = 16 * 1024 * 1024;

/** Cells from which on a kernel is worth its start (some milliseconds). */
const KERNEL_CELLS = 262_144;

/**
 * Reads rows as symbol indexes. Nothing is fetched of a strip that has no field of those asked for.
 * @throws `QVD_INDEX` if an index has no symbol; `CANCELLED`, and what reading throws
 */
export async function* scanRows(store: RowStore, header: QvdHeader, options: ScanOptions = {}): AsyncGenerator<Batch> {
  const plan: ScanPlan = checkScan(header.fields.length, header.noOfRecords, options);
  const { from, to } = plan;
  const { strips, fields } = asked(store, header, plan.fields);
  const sizes = strips.map((strip) => strip.recordBytes);
  const chunkRows = rowsABatch(
    plan,
    sizes.reduce((sum, size) => sum + size, 0),
  );
  const room = Math.min(chunkRows, to - from);
  const make = (to - from) * fields.length < KERNEL_CELLS ? scriptUnpacker : kernelUnpacker;
  const { records, indexes, unpack, wipe } = make(sizes, fields, room);
  try {
    for await (const { buffer, row, rows } of recordChunks(
      { strips, from, to, chunkRows, signal: options.signal },
      records,
    )) {
      const bad = unpack(buffer, rows);
      if (bad >= 0) throw outOfRange(strips, fields[bad]!, records[buffer], row);
      yield { rowStart: row, rows, indexes };
      options.onProgress?.(row + rows - from, to - from);
    }
  } finally {
    if (store.secret) wipe();
  }
}

/** A field of a scan; its strip is counted among those that are read. */
type ScannedField = PlacedField & { readonly name: string };

/** The strips that have bits of these fields, and the fields in them. */
function asked({ strips, places }: RowStore, header: QvdHeader, ordinals: readonly number[]) {
  const used = [...new Set(ordinals.map((ordinal) => places[ordinal]!.strip))];
  const fields = ordinals.map((ordinal): ScannedField => {
    const { name, noOfSymbols } = header.fields[ordinal]!;
    const place = places[ordinal]!;
    return { ...place, strip: used.indexOf(place.strip), name, noOfSymbols };
  });
  return {
    fields,
    strips: used.map((strip, k): Strip => {
      const needed = fields.some((f) => f.strip === k && f.bitWidth > 0);
      return needed ? strips[strip]! : { ...strips[strip]!, recordBytes: 0 };
    }),
  };
}

function rowsABatch(plan: ScanPlan, recordBytes: number): number {
  const byBytes = Math.floor(CHUNK_BYTES / Math.max(1, recordBytes));
  const byIndexes = Math.floor(CHUNK_INDEXES / Math.max(1, plan.fields.length));
  return Math.max(1, Math.min(plan.batchRows ?? CHUNK_ROWS, CHUNK_ROWS, byBytes, byIndexes));
}

/** The error for the first record whose index of this field has no symbol; there is one. */
function outOfRange(
  strips: readonly Strip[],
  field: ScannedField,
  records: readonly Uint8Array[],
  rowStart: number,
): QErr {
  const { name, noOfSymbols, bitOffset, bitWidth, bias } = field;
  const { name: part, recordBytes, offset } = strips[field.strip]!;
  const one = new Int32Array(1);
  // The index itself may not fit an int32, so it is taken from what unpacking says, record by record.
  const indexAt = (row: number) =>
    unpackField(records[field.strip]!.subarray(row * recordBytes), recordBytes, 1, bitOffset, bitWidth, bias, one);
  let first = 0;
  while (indexAt(first) < noOfSymbols) first += 1;
  const row = rowStart + first;
  const message = `${part}: row ${row} refers to symbol ${indexAt(first)} of field ${quoted(name)}, which has ${noOfSymbols}`;
  return new QErr("QVD_INDEX", message, {
    part,
    offset: offset === undefined ? undefined : offset + row * recordBytes,
    length: offset === undefined ? undefined : recordBytes,
  });
}
