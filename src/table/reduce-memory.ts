import { needs } from "../errors.ts";
import { Arena, type Pointer } from "../kernel/arena.ts";
import { COLUMN_BYTES, storedCount, writeColumns, writeSymbolBits } from "../kernel/column.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { bitTableBytes, maskBytes, nullSpan } from "../kernel/sizes.ts";
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

/**
 * Bytes of a field's numbers from which on they no longer stay in the second-level cache. Such fields have a bit for
 * each symbol besides, and are numbered one after the other over many records.
 */
const LARGE_TABLE_BYTES = 256 * 1024;

/** Bytes of a symbol table that are walked at a time. */
const WINDOW_BYTES = 1024 * 1024;

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
  /** Bytes of a symbol table that are walked at a time. */
  readonly windowBytes: number;
  /** Room for what is made of the largest symbol table, and for that table in one if its entries are very long. */
  readonly symbolBytes: number;
  /** Room for symbol tables that are loaded whole; what does not fit is walked through in windows. */
  readonly loadBytes: number;
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
  /** Descriptors of the fields that stay: those with small tables, then those with large ones. */
  readonly uses: Pointer;
  /** Where the large tables lie, one after the other. */
  readonly tables: { readonly at: Pointer; readonly bytes: number };
  /** How many have small tables. */
  readonly small: number;
  /** Ordinals of the fields that stay, as their descriptors lie. */
  readonly ordinals: readonly number[];
  readonly chunks: readonly [Pointer, Pointer];
  readonly mask: Pointer;
  /** Kept records of one chunk that found no room in `kept`. */
  readonly spill: Pointer;
  /** Grows as records are kept. */
  readonly kept: Pointer;
  readonly out: readonly [Pointer, Pointer];
  /** Two windows, each behind as much room for what was left of the one before; and where their entries begin. */
  readonly windows: readonly [Pointer, Pointer];
  readonly starts: Pointer;
  readonly report: Pointer;
}

