import type { Pointer } from "../kernel/arena.ts";
import { getColumn } from "../kernel/column.ts";
import { SYMBOL_FAULT } from "../kernel/kernel.ts";
import { symbolRoom, useOf } from "./reduce-memory.ts";
import { type PrunedSymbols, type PruneJob, refusal } from "./reduce-symbols.ts";

/** A symbol table on its way into the arena as a whole. */
export interface LoadedSymbols {
  readonly bytes: Pointer;
  readonly read: Promise<void>;
}

/** Room for where entries begin, used for one table after the other as long as nobody needs it any more. */
export interface StartsRoom {
  take(): Pointer;
  /** Whoever took it last keeps it. */
  keep(): void;
}

export function startsRoom({ table, kernel, plan }: PruneJob): StartsRoom {
  const most = Math.max(0, ...plan.fields.map((ordinal) => table.header.fields[ordinal]!.noOfSymbols));
  let at: Pointer | undefined;
  return {
    take: () => (at ??= kernel.arena.alloc(4 * (most + 1))),
    keep() {
      at = undefined;
    },
  };
}

/**
 * Begins to read the symbol tables of the fields that stay, as many as `room` bytes of the arena are enough for, so that
 * they come while the kernel works. Whoever calls it waits for every `read`, also if he has no use for it any more: until
 * then the memory is not his.
 */
export function loadSymbols({ table, kernel, plan }: PruneJob, room: number): Map<number, LoadedSymbols> {
  const { arena } = kernel;
  const loads = new Map<number, LoadedSymbols>();
  const most = Math.max(0, ...plan.fields.map((ordinal) => table.header.fields[ordinal]!.noOfSymbols));
  let left = room;
  for (const ordinal of plan.fields) {
    const { length } = table.header.fields[ordinal]!;
    const need = symbolRoom(length, most);
    if (length === 0 || need > left) continue;
    left -= need;
    const bytes = arena.alloc(length);
    const read = table.readSymbols(ordinal, arena.bytes(bytes, length));
    // A failure is met when the table is asked for.
    read.catch(() => {});
    loads.set(ordinal, { bytes, read });
  }
  return loads;
}

/**
 * Finds out how long the used part of a loaded table is; it is put together when it is asked for.
 * @throws `QVD_SYMBOL`, and what the source throws
 */
export async function pruneLoaded(
  job: PruneJob,
  ordinal: number,
  load: LoadedSymbols,
  room: StartsRoom,
): Promise<PrunedSymbols> {
  const { table, kernel, memory } = job;
  const { arena } = kernel;
  const column = useOf(memory, ordinal);
  const count = getColumn(arena, column, "used");
  await load.read;
  if (count === 0) return { count, byteLength: 0, held: () => new Uint8Array(0), write: async () => {} };
  const { noOfSymbols, length } = table.header.fields[ordinal]!;
  const starts = room.take();
  const fault = kernel.symbols(load.bytes, length, noOfSymbols, starts, memory.report);
  if (fault !== SYMBOL_FAULT.NONE) throw await refusal(job, ordinal);
  const { bias } = table.records.places[ordinal]!;
  // A positive bias: the first symbols cannot be stored.
  const first = Math.max(0, bias);
  const from = starts + 4 * first;
  const entries = noOfSymbols - first;
  const numbers = getColumn(arena, column, "table") + 4 * (first - bias);
  const even = kernel.evenLength(from, entries);
  if (even > 0) {
    const begin = load.bytes + arena.view.getUint32(from, true);
    const out = arena.alloc(even * count);
    const held = () => {
      kernel.placeEntries(begin, 0, entries, numbers, 0, even, out);
      return arena.bytes(out, even * count);
    };
    return { count, byteLength: even * count, held, write: async () => {} };
  }
  room.keep();
  const offsets = arena.alloc(4 * count);
  kernel.numberedLengths(from, entries, numbers, offsets);
  const byteLength = kernel.offsetsOf(offsets, count);
  const out = arena.alloc(byteLength);
  const held = () => {
    kernel.placeEntries(load.bytes, from, entries, numbers, offsets, 0, out);
    return arena.bytes(out, byteLength);
  };
  return { count, byteLength, held, write: async () => {} };
}
