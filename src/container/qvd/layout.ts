import { needs, QErr, quoted } from "../../errors.ts";
import {
  FREE_CELLS_A_BYTE,
  MAX_BIT_WIDTH,
  MAX_FREE_CELLS,
  MAX_ROWS_WITHOUT_BYTES,
  MAX_SYMBOL_BYTES,
} from "../../limits.ts";
import type { Part } from "../part.ts";
import type { QvdHeader } from "./header.ts";

/** The byte ranges of a QVD, absolute in the file and checked against its size. */
export interface QvdLayout {
  readonly header: Part;
  /** One a field, in header order. */
  readonly symbols: readonly Part[];
  readonly records: Part;
}

/**
 * Plans where everything lies: a pure function of the header and the file's size. Each range is checked against the
 * file, bit ranges against the record and each other, and counts against the bytes that would have to hold them, so
 * that nothing is allocated on a header's word alone.
 * @throws `QVD_COMPRESSED`, `QVD_ENCRYPTED` for what is refused; `QVD_RANGE` for bytes; `QVD_BITS` for bits
 */
export function planLayout(header: QvdHeader, fileSize: number): QvdLayout {
  needs(header.compression === "", "QVD_COMPRESSED", "the table is compressed, which no known QVD is", {
    part: "header",
    hint: "store the table again without compression",
  });
  needs(header.encryptionInfo === "", "QVD_ENCRYPTED", "the table was encrypted by Qlik, whose layout is not public", {
    part: "header",
    hint: "have Qlik store it without encryption; only its header can be read here",
  });
  const base = header.bytes.byteLength;
  const symbols = header.fields.map((field, ordinal): Part => {
    const name = `symbols of ${quoted(field.name)}`;
    const part: Part = { name, role: "symbols", offset: base + field.offset, length: field.length, ordinal };
    checkInside(part, fileSize);
    needs(field.length <= MAX_SYMBOL_BYTES, "LIMIT_EXCEEDED", `${name} has over ${MAX_SYMBOL_BYTES} bytes`, {
      part: name,
    });
    // The shortest entry is an empty text: type byte and NUL.
    needs(
      field.noOfSymbols * 2 <= field.length,
      "QVD_RANGE",
      `${name}: ${field.noOfSymbols} symbols do not fit ${field.length} bytes`,
      {
        part: name,
        offset: part.offset,
        length: part.length,
      },
    );
    return part;
  });
  const records: Part = { name: "index table", role: "records", offset: base + header.offset, length: header.length };
  checkInside(records, fileSize);
  needs(
    header.length === header.noOfRecords * header.recordByteSize,
    "QVD_RANGE",
    `index table has ${header.length} bytes, ${header.noOfRecords} records of ${header.recordByteSize} bytes need another number`,
    { part: records.name, offset: records.offset },
  );
  // Without this a header of a kilobyte could claim 2^40 rows that cost no bytes.
  needs(
    header.recordByteSize > 0 || header.noOfRecords <= MAX_ROWS_WITHOUT_BYTES,
    "LIMIT_EXCEEDED",
    `${header.noOfRecords} records of no bytes are over ${MAX_ROWS_WITHOUT_BYTES}`,
    { part: records.name },
  );
  const free = header.noOfRecords * header.fields.filter((field) => field.bitWidth === 0).length;
  needs(
    free <= MAX_FREE_CELLS + FREE_CELLS_A_BYTE * header.length,
    "LIMIT_EXCEEDED",
    `${free} cells in columns of no bits are too many for ${header.length} bytes of records`,
    { part: records.name },
  );
  checkDisjoint([...symbols, records]);
  checkBits(header);
  return { header: { name: "header", role: "header", offset: 0, length: base }, symbols, records };
}

function checkInside(part: Part, fileSize: number): void {
  if (part.offset + part.length <= fileSize) return;
  throw new QErr("QVD_RANGE", `${part.name} ends at byte ${part.offset + part.length}, the file has ${fileSize}`, {
    part: part.name,
    offset: part.offset,
    length: part.length,
    hint: "the file was cut off, or its line ends were converted on the way",
  });
}

function checkDisjoint(parts: readonly Part[]): void {
  const sorted = parts.filter((p) => p.length > 0).sort((a, b) => a.offset - b.offset);
  for (let i = 1; i < sorted.length; i++) {
    const before = sorted[i - 1]!;
    const part = sorted[i]!;
    needs(before.offset + before.length <= part.offset, "QVD_RANGE", () => `${part.name} lies over ${before.name}`, {
      part: part.name,
      offset: part.offset,
      length: part.length,
    });
  }
}

function checkBits(header: QvdHeader): void {
  const all = header.recordByteSize * 8;
  const used = header.fields.filter((f) => f.bitWidth > 0).sort((a, b) => a.bitOffset - b.bitOffset);
  let end = 0;
  for (const f of used) {
    const part = `field ${quoted(f.name)}`;
    needs(f.bitWidth <= MAX_BIT_WIDTH, "QVD_BITS", `${part} is ${f.bitWidth} bits wide, over ${MAX_BIT_WIDTH}`, {
      part,
    });
    needs(f.bitOffset + f.bitWidth <= all, "QVD_BITS", `${part} ends at bit ${f.bitOffset + f.bitWidth} of ${all}`, {
      part,
    });
    needs(f.bitOffset >= end, "QVD_BITS", `${part} begins at bit ${f.bitOffset}, inside another field`, { part });
    end = f.bitOffset + f.bitWidth;
  }
}
