import type { Pointer } from "../kernel/arena.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { QvdTable } from "./qvd-table.ts";
import type { AllowedSymbols, ReduceMemory, ReducePlan } from "./reduce-memory.ts";
import type { Selection } from "./reduce-select.ts";

export interface ReduceOptions {
  /** A row stays if each of these allows its symbol. A NULL is never allowed. */
  readonly allowed: readonly AllowedSymbols[];
  /** Ordinals of the fields that stay, in their new order; all if left out. */
  readonly fields?: readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the rows tested so far, and all. */
  readonly onProgress?: ((done: number, all: number) => void) | undefined;
  /** Bytes of kept records held in memory, 128 MiB if left out; more are read and tested a second time. */
  readonly keptBytes?: number | undefined;
  /** Record bytes read at a time. */
  readonly chunkBytes?: number | undefined;
  /** Gives a kernel whose arena is empty and has this many bytes; it is wiped when the reduction is over. */
  readonly kernel?: ((arenaBytes: number) => Kernel) | undefined;
  /** Chooses the records in place of the kernel, with the same result. */
  readonly select?: Selection | undefined;
}

/** A reduction under way. */
export interface Job {
  readonly table: QvdTable;
  readonly options: ReduceOptions;
  readonly kernel: Kernel;
  readonly plan: ReducePlan;
  readonly memory: ReduceMemory;
}

/** Kept rows in memory: all of them of one strip after the other. */
export interface KeptBlock {
  readonly at: Pointer;
  readonly rows: number;
}
