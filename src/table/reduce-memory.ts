import type { QvdHeader } from "../container/qvd/header.ts";
import { needs } from "../errors.ts";
import { Arena, type Pointer } from "../kernel/arena.ts";
import { COLUMN_BYTES, storedCount, writeColumns, writeSymbolBits } from "../kernel/column.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { bitTableBytes, maskBytes } from "../kernel/sizes.ts";
import { MAX_KERNEL_BYTES } from "../limits.ts";
import { chunkRowsOf } from "./record-chunks.ts";

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
  readonly chunkRows: number;
  /** Room for kept records; what does not fit is read again. */
  readonly keptBytes: number;
  /** Room for the largest symbol table: its bytes, where they begin, and what is left of it. */
  readonly symbolBytes: number;
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
  header: QvdHeader,
  allowed: readonly AllowedSymbols[],
  fields: readonly number[],
  sizes: { readonly keptBytes: number; readonly chunkBytes?: number | undefined },
): ReducePlan {
  const largest = Math.max(
    0,
    ...fields.map((k) => symbolRoom(header.fields[k]!.length, header.fields[k]!.noOfSymbols)),
  );
  const records = header.noOfRecords * header.recordByteSize;
  return {
    allowed,
    fields,
    chunkRows: chunkRowsOf(header.recordByteSize, sizes.chunkBytes),
    keptBytes: Math.min(sizes.keptBytes, records),
    symbolBytes: largest,
  };
}

function symbolRoom(length: number, count: number): number {
  return 2 * Arena.sizeOf(length) + Arena.sizeOf(4 * (count + 1)) + Arena.sizeOf(12);
}

/** Bytes that {@link layOut} takes of an arena. */
export function arenaBytes(header: QvdHeader, plan: ReducePlan, limit = MAX_KERNEL_BYTES): number {
  const { chunkRows } = plan;
  const chunk = chunkRows * header.recordByteSize;
  let sum = Arena.sizeOf(plan.allowed.length * COLUMN_BYTES) + Arena.sizeOf(plan.fields.length * COLUMN_BYTES);
  for (const { ordinal } of plan.allowed) sum += Arena.sizeOf(bitTableBytes(entriesOf(header, ordinal)));
  for (const ordinal of plan.fields) sum += 2 * Arena.sizeOf(4 * entriesOf(header, ordinal));
  sum += 3 * Arena.sizeOf(chunk) + 2 * Arena.sizeOf(outBytes(header, plan)) + Arena.sizeOf(maskBytes(chunkRows));
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
function outBytes(header: QvdHeader, plan: ReducePlan): number {
  let bits = 0;
  for (const ordinal of plan.fields) {
    const { bitWidth, bias } = header.fields[ordinal]!;
    bits += bitWidth + (bias < 0 ? 1 : 0);
  }
  return plan.chunkRows * Math.max(1, Math.ceil(bits / 8));
}

export function layOut(kernel: Kernel, header: QvdHeader, plan: ReducePlan): ReduceMemory {
  const { arena } = kernel;
  const stride = header.recordByteSize * 8;
  const chunk = plan.chunkRows * header.recordByteSize;
  const tests = writeColumns(
    arena,
    plan.allowed.map(({ ordinal, allows }) => {
      const { noOfSymbols, bitOffset, bitWidth, bias } = header.fields[ordinal]!;
      const entries = entriesOf(header, ordinal);
      const table = arena.alloc(bitTableBytes(entries));
      writeSymbolBits(arena, table, noOfSymbols, bias, allows);
      return { base: 0, stride, bitOffset, bitWidth, bias, table, entries };
    }),
  );
  const uses = writeColumns(
    arena,
    plan.fields.map((ordinal) => {
      const { bitOffset, bitWidth, bias } = header.fields[ordinal]!;
      const entries = entriesOf(header, ordinal);
      const table = arena.alloc(4 * entries);
      const order = arena.alloc(4 * entries);
      return { base: 0, stride, bitOffset, bitWidth, bias, table, entries, order };
    }),
  );
  return {
    tests,
    uses,
    chunks: [arena.alloc(chunk), arena.alloc(chunk)],
    mask: arena.alloc(maskBytes(plan.chunkRows)),
    spill: arena.alloc(chunk),
    out: [arena.alloc(outBytes(header, plan)), arena.alloc(outBytes(header, plan))],
    symbols: arena.alloc(plan.symbolBytes),
    // Last, since memory that no record needed is not to be touched, not even to be wiped.
    kept: arena.alloc(0),
  };
}

function entriesOf(header: QvdHeader, ordinal: number): number {
  const { noOfSymbols, bias } = header.fields[ordinal]!;
  return storedCount(noOfSymbols, bias);
}
