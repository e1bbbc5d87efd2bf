import { QErr } from "../errors.ts";
import type { RecordEnds } from "./records.ts";

const QUOTE = 0x22;
const LF = 0x0a;

const FIELD_START = 0;
const PLAIN = 1;
const QUOTED = 2;
const AFTER_QUOTE = 3;

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** Finds the ends of CSV records: an LF outside quotes. A quote opens only at the beginning of a field (RFC 4180). */
export function csvEnds(delimiter: number): RecordEnds {
  let state = FIELD_START;
  let mark = 0;
  return {
    next(bytes, from) {
      let now = state;
      for (let i = from; i < bytes.length; i++) {
        const byte = bytes[i]!;
        if (mark < 3) {
          // A quote after the byte order mark still opens the first field.
          if (byte === BYTE_ORDER_MARK[mark++]) continue;
          mark = 3;
        }
        if (now === QUOTED) {
          if (byte === QUOTE) now = AFTER_QUOTE;
        } else if (byte === LF) {
          state = FIELD_START;
          return i + 1;
        } else if (byte === delimiter) {
          now = FIELD_START;
        } else if (now === FIELD_START) {
          now = byte === QUOTE ? QUOTED : PLAIN;
        } else if (now === AFTER_QUOTE) {
          // A doubled quote is a quote in the text; anything else is refused when the record is read.
          now = byte === QUOTE ? QUOTED : PLAIN;
        }
      }
      state = now;
      return -1;
    },
  };
}

/**
 * Reads one record without its line end: texts in order, `null` for a field with nothing in it, not even quotes.
 * @param most fields that a record may have: of a longer one, one more is read, since each takes memory and a byte of input
 * @throws `IMPORT_SYNTAX` on a quote that is not closed, or text between a closing quote and the delimiter
 */
export function csvFields(text: string, delimiter: string, place: CsvPlace, most: number): (string | null)[] {
  const fields: (string | null)[] = [];
  let at = 0;
  while (true) {
    let value: string | null;
    if (text.charCodeAt(at) === QUOTE) {
      const end = closingQuote(text, at + 1, place);
      const inside = text.slice(at + 1, end);
      value = inside.includes('"') ? inside.replaceAll('""', '"') : inside;
      at = end + 1;
      if (at < text.length && text[at] !== delimiter) {
        throw new QErr("IMPORT_SYNTAX", `record ${place.number} has text after a closing quote`, {
          offset: place.offset,
          hint: "a quote inside a quoted field must be doubled",
        });
      }
    } else {
      const next = text.indexOf(delimiter, at);
      const end = next < 0 ? text.length : next;
      value = end === at ? null : text.slice(at, end);
      at = end;
    }
    fields.push(value);
    if (at >= text.length || fields.length > most) return fields;
    at++;
  }
}

/** Where a record is, for messages. */
export interface CsvPlace {
  readonly number: number;
  readonly offset: number;
}

function closingQuote(text: string, from: number, place: CsvPlace): number {
  let at = from;
  while (true) {
    const quote = text.indexOf('"', at);
    if (quote < 0) {
      throw new QErr("IMPORT_SYNTAX", `record ${place.number} has a quote that is not closed`, {
        offset: place.offset,
      });
    }
    if (text.charCodeAt(quote + 1) !== QUOTE) return quote;
    at = quote + 2;
  }
}
