import { needs } from "../errors.ts";
import { Arena, type Pointer } from "../kernel/arena.ts";
import { COLUMN_BYTES, storedCount, writeColumns, writeSymbolBits } from "../kernel/column.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { bitTableBytes, maskBytes } from "../kernel/sizes.ts";
import { MAX_KERNEL_BYTES } from "../limits.ts";
import type { QvdTable } from "./qvd-table.ts";
import { chunkRowsOf } from "./record-chunks.ts";
import type { Strip } from "./strips.ts";

/** What a reduction needs to know of a table to plan its memory. */
type PlannedTable = Pick<QvdTable, "header" | "records">;

/** The symbols of a field that rows may have; NULL is never among them. */
export interface AllowedSymbols {
  readonly ordinal: number;
  /** Asked once for each symbol. */
  readonly allows: (symbol: number) => boolean;
}

/** What a reduction keeps in memory, before any of it is there. */
export interface ReducePlan {
  readonly allowed: readonly AllowedSymbols[];
  /** Ordinals of the fields that stay. */
  readonly fields: readonly number[];
  /** Strips with a field that is tested or stays. */
  readonly strips: readonly PlannedStrip[];
  /** The one of them that has a field. */
  readonly stripOf: (ordinal: number) => PlannedStrip;
  /** Bytes of a row in all of them. */
  readonly rowBytes: number;
  readonly chunkRows: number;
  /** Room for kept records; what does not fit is read again. */
  readonly keptBytes: number;
  /** Room for the largest symbol table: its bytes, where they begin, and what is left of it. */
  readonly symbolBytes: number;
}

/** A strip of the table, and where its records lie. */
export interface PlannedStrip {
  readonly strip: Strip;
  /** From the start of a chunk. */
  readonly at: number;
  /** From the start of a block of kept rows, for each row of the block: strips follow each other without a gap. */
  readonly keptAt: number;
}

/** Where it lies. */
export interface ReduceMemory {
  /** Descriptors of the tested fields. */
  readonly tests: Pointer;
  /** Descriptors of the fields that stay. */
  readonly uses: Pointer;
  readonly chunks: readonly [Pointer, Pointer];
  readonly mask: Pointer;
  /** Kept records of one chunk that found no room in `kept`. */
  readonly spill: Pointer;
  /** Grows as records are kept. */
  readonly kept: Pointer;
  readonly out: readonly [Pointer, Pointer];
  readonly symbols: Pointer;
}

/**
 * Plans the memory of a reduction.
 * @throws `LIMIT_EXCEEDED` if it passes what a kernel can address
 */
export function planReduction(
  { header, records: { strips, places } }: PlannedTable,
  allowed: readonly AllowedSymbols[],
  fields: readonly number[],
  sizes: { readonly keptBytes: number; readonly chunkBytes?: number | undefined },
): ReducePlan {
  const largest = Math.max(
    0,
    ...fields.map((k) => symbolRoom(header.fields[k]!.length, header.fields[k]!.noOfSymbols)),
  );
  const numbers = new Set([...allowed.map((a) => a.ordinal), ...fields].map((ordinal) => places[ordinal]!.strip));
  const used = [...numbers].map((number) => strips[number]!);
  const rowBytes = used.reduce((sum, strip) => sum + strip.recordBytes, 0);
  const chunkRows = chunkRowsOf(rowBytes, sizes.chunkBytes);
  const planned = placeStrips(used, chunkRows);
  const byNumber = new Map([...numbers].map((number, k) => [number, planned[k]!]));
  return {
    allowed,
    fields,
    strips: planned,
    stripOf: (ordinal) => byNumber.get(places[ordinal]!.strip)!,
    rowBytes,
    chunkRows,
    keptBytes: Math.min(sizes.keptBytes, header.noOfRecords * rowBytes),
    symbolBytes: largest,
  };
}

function placeStrips(strips: readonly Strip[], chunkRows: number): readonly PlannedStrip[] {
  let at = 0;
  let keptAt = 0;
  return strips.map((strip) => {
    const planned = { strip, at, keptAt };
    at += Arena.sizeOf(chunkRows * strip.recordBytes);
    keptAt += strip.recordBytes;
    return planned;
  });
}

