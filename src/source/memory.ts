import { checkRange } from "./range.ts";
import type { ByteSource } from "./source.ts";

/** A source over bytes in memory; `read` gives views, nothing is copied. */
export function memorySource(bytes: Uint8Array, name = "memory"): ByteSource {
  return {
    size: bytes.byteLength,
    name,
    async read(offset, length) {
      checkRange(name, bytes.byteLength, offset, length);
      return bytes.subarray(offset, offset + length);
    },
    async readInto(offset, target) {
      checkRange(name, bytes.byteLength, offset, target.byteLength);
      target.set(bytes.subarray(offset, offset + target.byteLength));
    },
    async close() {},
  };
}
