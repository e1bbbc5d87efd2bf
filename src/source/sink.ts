/** Where bytes go, in order. Nothing is visible under the final name before {@link commit}. */
export interface ByteSink {
  /** Appends; the sink has used `bytes` when the promise settles, so the caller may write over them then. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes the output durable and visible under its name. To be called once, last. */
  commit(): Promise<void>;
  /** Drops everything; safe to call at any time, also after a failed write, and more than once. */
  abort(): Promise<void>;
}

/** A sink that also takes bytes at a place, for formats whose head is known last. */
export interface PatchSink extends ByteSink {
  /**
   * Writes at `offset`, before or behind what is there; what is skipped is zeros until it is written. Does not move
   * the place where {@link ByteSink.write} goes on.
   */
  writeAt(offset: number, bytes: Uint8Array): Promise<void>;
}

/** A sink that keeps the bytes; `result()` after commit. */
export interface MemorySink extends PatchSink {
  result(): Uint8Array;
}

export function memorySink(): MemorySink {
  let pieces: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  let at = 0;
  let done: Uint8Array | undefined;
  return {
    async write(bytes) {
      pieces.push({ offset: at, bytes: new Uint8Array(bytes) });
      at += bytes.byteLength;
    },
    async writeAt(offset, bytes) {
      pieces.push({ offset, bytes: new Uint8Array(bytes) });
    },
    async commit() {
      done = new Uint8Array(pieces.reduce((end, p) => Math.max(end, p.offset + p.bytes.byteLength), 0));
      for (const { offset, bytes } of pieces) done.set(bytes, offset);
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
