import { DOUBLE, DUAL_DOUBLE, DUAL_INT, INT, type SymbolKind, type SymbolTable, textOffset } from "./symbols.ts";

/**
 * The cells of a column as one byte stream that depends on the values only, whatever the container, the symbol order
 * or the bit layout (SPEC 7): NULL `00` · number `02` float64 · text `04` UTF-8 `00` · dual `06` float64 UTF-8 `00`.
 */
export interface EncodedSymbols {
  readonly bytes: Uint8Array;
  /** `count + 1` offsets into `bytes`. */
  readonly starts: Float64Array;
}

/** Every symbol of a table in the cell encoding. */
export function encodeSymbols(table: SymbolTable): EncodedSymbols {
  const { count } = table;
  const starts = new Float64Array(count + 1);
  let length = 0;
  for (let i = 0; i < count; i++) {
    starts[i] = length;
    const entry = table.starts[i + 1]! - table.starts[i]!;
    const kind = table.bytes[table.starts[i]!];
    // An int32 becomes a float64: four bytes more.
    length += kind === INT || kind === DUAL_INT ? entry + 4 : entry;
  }
  starts[count] = length;
  const bytes = new Uint8Array(length);
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

/**
 * Appends the cells of one batch to `sink` in pieces of at most `room.byteLength` bytes; a symbol longer than that goes
 * out alone. `room` is scratch: a piece holds until `sink` returns.
 */
export function encodeCells(
  encoded: EncodedSymbols,
  indexes: Int32Array,
  rows: number,
  room: Uint8Array,
  sink: (piece: Uint8Array) => void,
): void {
  const { bytes, starts } = encoded;
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const index = indexes[row]!;
    const from = index < 0 ? 0 : starts[index]!;
    const length = index < 0 ? 1 : starts[index + 1]! - from;
    if (at + length > room.byteLength) {
      sink(room.subarray(0, at));
      at = 0;
      if (length > room.byteLength) {
        sink(bytes.subarray(from, from + length));
        continue;
      }
    }
    if (index < 0) room[at] = 0;
    else if (length <= 16) for (let k = 0; k < length; k++) room[at + k] = bytes[from + k]!;
    else room.set(bytes.subarray(from, from + length), at);
    at += length;
  }
  if (at > 0) sink(room.subarray(0, at));
}
