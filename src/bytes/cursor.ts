import { type ErrorCode, QErr } from "../errors.ts";

/**
 * A bounded little-endian reader over one buffer. Every read is checked against `end`; a read past it throws
 * `BYTES_TRUNCATED` (or the code given) with both numbers in the message.
 */
export interface Cursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly end: number;
  readonly part: string;
  readonly code: ErrorCode;
  /** Added to `offset` in errors, so that they name places in the file rather than in the buffer. */
  readonly base: number;
  offset: number;
}

export function cursor(
  bytes: Uint8Array,
  part: string,
  options: { readonly base?: number; readonly code?: ErrorCode } = {},
): Cursor {
  return {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    end: bytes.byteLength,
    part,
    code: options.code ?? "BYTES_TRUNCATED",
    base: options.base ?? 0,
    offset: 0,
  };
}

export function remaining(c: Cursor): number {
  return c.end - c.offset;
}

/** Moves past `length` bytes and returns where they began. */
export function take(c: Cursor, length: number): number {
  if (!Number.isInteger(length) || length < 0 || length > c.end - c.offset) {
    throw new QErr(c.code, `${c.part} needs ${length} more bytes, ${c.end - c.offset} are left`, {
      part: c.part,
      offset: c.base + c.offset,
    });
  }
  const at = c.offset;
  c.offset = at + length;
  return at;
}

export function readU8(c: Cursor): number {
  return c.view.getUint8(take(c, 1));
}

export function readU16(c: Cursor): number {
  return c.view.getUint16(take(c, 2), true);
}

export function readU32(c: Cursor): number {
  return c.view.getUint32(take(c, 4), true);
}

export function readI32(c: Cursor): number {
  return c.view.getInt32(take(c, 4), true);
}

/** An unsigned 64-bit count; above 2^53 it cannot be a length of anything, so it throws the cursor's code. */
export function readU64(c: Cursor): number {
  const value = c.view.getBigUint64(take(c, 8), true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new QErr(c.code, `${c.part} holds a 64-bit number beyond 2^53`, {
      part: c.part,
      offset: c.base + c.offset - 8,
    });
  }
  return Number(value);
}

export function readF64(c: Cursor): number {
  return c.view.getFloat64(take(c, 8), true);
}

/** A view of the next `length` bytes; it shares the buffer. */
export function readBytes(c: Cursor, length: number): Uint8Array {
  const at = take(c, length);
  return c.bytes.subarray(at, at + length);
}
