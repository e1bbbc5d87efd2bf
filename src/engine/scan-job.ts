import type { Pointer } from "../kernel/arena.ts";
import type { WasmBuild } from "../kernel/module.ts";

/** One scan as a thread is told of it. Pointers are into `memory`, which all threads share. */
export interface ScanJob {
  readonly memory: WebAssembly.Memory;
  /** The file to read from; -1 if the records lie in `memory`. Descriptors belong to the process, not to a thread. */
  readonly fd: number;
  /** Of row 0: in the file, or in `memory`. */
  readonly offset: number;
  readonly recordBytes: number;
  readonly rows: number;
  readonly chunkRows: number;
  /** Columns that are tested, and that are unpacked. */
  readonly tests: number;
  readonly unpacks: number;
  readonly own: ThreadPlaces;
  /** Where the results of a chunk go: those of chunk `c` to `slots[c % slots.length]`. */
  readonly slots: readonly SlotPlaces[];
  /**
   * {@link CONTROL_WORDS} and one for each slot, only used through Atomics. Of this scan alone: a worker that hears of
   * it when it is over finds it closed, whatever its memory is used for by then.
   */
  readonly control: Int32Array<SharedArrayBuffer>;
}

/** What one thread writes to while it works on a chunk. */
export interface ThreadPlaces {
  /** Column descriptors. */
  readonly tests: Pointer;
  readonly unpacks: Pointer;
  /** Records that were read, if they come from a file. */
  readonly chunk: Pointer;
  /** Chosen records that are unpacked, if they are not handed out. */
  readonly chosen: Pointer;
}

export interface SlotPlaces {
  readonly mask: Pointer;
  /** Chosen records, if they are handed out; else 0. */
  readonly records: Pointer;
  readonly columns: readonly Pointer[];
}

// The control words.

/** Number of the chunk that nobody has claimed yet. */
export const NEXT = 0;
/** Chunks whose slot was given back. */
export const TAKEN = 1;
/** Workers inside the scan, and {@link CLOSED}. */
export const GATE = 2;
export const CONTROL_WORDS = 3;
/** Set in {@link GATE} when nobody may come in any more. */
export const CLOSED = 2 ** 30;

// What a slot's word says: rows chosen, or one of these.

export const PENDING = -2;
/** The chunk could not be read or has an index without a symbol. */
export const FAILED = -1;

/** All chunks are claimed, or no slot is free for the next one. */
export const NONE_LEFT = -1;
export const NO_SLOT = -2;

/** Claims the next chunk of `chunks` for the calling thread, if its slot was given back. */
export function claimChunk(control: Int32Array, chunks: number, slots: number): number {
  for (;;) {
    const next = Atomics.load(control, NEXT);
    if (next >= chunks) return NONE_LEFT;
    if (next >= Atomics.load(control, TAKEN) + slots) return NO_SLOT;
    if (Atomics.compareExchange(control, NEXT, next, next + 1) === next) return next;
  }
}

export function chunksOf({ rows, chunkRows }: Pick<ScanJob, "rows" | "chunkRows">): number {
  return Math.ceil(rows / chunkRows);
}

/** What a worker is started with; then it is sent {@link ScanJob}s. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly build: WasmBuild;
}
