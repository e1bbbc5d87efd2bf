import { concat } from "../../src/bytes/concat.ts";

/**
 * QVDs made by hand, byte by byte from the format notes and without the project's writer, so that tests can say of a
 * file what the writer would refuse to.
 */
export interface RawField {
  readonly name: string;
  readonly symbols: readonly Uint8Array[];
  readonly bitOffset: number;
  readonly bitWidth: number;
  readonly bias?: number;
}

export interface RawQvd {
  readonly fields: readonly RawField[];
  readonly rows: number;
  readonly recordBytes: number;
  /** The index table. */
  readonly records: Uint8Array;
  readonly eol?: string;
}

const utf8 = (text: string) => new TextEncoder().encode(text);

function number(kind: number, bytes: 4 | 8, value: number, text?: string): Uint8Array {
  const view = new DataView(new ArrayBuffer(1 + bytes));
  view.setUint8(0, kind);
  if (bytes === 4) view.setInt32(1, value, true);
  else view.setFloat64(1, value, true);
  const head = new Uint8Array(view.buffer);
  return text === undefined ? head : concat([head, utf8(`${text}\0`)]);
}

/** Symbol entries (format notes 1.3). */
export const entry = {
  int: (value: number) => number(1, 4, value),
  double: (value: number) => number(2, 8, value),
  text: (value: string) => concat([Uint8Array.of(4), utf8(`${value}\0`)]),
  dualInt: (value: number, text: string) => number(5, 4, value, text),
  dualDouble: (value: number, text: string) => number(6, 8, value, text),
} as const;

/** Header and body; the header says exactly what is given. */
export function rawQvd(spec: RawQvd): Uint8Array {
  const eol = spec.eol ?? "\r\n";
  const lines = [
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>',
    " <QvdTableHeader>",
    "   <QvBuildNo>50689</QvBuildNo>",
    "   <CreatorDoc></CreatorDoc>",
    "   <CreateUtcTime>2024-02-29 12:34:56</CreateUtcTime>",
    "   <TableName>Hand made</TableName>",
    "   <Fields>",
  ];
  let at = 0;
  for (const field of spec.fields) {
    const length = field.symbols.reduce((sum, s) => sum + s.byteLength, 0);
    lines.push(
      "     <QvdFieldHeader>",
      `       <FieldName>${field.name}</FieldName>`,
      `       <BitOffset>${field.bitOffset}</BitOffset>`,
      `       <BitWidth>${field.bitWidth}</BitWidth>`,
      `       <Bias>${field.bias ?? 0}</Bias>`,
      "       <NumberFormat>",
      "         <Type>UNKNOWN</Type>",
      "         <nDec>0</nDec>",
      "         <UseThou>0</UseThou>",
      "         <Fmt></Fmt>",
      "         <Dec></Dec>",
      "         <Thou></Thou>",
      "       </NumberFormat>",
      `       <NoOfSymbols>${field.symbols.length}</NoOfSymbols>`,
      `       <Offset>${at}</Offset>`,
      `       <Length>${length}</Length>`,
      "     </QvdFieldHeader>",
    );
    at += length;
  }
  lines.push(
    "   </Fields>",
    "   <Compression></Compression>",
    `   <RecordByteSize>${spec.recordBytes}</RecordByteSize>`,
    `   <NoOfRecords>${spec.rows}</NoOfRecords>`,
    `   <Offset>${at}</Offset>`,
    `   <Length>${spec.records.byteLength}</Length>`,
    " </QvdTableHeader>",
  );
  const header = utf8(`${lines.join(eol)}${eol}\0`);
  return concat([header, ...spec.fields.flatMap((f) => f.symbols), spec.records]);
}

/** Splits a QVD behind the NUL that ends its header. */
export function headerAndBody(qvd: Uint8Array): { readonly header: string; readonly body: Uint8Array } {
  const nul = qvd.indexOf(0);
  const header = new TextDecoder("utf-8", { ignoreBOM: true }).decode(qvd.subarray(0, nul));
  return { header, body: qvd.slice(nul + 1) };
}

/** The same QVD with another header text; `edit` must change it, or the test means nothing. */
export function editHeader(qvd: Uint8Array, edit: (header: string) => string): Uint8Array {
  const { header, body } = headerAndBody(qvd);
  const edited = edit(header);
  if (edited === header) throw new Error("the edit changes nothing");
  return concat([utf8(`${edited}\0`), body]);
}

/** Packs raw values into records, bit by bit with BigInt: the slow oracle of `packField`. */
export function packWithBigInt(
  rows: number,
  recordBytes: number,
  fields: readonly { readonly bitOffset: number; readonly raws: readonly number[] }[],
): Uint8Array {
  const records = new Uint8Array(rows * recordBytes);
  for (let row = 0; row < rows; row++) {
    let record = 0n;
    for (const { bitOffset, raws } of fields) record |= BigInt(raws[row]!) << BigInt(bitOffset);
    for (let k = 0; k < recordBytes; k++) records[row * recordBytes + k] = Number((record >> BigInt(8 * k)) & 0xffn);
  }
  return records;
}
