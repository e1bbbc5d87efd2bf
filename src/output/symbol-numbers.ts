import { DUAL_INT, INT, type SymbolTable, TEXT } from "../table/symbols.ts";

/**
 * Reads the numbers of one symbol table: as `symbolNumber`, which makes a view of the bytes for each call, but with one
 * view for all.
 */
export function symbolNumbers(symbols: SymbolTable): (index: number) => number | undefined {
  const { bytes, starts } = symbols;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (index) => {
    const at = starts[index]!;
    const kind = bytes[at]!;
    if (kind === TEXT) return undefined;
    return kind === INT || kind === DUAL_INT ? view.getInt32(at + 1, true) : view.getFloat64(at + 1, true);
  };
}
