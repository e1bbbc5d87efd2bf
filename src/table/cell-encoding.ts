import { needs } from "../errors.ts";
import { MAX_SYMBOL_BYTES } from "../limits.ts";
import { DOUBLE, DUAL_DOUBLE, DUAL_INT, INT, type SymbolKind, type SymbolTable, textOffset } from "./symbols.ts";

/**
 * The cells of a column as one byte stream that depends on the values only, whatever the container, the symbol order
 * or the bit layout (SPEC 7): NULL `00` · number `02` float64 · text `04` UTF-8 `00` · dual `06` float64 UTF-8 `00`.
 */
export interface EncodedSymbols {
  readonly bytes: Uint8Array;
  /** `count + 1` offsets into `bytes`, which is a few bytes longer than the last says. */
  readonly starts: Uint32Array;
}

/** Every symbol of a table in the cell encoding. */
export function encodeSymbols(table: SymbolTable): EncodedSymbols {
  const { count } = table;
  const starts = new Uint32Array(count + 1);
  let length = 0;
  for (let i = 0; i < count; i++) {
    starts[i] = length;
    const entry = table.starts[i + 1]! - table.starts[i]!;
    const kind = table.bytes[table.starts[i]!];
    // An int32 becomes a float64: four bytes more.
    length += kind === INT || kind === DUAL_INT ? entry + 4 : entry;
  }
  needs(length <= MAX_SYMBOL_BYTES, "LIMIT_EXCEEDED", `over ${MAX_SYMBOL_BYTES} bytes of symbols in one field`);
  starts[count] = length;
  const bytes = new Uint8Array(length + SLACK);
  const out = new DataView(bytes.buffer);
  const view = new DataView(table.bytes.buffer, table.bytes.byteOffset);
  for (let i = 0; i < count; i++) {
    const from = table.starts[i]!;
    const to = table.starts[i + 1]!;
    const at = starts[i]!;
    const kind = table.bytes[from] as SymbolKind;
    if (kind === INT || kind === DUAL_INT) {
      bytes[at] = kind === INT ? DOUBLE : DUAL_DOUBLE;
      out.setFloat64(at + 1, view.getInt32(from + 1, true), true);
      if (kind === DUAL_INT) bytes.set(table.bytes.subarray(from + textOffset(kind), to), at + 9);
    } else {
      bytes.set(table.bytes.subarray(from, to), at);
    }
  }
  return { bytes, starts };
}

/** Bytes that may be read or written behind the end of a copy, which moves four at a time. */
const SLACK = 4;

/** Beyond this length `set` of a view is faster than a loop. */
const SHORT_COPY = 128;

/** Scratch for {@link encodeCells}; `size` is the greatest length of a piece. */
export function cellRoom(size: number): Uint8Array {
  return new Uint8Array(size + SLACK);
}

/**
 * Hands the cells of one batch to `sink`, in pieces as long as `room` allows; a symbol longer than that goes out alone.
 * A piece holds until `sink` returns.
 */
export function encodeCells(
  encoded: EncodedSymbols,
  indexes: Int32Array,
  rows: number,
  room: Uint8Array,
  sink: (piece: Uint8Array) => void,
): void {
  const { bytes, starts } = encoded;
  const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const to = new DataView(room.buffer, room.byteOffset, room.byteLength);
  const size = room.byteLength - SLACK;
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const index = indexes[row]!;
    if (at >= size) {
      sink(room.subarray(0, at));
      at = 0;
    }
    if (index < 0) {
      room[at] = 0;
      at += 1;
      continue;
    }
    const start = starts[index]!;
    const length = starts[index + 1]! - start;
    if (at + length > size) {
      sink(room.subarray(0, at));
      at = 0;
      if (length > size) {
        sink(bytes.subarray(start, start + length));
        continue;
      }
    }
    if (length > SHORT_COPY) room.set(bytes.subarray(start, start + length), at);
    else for (let k = 0; k < length; k += 4) to.setUint32(at + k, from.getUint32(start + k, true), true);
    at += length;
  }
  if (at > 0) sink(room.subarray(0, at));
}
