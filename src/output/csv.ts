import { decodeUtf8, encodeUtf8 } from "../bytes/utf8.ts";
import { type ByteWriter, byteWriter, reserve, writeBytes, writeU8, written } from "../bytes/writer.ts";
import { needs } from "../errors.ts";
import { exactText } from "../table/decimal.ts";
import { numberFormatter } from "../table/number-format.ts";
import { symbolTextBytes } from "../table/symbols.ts";
import type { Table } from "../table/table.ts";
import { columnType } from "../table/typing.ts";
import { checkText } from "./append-text.ts";
import type { OutputColumn } from "./encoded-column.ts";
import { type ExportOptions, type ExportSink, planExport, sideName } from "./options.ts";
import { writeRows } from "./row-writer.ts";
import { symbolNumbers } from "./symbol-numbers.ts";

export interface CsvOptions extends ExportOptions {
  /** One ASCII character; a comma if left out. */
  readonly delimiter?: string | undefined;
  /** CR LF if left out, as Qlik writes. */
  readonly newline?: "\r\n" | "\n" | undefined;
  /** Begin with a UTF-8 byte order mark; true if left out, as Qlik writes. */
  readonly bom?: boolean | undefined;
  /** Show numbers without a text of their own as the shortest decimal that reads back the same, whatever their format. */
  readonly exact?: boolean | undefined;
  /**
   * Put an apostrophe before texts that a spreadsheet would run as a formula (they begin with `= + - @`, TAB, CR or LF),
   * and inside them where one would begin for a spreadsheet that splits cells at `;` or TAB. It changes the data, so it
   * is off unless asked for. Numbers, and texts that are plain numbers, are left alone; a number whose format, which is
   * the file's, shows it as something else is a text.
   */
  readonly guard?: boolean | undefined;
}

const QUOTE = 0x22;
const CR = 0x0d;
const LF = 0x0a;
const COMMA = 0x2c;
const APOSTROPHE = 0x27;

/**
 * Writes a table as Qlik's STORE into text does: UTF-8 with a byte order mark, CR LF, field names first, display text of
 * every cell, NULL as nothing, quotes round what holds a comma or an apostrophe. That much was compared byte by byte
 * with CSV files stored by Qlik (43 tables, build 50689). Quotes round a double quote (doubled inside), CR or LF are RFC
 * 4180: no such cell was found in a stored file. An empty text is `""`, to be told from NULL: what Qlik writes is not known.
 *
 * Duals: `text` (default) the display text; `number` the exact number; `both` the display text, and for fields with duals
 * a second column `<name>.number`.
 * @returns rows written
 * @throws `USAGE` on a bad delimiter, `BYTES_UTF8` on a damaged text, and what the table throws
 */
export async function writeCsv(table: Table, sink: ExportSink, options: CsvOptions = {}): Promise<number> {
  const delimiter = options.delimiter ?? ",";
  const good = delimiter.length === 1 && delimiter >= "\t" && delimiter <= "~" && !'"\r\n'.includes(delimiter);
  needs(good, "USAGE", "the delimiter must be one ASCII character other than a quote, CR or LF");
  const comma = delimiter.charCodeAt(0);
  const { names, columns } = await csvColumns(table, options, comma);
  const newline = encodeUtf8(options.newline ?? "\r\n");
  const head = byteWriter();
  if (options.bom ?? true) writeBytes(head, Uint8Array.of(0xef, 0xbb, 0xbf));
  for (const [k, name] of names.entries()) {
    if (k > 0) writeU8(head, comma);
    if (options.guard) appendText(head, encodeUtf8(name), comma, true);
    else appendCsv(head, encodeUtf8(name), comma);
  }
  writeBytes(head, newline);
  await sink.write(written(head));
  return writeRows(table, sink, { columns, end: newline, between: new Uint8Array(0) }, options);
}

interface CsvColumns {
  readonly names: readonly string[];
  readonly columns: readonly OutputColumn[];
}

async function csvColumns(table: Table, options: CsvOptions, comma: number): Promise<CsvColumns> {
  const names: string[] = [];
  const columns: OutputColumn[] = [];
  const add = (name: string, ordinal: number, encoder: OutputColumn["encoder"]): void => {
    columns.push({ ordinal, encoder, lead: columns.length === 0 ? new Uint8Array(0) : Uint8Array.of(comma) });
    names.push(name);
  };
  const guard = options.guard ?? false;
  for (const ordinal of planExport(table, options).fields) {
    const field = table.fields[ordinal]!;
    if (options.duals === "number") {
      add(field.name, ordinal, numberCell(comma, guard));
      continue;
    }
    const format = options.exact ? exactText : numberFormatter(field.numberFormat);
    add(field.name, ordinal, displayCell(format, comma, guard));
    if (options.duals === "both" && columnType(field, await table.symbols(ordinal)).duals) {
      add(sideName(table, field.name, ".number"), ordinal, onlyNumber(comma));
    }
  }
  return { names, columns };
}

