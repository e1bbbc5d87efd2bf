import type { ByteSink } from "../source/sink.ts";

/** Writes one thing after the other while the caller works on. */
export interface WriteQueue {
  /** Settles when the bytes may be written over; what fails is met there, and at every later one. */
  add(bytes: Uint8Array): Promise<void>;
  /** Settles when all is written. */
  end(): Promise<void>;
}

export function writeQueue(sink: ByteSink): WriteQueue {
  let last = Promise.resolve();
  return {
    add(bytes) {
      last = last.then(() => (bytes.byteLength === 0 ? undefined : sink.write(bytes)));
      // A failure is nobody's until it is waited for.
      last.catch(() => {});
      return last;
    },
    end: () => last,
  };
}
