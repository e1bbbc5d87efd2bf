/** Bytes behind each buffer that a kernel may touch: whole vectors are read and written. */
export const SLACK = 64;

/** Bits of one column that one call may cover, so that bit addresses fit 32 bits. */
export const MAX_CALL_BITS = 2 ** 31;

/** Stored indexes that stand for NULL: those below this. */
export function nullSpan(bias: number): number {
  return Math.max(0, -bias);
}

/** Bytes of a row mask: whole 64-bit words. */
export function maskBytes(rows: number): number {
  return Math.ceil(rows / 64) * 8;
}

/** Bytes of a table of `entries` bits: whole 32-bit words. */
export function bitTableBytes(entries: number): number {
  return Math.ceil(entries / 32) * 4;
}
