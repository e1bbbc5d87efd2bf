import { concat } from "../bytes/concat.ts";

/** Where bytes go, in order. Nothing is visible under the final name before {@link commit}. */
export interface ByteSink {
  /** Appends; the sink has used `bytes` when the promise settles, so the caller may write over them then. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes the output durable and visible under its name. To be called once, last. */
  commit(): Promise<void>;
  /** Drops everything; safe to call at any time, also after a failed write, and more than once. */
  abort(): Promise<void>;
}

/** A sink that keeps the bytes; `result()` after commit. */
export interface MemorySink extends ByteSink {
  result(): Uint8Array;
}

export function memorySink(): MemorySink {
  let pieces: Uint8Array[] = [];
  let done: Uint8Array | undefined;
  return {
    async write(bytes) {
      pieces.push(bytes.slice());
    },
    async commit() {
      done = concat(pieces);
      pieces = [];
    },
    async abort() {
      pieces = [];
    },
    result() {
      if (done === undefined) throw new TypeError("memory sink: result() before commit()");
      return done;
    },
  };
}
