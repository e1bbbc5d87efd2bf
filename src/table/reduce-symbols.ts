import { QErr } from "../errors.ts";
import { Arena, type Pointer } from "../kernel/arena.ts";
import { getColumn } from "../kernel/column.ts";
import { type Kernel, SYMBOL_FAULT } from "../kernel/kernel.ts";
import type { ByteSink } from "../source/sink.ts";
import type { QvdTable } from "./qvd-table.ts";
import { recordChunks, throwIfAborted } from "./record-chunks.ts";
import { type ReduceMemory, type ReducePlan, useOf } from "./reduce-memory.ts";
import type { Strip } from "./strips.ts";
import { parseSymbols } from "./symbol-parse.ts";

/** The entries of a symbol table that are in use, in the order of first use. */
export interface PrunedSymbols {
  readonly count: number;
  readonly byteLength: number;
  /** Gives the entries, if they stay in the arena; asked once, before the tables of numbers are settled. */
  readonly held: (() => Uint8Array) | undefined;
  /** Writes those that did not, from the source. */
  write(sink: ByteSink): Promise<void>;
}

/** Whose symbols are pruned, and with what. */
export interface PruneJob {
  readonly table: QvdTable;
  readonly kernel: Kernel;
  readonly plan: ReducePlan;
  readonly memory: ReduceMemory;
  readonly signal: AbortSignal | undefined;
}

/** Whole entries of a table, one after the other. */
interface EntryWindow {
  readonly bytes: Pointer;
  /** Offsets of `count` entries from `bytes`, and of their end. */
  readonly starts: Pointer;
  readonly count: number;
  /** What `renumber` made of the first of them, and so on. */
  readonly numbers: Pointer;
}

/**
 * Finds out how long the used part of a symbol table is, since the header that comes first says so. It stays in the
 * arena while `hasRoom` says so; else it is read again to be written.
 * @throws `QVD_SYMBOL`, `CANCELLED`, and what the source throws
 */
export async function pruneSymbols(
  job: PruneJob,
  ordinal: number,
  hasRoom: (bytes: number) => boolean,
): Promise<PrunedSymbols> {
  const { arena } = job.kernel;
  const count = getColumn(arena, useOf(job.memory, ordinal), "used");
  if (count === 0) return { count, byteLength: 0, held: () => new Uint8Array(0), write: async () => {} };
  const at = arena.mark();
  const byteLength = await placeUsed(job, ordinal, count);
  arena.release(at);
  if (hasRoom(Arena.sizeOf(byteLength))) {
    arena.alloc(byteLength);
    return { count, byteLength, held: () => arena.bytes(at, byteLength), write: async () => {} };
  }
  return {
    count,
    byteLength,
    held: undefined,
    async write(sink) {
      const again = arena.mark();
      await placeUsed(job, ordinal, count);
      await sink.write(arena.bytes(again, byteLength));
      arena.release(again);
    },
  };
}

/** Puts the used entries at the end of the arena; the caller gives the room back. Returns their bytes. */
async function placeUsed(job: PruneJob, ordinal: number, count: number): Promise<number> {
  const { kernel, table } = job;
  const out = kernel.arena.alloc(table.header.fields[ordinal]!.length);
  // Numbers, and codes and dates as texts, are as long as each other: then an entry's place follows from its number.
  let even = 0;
  const allEven = await eachWindow(job, ordinal, ({ bytes, starts, count: entries, numbers }) => {
    const length = kernel.evenLength(starts, entries);
    if (length === 0 || (even !== 0 && length !== even)) return false;
    even = length;
    kernel.placeEntries(bytes + kernel.arena.view.getUint32(starts, true), 0, entries, numbers, 0, length, out);
    return true;
  });
  if (allEven) return even * count;
  const offsets = kernel.arena.alloc(4 * count);
  await eachWindow(job, ordinal, ({ starts, count: entries, numbers }) => {
    kernel.numberedLengths(starts, entries, numbers, offsets);
    return true;
  });
  const byteLength = kernel.offsetsOf(offsets, count);
  await eachWindow(job, ordinal, ({ bytes, starts, count: entries, numbers }) => {
    kernel.placeEntries(bytes, starts, entries, numbers, offsets, 0, out);
    return true;
  });
  return byteLength;
}

/** Shows all entries that can have a number, until one visit says false. May begin anew, so visits are to be repeatable. */
async function eachWindow(job: PruneJob, ordinal: number, visit: (window: EntryWindow) => boolean): Promise<boolean> {
  const windows = job.table.header.fields[ordinal]!.length > job.plan.windowBytes ? parts : whole;
  const seen = await visitAll(windows(job, ordinal), job, ordinal, visit);
  return seen ?? (await visitAll(whole(job, ordinal), job, ordinal, visit)) ?? false;
}

