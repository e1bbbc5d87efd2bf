/**
 * Where bytes come from. A file, a buffer, an HTTP address, a cache: anything that knows its size and can give a range.
 */
export interface ByteSource {
  /** Bytes in all. */
  readonly size: number;
  /** For messages: a path or an address, never content. */
  readonly name: string;
  /**
   * Exactly `length` bytes from `offset`. The caller owns the result and may keep it; it must not write to it (a memory
   * source hands out a view).
   * @throws `SOURCE_RANGE` if the range is not inside the source, `SOURCE_SHORT` if the source gave fewer bytes,
   *   `SOURCE_READ` if reading failed, `SOURCE_CHANGED` if the source is no longer what was opened.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /**
   * Fills `target` from `offset`, with no buffer in between: this is how records get straight into WASM memory.
   * Same errors as {@link read}. `target` may lie over a SharedArrayBuffer.
   */
  readInto(offset: number, target: Uint8Array): Promise<void>;
  /** Gives back what the source holds (a file descriptor). Reading afterwards is an error. */
  close(): Promise<void>;
}
