import type { Pointer } from "../kernel/arena.ts";
import type { WasmBuild } from "../kernel/module.ts";

/** What a scanning thread is started with. Pointers are into `memory`, which all threads share. */
export interface ScanJob {
  readonly memory: WebAssembly.Memory;
  readonly build: WasmBuild;
  /** Descriptor of the file; descriptors belong to the process, not to a thread. */
  readonly fd: number;
  /** Of row 0 in the file. */
  readonly offset: number;
  readonly recordBytes: number;
  readonly rows: number;
  readonly chunkRows: number;
  /** The thread's own column descriptors, chunk and mask. */
  readonly columns: Pointer;
  readonly count: number;
  readonly chunk: Pointer;
  readonly mask: Pointer;
  /** Where chosen records go: those of chunk `c` to slot `c % slots.length`. */
  readonly slots: readonly Pointer[];
  /** {@link CONTROL_WORDS} int32 that are only used through Atomics. */
  readonly control: Pointer;
}

/** Number of the chunk that nobody has claimed yet. */
export const NEXT = 0;
/** Chunks whose slot was given back. */
export const TAKEN = 1;
export const CONTROL_WORDS = 2;

/** What a thread says of a chunk; `kept` is -1 if it could not be read or has an index without a symbol. */
export interface ScannedChunk {
  readonly chunk: number;
  readonly kept: number;
}