function displayCell(format: (value: number) => string, comma: number, guard: boolean): OutputColumn["encoder"] {
  return (symbols) => {
    const numberOf = symbolNumbers(symbols);
    return (out, index) => {
      if (index < 0) return;
      const text = symbolTextBytes(symbols, index);
      if (text !== undefined) appendText(out, text, comma, guard);
      else {
        const shown = format(numberOf(index)!);
        if (guard && !SHOWN_NUMBER.test(shown)) appendText(out, encodeUtf8(shown), comma, true);
        else appendShown(out, shown, comma);
      }
    };
  };
}

function numberCell(comma: number, guard: boolean): OutputColumn["encoder"] {
  return (symbols) => {
    const numberOf = symbolNumbers(symbols);
    return (out, index) => {
      if (index < 0) return;
      const number = numberOf(index);
      if (number !== undefined) appendShown(out, exactText(number), comma);
      else appendText(out, symbolTextBytes(symbols, index)!, comma, guard);
    };
  };
}

function onlyNumber(comma: number): OutputColumn["encoder"] {
  return (symbols) => {
    const numberOf = symbolNumbers(symbols);
    return (out, index) => {
      const number = index < 0 ? undefined : numberOf(index);
      if (number !== undefined) appendShown(out, exactText(number), comma);
    };
  };
}

/** A number as it is shown; most have nothing to quote and are ASCII. */
function appendShown(out: ByteWriter, text: string, comma: number): void {
  const { length } = text;
  const at = reserve(out, length);
  const { bytes } = out;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x2d || code > 0x7e || code === comma) {
      out.length = at;
      appendCsv(out, encodeUtf8(text), comma);
      return;
    }
    bytes[at + i] = code;
  }
}

/** A text from the file: checked, guarded if asked for, told from NULL if it is empty. */
function appendText(out: ByteWriter, text: Uint8Array, comma: number, guard: boolean): void {
  checkText(text);
  if (text.length === 0) {
    writeU8(out, QUOTE);
    writeU8(out, QUOTE);
  } else {
    appendCsv(out, guard ? guarded(text, comma) : text, comma);
  }
}

/** Appends a cell, in quotes if it needs them. */
function appendCsv(out: ByteWriter, text: Uint8Array, comma: number): void {
  let quotes = 0;
  let special = false;
  for (let i = 0; i < text.length; i++) {
    const byte = text[i]!;
    if (byte === QUOTE) quotes++;
    else if (byte === comma || byte === COMMA || byte === APOSTROPHE || byte === CR || byte === LF) special = true;
  }
  if (quotes === 0 && !special) {
    writeBytes(out, text);
    return;
  }
  writeU8(out, QUOTE);
  if (quotes === 0) writeBytes(out, text);
  else {
    for (let i = 0; i < text.length; i++) {
      if (text[i] === QUOTE) writeU8(out, QUOTE);
      writeU8(out, text[i]!);
    }
  }
  writeU8(out, QUOTE);
}

/** A number or time as formats show it, with a sign, unit or exponent: nothing that a spreadsheet would work out. */
// eslint-disable-next-line security/detect-unsafe-regex -- no two quantifiers in a row can take the same character
const SHOWN_NUMBER = /^[+-]?\p{Sc}?\s?\d[\d.,:'\s]{0,60}(?:[eE][+-]?\d{1,3})?[%\p{Sc}]?$/u;

/** Digits that a spreadsheet takes for a plain number; longer texts are guarded. */
const PLAIN_NUMBER = /^[+-]\d[\d.,]{0,38}$/;

/**
 * Where a formula would begin: at the beginning of a text, and behind what ends a cell for a spreadsheet of another
 * separator, to which quotes that begin in the middle of a cell mean nothing. Wide forms count in East Asian editions.
 */
const RUNS = /^(?=[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n])|(?<=[;\t\r\n])(?="?[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

/** The same where the separator is no comma, which then is another. */
const RUNS_BEHIND_COMMA =
  /^(?=[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n])|(?<=[,;\t\r\n])(?="?[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

function guarded(text: Uint8Array, comma: number): Uint8Array {
  const plain = decodeUtf8(text, "a symbol");
  if (PLAIN_NUMBER.test(plain)) return text;
  const safe = plain.replace(comma === COMMA ? RUNS : RUNS_BEHIND_COMMA, "'");
  return safe === plain ? text : encodeUtf8(safe);
}