/** `undefined` if an entry is longer than a window. */
async function visitAll(
  windows: AsyncIterable<WalkedWindow | undefined>,
  { memory, kernel, table }: PruneJob,
  ordinal: number,
  visit: (window: EntryWindow) => boolean,
): Promise<boolean | undefined> {
  const { bias } = table.records.places[ordinal]!;
  const numbers = getColumn(kernel.arena, useOf(memory, ordinal), "table");
  for await (const window of windows) {
    if (window === undefined) return undefined;
    // A positive bias: the first symbols cannot be stored.
    const skip = Math.min(window.count, Math.max(0, bias - window.first));
    const count = window.count - skip;
    const starts = window.starts + 4 * skip;
    const of = numbers + 4 * (window.first + skip - bias);
    if (count > 0 && !visit({ bytes: window.bytes, starts, count, numbers: of })) return false;
  }
  return true;
}

interface WalkedWindow {
  /** Symbol that comes first. */
  readonly first: number;
  readonly count: number;
  readonly bytes: Pointer;
  readonly starts: Pointer;
}

/** A symbol table in windows that stay in the cache; `undefined` and the end if an entry is longer than one. */
async function* parts(job: PruneJob, ordinal: number): AsyncGenerator<WalkedWindow | undefined> {
  const { table, kernel, plan, memory, signal } = job;
  const { arena } = kernel;
  const room = plan.windowBytes;
  const { noOfSymbols, length } = table.header.fields[ordinal]!;
  const { name } = table.layout.symbols[ordinal]!;
  const { starts, report, windows } = memory;
  let first = 0;
  // Bytes of the entry that was cut by the end of the window before.
  let left = 0;
  const readInto: Strip["readInto"] = (from, target) => table.readSymbols(ordinal, target, from);
  const strips = [{ name, recordBytes: 1, offset: undefined, readInto }];
  const range = { strips, from: 0, to: length, chunkRows: room, signal };
  const buffers = [[arena.bytes(windows[0] + room, room)], [arena.bytes(windows[1] + room, room)]] as const;
  for await (const { buffer, row, rows } of recordChunks(range, buffers)) {
    const bytes = windows[buffer]! + room - left;
    const fault = kernel.symbols(bytes, left + rows, noOfSymbols - first, starts, report);
    const count = arena.view.getUint32(report, true);
    const end = arena.view.getUint32(report + 4, true);
    const last = row + rows === length;
    const cut = fault === SYMBOL_FAULT.CUT || fault === SYMBOL_FAULT.OPEN || fault === SYMBOL_FAULT.MISSING;
    if (last ? fault !== SYMBOL_FAULT.NONE : !cut) throw await refusal(job, ordinal);
    yield { first, count, bytes, starts };
    first += count;
    left += rows - end;
    if (left > room) return yield undefined;
    kernel.copy(windows[buffer === 0 ? 1 : 0] + room - left, bytes + end, left);
  }
}

/** A symbol table in one window. */
async function* whole(job: PruneJob, ordinal: number): AsyncGenerator<WalkedWindow> {
  const { table, kernel, memory, signal } = job;
  const { arena } = kernel;
  throwIfAborted(signal);
  const { noOfSymbols, length } = table.header.fields[ordinal]!;
  const mark = arena.mark();
  try {
    const bytes = arena.alloc(length);
    const starts = arena.alloc(4 * (noOfSymbols + 1));
    await table.readSymbols(ordinal, arena.bytes(bytes, length));
    const fault = kernel.symbols(bytes, length, noOfSymbols, starts, memory.report);
    if (fault !== SYMBOL_FAULT.NONE) throw await refusal(job, ordinal);
    yield { first: 0, count: noOfSymbols, bytes, starts };
  } finally {
    arena.release(mark);
  }
}

/** The walk in TypeScript says what is wrong, and where. */
export async function refusal({ table }: PruneJob, ordinal: number): Promise<QErr> {
  const { offset, name } = table.layout.symbols[ordinal]!;
  const { noOfSymbols, length } = table.header.fields[ordinal]!;
  const bytes = new Uint8Array(length);
  await table.readSymbols(ordinal, bytes);
  try {
    parseSymbols(bytes, noOfSymbols, name, offset);
  } finally {
    if (table.records.secret) bytes.fill(0);
  }
  // It found nothing, so it read something else.
  return new QErr("SOURCE_CHANGED", `${table.source.name} changed while it was read`, { part: name });
}
