import { cursor, readU32 } from "../bytes/cursor.ts";
import { inflateBlob, readBlobHead } from "../container/qvf/blob.ts";
import type { Inflate } from "../container/qvf/deflate.ts";
import {
  FIELD_CLASS,
  type FieldHead,
  type FieldStream,
  parseFieldStream,
  type QvfNumberFormat,
  readDecimalsCount,
  readFieldHead,
} from "../container/qvf/field-stream.ts";
import { type FieldTail, parseFieldTail } from "../container/qvf/field-tail.ts";
import type { QvfContainer } from "../container/qvf/reader.ts";
import { isQErr, needs } from "../errors.ts";
import { IMPLICIT_SYMBOLS_A_BYTE, MAX_FREE_SYMBOLS, MAX_QVF_IMPLICIT_SYMBOLS } from "../limits.ts";
import type { NumberFormat } from "./field.ts";
import { decodeSymbols } from "./qvf-symbols.ts";
import type { SymbolTable } from "./symbols.ts";

/** A field of a model: what is known without its symbols, and its symbols when they are asked for. */
export interface ModelField extends FieldHead {
  readonly name: string;
  readonly tail: FieldTail;
  readonly symbolCount: number;
  /** Fetched and inflated on first use, then kept: tables that share a field share its symbols. */
  symbols(): Promise<SymbolTable>;
}

/** Streams up to this size are read in one go; of larger ones the symbols are left out. */
const WHOLE = 64 * 1024;

/**
 * Opens the field `data/field_<number>`; its symbols are not read (only passed over, chunk by chunk).
 * @throws `QVF_FIELD`, `QVF_NO_ENTRY`, and what the container throws
 */
export async function openField(
  container: QvfContainer,
  number: number,
  name: string,
  inflate: Inflate,
): Promise<ModelField> {
  const part = `data/field_${number}`;
  const size = await container.size(part);
  const first = await container.readRange(part, 0, WHOLE);
  const whole = size <= WHOLE ? parseFieldStream(first, part) : undefined;
  const head = whole ?? (await passSymbols(container, part, first, size));
  needs(head.tail.fieldIndex === number, "QVF_FIELD", `${part} says that it is field ${head.tail.fieldIndex}`, {
    part,
  });
  let symbols: Promise<SymbolTable> | undefined;
  const { formats, fieldClass, base, tail } = head;
  const fileBytes = container.source.size;
  const countOf = async () =>
    (await fieldSymbols(parseFieldStream(await container.read(part), part), part, inflate, fileBytes)).count;
  // Synthetic keys state no count outside their blob, which then has four bytes.
  const stated = tail.texts + tail.numbers;
  const symbolCount = stated === 0 && fieldClass === FIELD_CLASS.any ? await countOf() : stated;
  return {
    name,
    formats,
    fieldClass,
    base,
    tail,
    symbolCount,
    symbols() {
      symbols ??= read();
      // A failed fetch may be tried again.
      symbols.catch(() => (symbols = undefined));
      return symbols;
    },
  };

  async function read(): Promise<SymbolTable> {
    const table = await fieldSymbols(parseFieldStream(await container.read(part), part), part, inflate, fileBytes);
    const counted = table.count === symbolCount;
    needs(counted, "QVF_SYMBOL", `${part} has ${table.count} symbols and says ${symbolCount}`, { part });
    return table;
  }
}

/**
 * Inflates and decodes the symbols of a stored field.
 * @param fileBytes size of the file, which bounds how many symbols it may state without storing them
 * @throws `QVF_DEFLATE`, `QVF_SYMBOL`, `LIMIT_EXCEEDED`
 */
export async function fieldSymbols(
  field: FieldStream,
  part: string,
  inflate: Inflate,
  fileBytes: number,
): Promise<SymbolTable> {
  const { fieldClass, base, symbols } = field;
  const content = symbols.kind === "blob" ? await inflateBlob(symbols.blob, inflate) : symbols.bytes;
  return decodeSymbols({ part, fieldClass, base, content }, implicitLimit(fileBytes));
}

/** How many symbols a field of a file of so many bytes may have without storing them. */
export function implicitLimit(fileBytes: number): number {
  return Math.min(MAX_QVF_IMPLICIT_SYMBOLS, MAX_FREE_SYMBOLS + IMPLICIT_SYMBOLS_A_BYTE * fileBytes);
}

async function passSymbols(
  container: QvfContainer,
  part: string,
  first: Uint8Array,
  size: number,
): Promise<FieldHead & { readonly tail: FieldTail }> {
  const c = cursor(first, part, { code: "QVF_FIELD" });
  const head = readFieldHead(c);
  let at: number;
  if (head.fieldClass === FIELD_CLASS.decimals) {
    const count = readDecimalsCount(c);
    at = c.offset + count * 4;
  } else {
    const { chunks } = readBlobHead(c);
    at = c.offset;
    for (let k = 0; k < chunks; k++) {
      const length = cursor(await container.readRange(part, at, 4), part, { base: at, code: "QVF_FIELD" });
      at += 4 + readU32(length);
    }
  }
  try {
    return { ...head, tail: await readTail(WHOLE) };
  } catch (error) {
    // The comments of a field may be longer than that.
    if (!isQErr(error) || at + WHOLE >= size) throw error;
    return { ...head, tail: await readTail(size) };
  }

  async function readTail(length: number): Promise<FieldTail> {
    return parseFieldTail(cursor(await container.readRange(part, at, length), part, { base: at, code: "QVF_FIELD" }));
  }
}

/** Names of the number types; 4 was not seen and is taken for the time that QVDs have between date and timestamp. */
const TYPE_NAMES: Readonly<Record<number, string>> = {
  0: "UNKNOWN",
  1: "ASCII",
  2: "REAL",
  3: "DATE",
  4: "TIME",
  5: "TIMESTAMP",
  6: "INTERVAL",
  10: "INTEGER",
  11: "FIX",
  12: "MONEY",
};

/** The number format in the words of a QVD. */
export function toNumberFormat(format: QvfNumberFormat): NumberFormat {
  const { nDec, useThou, fmt, dec, thou } = format;
  return { type: TYPE_NAMES[format.type] ?? "UNKNOWN", nDec, useThou, fmt, dec, thou };
}

/** Twin of {@link toNumberFormat}. */
export function fromNumberFormat(format: NumberFormat): QvfNumberFormat {
  const { nDec, useThou, fmt, dec, thou } = format;
  const type = Object.entries(TYPE_NAMES).find(([, name]) => name === format.type);
  return { type: type === undefined ? 0 : Number(type[0]), nDec, useThou, fmt, dec, thou, last: 0 };
}