/** Address of the descriptor of a field that stays. */
export function useOf({ uses, ordinals }: ReduceMemory, ordinal: number): Pointer {
  return uses + ordinals.indexOf(ordinal) * COLUMN_BYTES;
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
  const most = Math.max(0, ...fields.map((k) => header.fields[k]!.noOfSymbols));
  const longest = Math.max(0, ...fields.map((k) => header.fields[k]!.length));
  const numbers = new Set([...allowed.map((a) => a.ordinal), ...fields].map((ordinal) => places[ordinal]!.strip));
  const used = [...numbers].map((number) => strips[number]!);
  const rowBytes = used.reduce((sum, strip) => sum + strip.recordBytes, 0);
  const chunkRows = chunkRowsOf(rowBytes, used.length, sizes.chunkBytes);
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
    windowBytes: Math.min(WINDOW_BYTES, longest),
    symbolBytes: largest,
    loadBytes: Math.min(
      sizes.keptBytes,
      fields.reduce((sum, k) => sum + symbolRoom(header.fields[k]!.length, most), 0),
    ),
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

/** Arena bytes of a symbol table, of what is made of it, and of two numbers for each entry. */
export function symbolRoom(length: number, count: number): number {
  return 2 * Arena.sizeOf(length) + 2 * Arena.sizeOf(4 * (count + 1));
}

/** Bytes that {@link layOut} takes of an arena. */
export function arenaBytes(table: PlannedTable, plan: ReducePlan, limit = MAX_KERNEL_BYTES): number {
  const { chunkRows } = plan;
  let sum = Arena.sizeOf(plan.allowed.length * COLUMN_BYTES) + Arena.sizeOf(plan.fields.length * COLUMN_BYTES);
  for (const { ordinal } of plan.allowed) sum += Arena.sizeOf(bitTableBytes(entriesOf(table, ordinal)));
  for (const ordinal of plan.fields) {
    const entries = entriesOf(table, ordinal);
    sum += Arena.sizeOf(4 * entries) + (isLarge(entries) ? Arena.sizeOf(bitTableBytes(entries)) : 0);
  }
  sum += 2 * Arena.sizeOf(2 * plan.windowBytes) + Arena.sizeOf(startsBytes(plan)) + Arena.sizeOf(12);
  sum += 2 * Arena.sizeOf(chunkBytes(plan)) + Arena.sizeOf(chunkRows * plan.rowBytes);
  sum += 2 * Arena.sizeOf(outBytes(table, plan)) + Arena.sizeOf(maskBytes(chunkRows));
  sum += Arena.sizeOf(plan.keptBytes) + Arena.sizeOf(plan.loadBytes) + Arena.sizeOf(plan.symbolBytes);
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

/** Where the large tables lay, once nobody looks into them any more: more room for new records, without touching more memory. */
export function spentRoom(table: PlannedTable, plan: ReducePlan, { tables }: ReduceMemory): Pointer[] {
  const size = Arena.sizeOf(outBytes(table, plan));
  return Array.from({ length: Math.floor(tables.bytes / size) }, (_, i) => tables.at + i * size);
}

export function layOut(kernel: Kernel, table: PlannedTable, plan: ReducePlan): ReduceMemory {
  const { arena } = kernel;
  const place = (ordinal: number) => {
    const { strip, bitOffset, bitWidth, bias } = table.records.places[ordinal]!;
    return { base: 0, stride: table.records.strips[strip]!.recordBytes * 8, bitOffset, bitWidth, bias };
  };
  // A field that is tested can only have the symbols that are allowed, and no NULL.
  const possible = new Map<number, number>();
  const tests = writeColumns(
    arena,
    plan.allowed.map(({ ordinal, allows }) => {
      const entries = entriesOf(table, ordinal);
      const bits = arena.alloc(bitTableBytes(entries));
      const column = { ...place(ordinal), table: bits, entries };
      const count = writeSymbolBits(arena, bits, table.header.fields[ordinal]!.noOfSymbols, column.bias, allows);
      possible.set(ordinal, Math.min(count, possible.get(ordinal) ?? count));
      return column;
    }),
  );
  const [small, large] = [false, true].map((is) => plan.fields.filter((k) => isLarge(entriesOf(table, k)) === is));
  const ordinals = [...small!, ...large!];
  const use = (ordinal: number) => {
    const entries = entriesOf(table, ordinal);
    const numbers = arena.alloc(4 * entries);
    const seen = isLarge(entries) ? arena.alloc(bitTableBytes(entries)) : 0;
    const { bias } = table.records.places[ordinal]!;
    // Symbols, and NULL where there is a place for it.
    const left = possible.get(ordinal) ?? entries - nullSpan(bias) + (bias < 0 ? 1 : 0);
    return { ...place(ordinal), table: numbers, entries, seen, left };
  };
  const smallUses = small!.map(use);
  const tables = arena.mark();
  const uses = writeColumns(arena, [...smallUses, ...large!.map(use)]);
  return {
    tests,
    uses,
    tables: { at: tables, bytes: uses - tables },
    small: small!.length,
    ordinals,
    chunks: [arena.alloc(chunkBytes(plan)), arena.alloc(chunkBytes(plan))],
    mask: arena.alloc(maskBytes(plan.chunkRows)),
    spill: arena.alloc(plan.chunkRows * plan.rowBytes),
    out: [arena.alloc(outBytes(table, plan)), arena.alloc(outBytes(table, plan))],
    windows: [arena.alloc(2 * plan.windowBytes), arena.alloc(2 * plan.windowBytes)],
    starts: arena.alloc(startsBytes(plan)),
    report: arena.alloc(12),
    // Last, since memory that no record needed is not to be touched, not even to be wiped.
    kept: arena.alloc(0),
  };
}

/** The shortest entry has two bytes, and a window goes on where the one before was cut. */
function startsBytes({ windowBytes }: ReducePlan): number {
  return 4 * (windowBytes + 1);
}

function isLarge(entries: number): boolean {
  return 4 * entries > LARGE_TABLE_BYTES;
}

function entriesOf({ header, records }: PlannedTable, ordinal: number): number {
  return storedCount(header.fields[ordinal]!.noOfSymbols, records.places[ordinal]!.bias);
}
