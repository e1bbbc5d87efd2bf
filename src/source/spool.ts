/** A place for intermediate bytes that do not fit memory. Contents are gone after `close`. */
export interface Spool {
  /** Appends and returns the offset of the bytes. */
  append(bytes: Uint8Array): Promise<number>;
  /** Fills `target` from `offset`. */
  readInto(offset: number, target: Uint8Array): Promise<void>;
  close(): Promise<void>;
}
