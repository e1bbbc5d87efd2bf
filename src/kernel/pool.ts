import type { Kernel } from "./kernel.ts";
import { createKernel, type KernelOptions } from "./wasm.ts";

/** Arenas are made in multiples of this, so that one fits the next user too. */
const STEP_BYTES = 16 * 1024 * 1024;

/**
 * Kernels whose memory is used again, wiped in between: the first touch of new memory can cost more than the work done
 * in it.
 */
export interface KernelPool {
  /**
   * Runs `work`, which may take one kernel after the other with an empty arena of at least so many bytes. When it is over
   * they are wiped, whatever came of it, and kept for the next one.
   */
  use<T>(work: (take: (arenaBytes: number) => Kernel) => Promise<T>): Promise<T>;
  /** Bytes of the arenas that nobody uses now. */
  readonly idleBytes: number;
  /** Lets go of those. */
  clear(): void;
}

/**
 * @param keepBytes of arenas that are kept while nobody uses them; what is beyond is let go
 * @param build which kernel; the best that runs here if left out
 */
export function kernelPool(keepBytes: number, build?: KernelOptions["build"]): KernelPool {
  let idle: Kernel[] = [];
  const idleBytes = () => idle.reduce((sum, { arena }) => sum + arena.capacity, 0);

  function take(arenaBytes: number): Kernel {
    const fits = idle.filter(({ arena }) => arena.capacity >= arenaBytes);
    const found = fits.sort((a, b) => a.arena.capacity - b.arena.capacity)[0];
    if (found === undefined)
      return createKernel({ arenaBytes: Math.ceil(arenaBytes / STEP_BYTES) * STEP_BYTES, build });
    idle = idle.filter((kernel) => kernel !== found);
    return found;
  }

  return {
    async use(work) {
      const taken: Kernel[] = [];
      try {
        return await work((arenaBytes) => {
          const kernel = take(arenaBytes);
          taken.push(kernel);
          return kernel;
        });
      } finally {
        for (const kernel of taken) {
          kernel.arena.wipe();
          if (idleBytes() + kernel.arena.capacity <= keepBytes) idle.push(kernel);
        }
      }
    },
    get idleBytes() {
      return idleBytes();
    },
    clear() {
      idle = [];
    },
  };
}