function chunkBytes({ strips, chunkRows }: ReducePlan): number {
  const last = strips.at(-1);
  return last === undefined ? 0 : last.at + chunkRows * last.strip.recordBytes;
}

function symbolRoom(length: number, count: number): number {
  return 2 * Arena.sizeOf(length) + Arena.sizeOf(4 * (count + 1)) + Arena.sizeOf(12);
}

/** Bytes that {@link layOut} takes of an arena. */
export function arenaBytes(table: PlannedTable, plan: ReducePlan, limit = MAX_KERNEL_BYTES): number {
  const { chunkRows } = plan;
  let sum = Arena.sizeOf(plan.allowed.length * COLUMN_BYTES) + Arena.sizeOf(plan.fields.length * COLUMN_BYTES);
  for (const { ordinal } of plan.allowed) sum += Arena.sizeOf(bitTableBytes(entriesOf(table, ordinal)));
  for (const ordinal of plan.fields) sum += 2 * Arena.sizeOf(4 * entriesOf(table, ordinal));
  sum += 2 * Arena.sizeOf(chunkBytes(plan)) + Arena.sizeOf(chunkRows * plan.rowBytes);
  sum += 2 * Arena.sizeOf(outBytes(table, plan)) + Arena.sizeOf(maskBytes(chunkRows));
  sum += Arena.sizeOf(plan.keptBytes) + Arena.sizeOf(plan.symbolBytes);
  needs(sum <= limit, "LIMIT_EXCEEDED", `reducing this table takes ${sum} bytes of memory, over ${limit}`, {
    hint: "keep fewer fields of it",
  });
  return sum;
}

/**
 * Room for new records. A field takes no more bits than before, since it has no more values; only where other writers
 * store NULL otherwise than Qlik (a width of 0, a bias of -1) may the bias of -2 take one more.
 */
function outBytes({ records }: PlannedTable, plan: ReducePlan): number {
  let bits = 0;
  for (const ordinal of plan.fields) {
    const { bitWidth, bias } = records.places[ordinal]!;
    bits += bitWidth + (bias < 0 ? 1 : 0);
  }
  return plan.chunkRows * Math.max(1, Math.ceil(bits / 8));
}

export function layOut(kernel: Kernel, table: PlannedTable, plan: ReducePlan): ReduceMemory {
  const { arena } = kernel;
  const place = (ordinal: number) => {
    const { strip, bitOffset, bitWidth, bias } = table.records.places[ordinal]!;
    return { base: 0, stride: table.records.strips[strip]!.recordBytes * 8, bitOffset, bitWidth, bias };
  };
  const tests = writeColumns(
    arena,
    plan.allowed.map(({ ordinal, allows }) => {
      const entries = entriesOf(table, ordinal);
      const bits = arena.alloc(bitTableBytes(entries));
      const column = { ...place(ordinal), table: bits, entries };
      writeSymbolBits(arena, bits, table.header.fields[ordinal]!.noOfSymbols, column.bias, allows);
      return column;
    }),
  );
  const uses = writeColumns(
    arena,
    plan.fields.map((ordinal) => {
      const entries = entriesOf(table, ordinal);
      const numbers = arena.alloc(4 * entries);
      const order = arena.alloc(4 * entries);
      return { ...place(ordinal), table: numbers, entries, order };
    }),
  );
  return {
    tests,
    uses,
    chunks: [arena.alloc(chunkBytes(plan)), arena.alloc(chunkBytes(plan))],
    mask: arena.alloc(maskBytes(plan.chunkRows)),
    spill: arena.alloc(plan.chunkRows * plan.rowBytes),
    out: [arena.alloc(outBytes(table, plan)), arena.alloc(outBytes(table, plan))],
    symbols: arena.alloc(plan.symbolBytes),
    // Last, since memory that no record needed is not to be touched, not even to be wiped.
    kept: arena.alloc(0),
  };
}

function entriesOf({ header, records }: PlannedTable, ordinal: number): number {
  return storedCount(header.fields[ordinal]!.noOfSymbols, records.places[ordinal]!.bias);
}
