import type { QvdHeader } from "../container/qvd/header.ts";
import type { QvdLayout } from "../container/qvd/layout.ts";
import type { ByteSource } from "../source/source.ts";

/**
 * Records of some fields, one for each row of the table. A QVD has one strip with all its fields; a sealed table has one
 * for each opened field, and one with the fields that are plain.
 */
export interface Strip {
  /** For messages, e.g. `index table`. */
  readonly name: string;
  readonly recordBytes: number;
  /** Of row 0 in the file; undefined if the file does not hold the records as they are. */
  readonly offset: number | undefined;
  /** Fills `target`, which may lie in linear memory, with whole records from `row` on. */
  readInto(row: number, target: Uint8Array): Promise<void>;
}

/** Where the stored index of a field lies: these bits of the records of that strip. */
export interface FieldPlace {
  readonly strip: number;
  readonly bitOffset: number;
  readonly bitWidth: number;
  readonly bias: number;
}

/** How the rows of a table are stored. */
export interface RowStore {
  readonly strips: readonly Strip[];
  /** By ordinal. */
  readonly places: readonly FieldPlace[];
  /** True if what was read is to be overwritten when a scan is over. */
  readonly secret: boolean;
}

/** The index table of a QVD. */
export function recordStrip(source: ByteSource, name: string, offset: number, recordBytes: number): Strip {
  return {
    name,
    recordBytes,
    offset,
    readInto: (row, target) => source.readInto(offset + row * recordBytes, target),
  };
}

/** One strip with every field. */
export function plainRows(source: ByteSource, header: QvdHeader, layout: QvdLayout): RowStore {
  const { name, offset } = layout.records;
  return {
    strips: [recordStrip(source, name, offset, header.recordByteSize)],
    places: header.fields.map(({ bitOffset, bitWidth, bias }) => ({ strip: 0, bitOffset, bitWidth, bias })),
    secret: false,
  };
}
