import { inflateSync } from "node:zlib";
import type { Inflate } from "../container/qvf/deflate.ts";

/** What `info` adds to the result, and the types leave out. */
interface WithEngine {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

/** Node's zlib as an {@link Inflate}: several times as fast as the portable one. */
export const inflateNode: Inflate = (bytes, length) => {
  // One byte more than stated is room enough to see that there is more.
  const options = { maxOutputLength: length + 1, info: true } as const;
  const { buffer, engine } = inflateSync(bytes, options) as unknown as WithEngine;
  if (buffer.byteLength !== length) throw new RangeError("not the length stated");
  if (engine.bytesWritten !== bytes.byteLength) throw new RangeError("bytes after the end of the stream");
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
};
