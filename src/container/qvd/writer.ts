import { equalBytes } from "../../bytes/concat.ts";
import type { ByteSink } from "../../source/sink.ts";
import type { RecordBits } from "./bits.ts";
import type { QvdHeader } from "./header.ts";
import type { FieldPlace, TablePlace } from "./header-build.ts";
import { type HeaderNode, renderHeader } from "./header-tree.ts";

/** Places symbol tables back to back in field order and the index table behind them, as every real file has it. */
export function placeTable(
  bits: RecordBits,
  symbols: readonly { readonly count: number; readonly byteLength: number }[],
  rows: number,
): TablePlace {
  let at = 0;
  const fields = bits.fields.map((field, i): FieldPlace => {
    const { count, byteLength } = symbols[i]!;
    const offset = at;
    at += byteLength;
    return { ...field, noOfSymbols: count, offset, length: byteLength };
  });
  const { recordByteSize } = bits;
  return { fields, recordByteSize, noOfRecords: rows, offset: at, length: rows * recordByteSize };
}

/**
 * The bytes of a header that says what `node` says. If that is what `original` said, its exact bytes come back, also
 * where another tool wrote them in a form of its own; else the form of Qlik, with the line ends of `original`.
 */
export function headerBytes(node: HeaderNode, original?: QvdHeader): Uint8Array {
  if (original === undefined) return renderHeader(node, "\r\n");
  const eol = original.bytes.includes(0x0d) ? "\r\n" : "\n";
  const rendered = renderHeader(node, eol);
  const unchanged = equalBytes(rendered, renderHeader(original.tree, eol));
  return unchanged ? original.bytes : rendered;
}

/** The three sections of a QVD, in the order they are written. */
export interface QvdParts {
  readonly header: Uint8Array;
  /** One a field, exactly as long as the header says. */
  readonly symbols: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /** Whole records, in order; the header says how many. A piece may be written over once the sink took it. */
  readonly records: AsyncIterable<Uint8Array>;
}

/** Streams a QVD into `sink`. The caller commits or aborts it. */
export async function writeParts(sink: ByteSink, parts: QvdParts): Promise<void> {
  await sink.write(parts.header);
  for await (const piece of parts.symbols) if (piece.byteLength > 0) await sink.write(piece);
  for await (const piece of parts.records) if (piece.byteLength > 0) await sink.write(piece);
}
