import { concat } from "../bytes/concat.ts";
import { needs, QErr } from "../errors.ts";
import { MAX_INPUT_RECORD_BYTES } from "../limits.ts";
import type { ByteStream } from "./row-reader.ts";

/**
 * Finds the ends of records in bytes that come piece by piece. It keeps its state between calls, so no byte is looked at
 * twice.
 */
export interface RecordEnds {
  /** The offset after the record that `bytes` from `from` on continue, or -1 if the record goes on beyond them. */
  next(bytes: Uint8Array, from: number): number;
}

/** A record as bytes (terminator included), with its place for messages. */
export interface InputRecord {
  readonly bytes: Uint8Array;
  /** 1 for the first record of the input. */
  readonly number: number;
  /** Offset of its first byte in the input. */
  readonly offset: number;
  /** False for what is left at the end of the input without a terminator. */
  readonly ended: boolean;
}

/** Each record is an object with a view, many times as long as a short line. */
const GROUP_RECORDS = 8192;

/**
 * Cuts a stream into records, in groups: all that end in one piece, or 8,192 of them. Views are handed out; they hold until
 * the next group is asked for. The pieces may be cut anywhere, also within a character or between CR and LF.
 * @throws `LIMIT_EXCEEDED` if a record is longer than `limit` bytes
 */
export async function* inputRecords(
  stream: ByteStream,
  ends: RecordEnds,
  limit: number = MAX_INPUT_RECORD_BYTES,
): AsyncGenerator<readonly InputRecord[]> {
  let carry: Uint8Array[] = [];
  let carried = 0;
  let number = 1;
  let offset = 0;

  const check = (length: number): void => {
    needs(length <= limit, "LIMIT_EXCEEDED", () => `record ${number} is longer than ${limit} bytes`, {
      offset,
      hint: "the input may not be of the format that was named, or a quote is not closed",
    });
  };
  const take = (tail: Uint8Array, ended: boolean): InputRecord => {
    const bytes = carried === 0 ? tail : concat([...carry, tail]);
    check(bytes.byteLength);
    const record = { bytes, number, offset, ended };
    number++;
    offset += bytes.byteLength;
    carry = [];
    carried = 0;
    return record;
  };

  for await (const piece of stream) {
    let group: InputRecord[] = [];
    let from = 0;
    while (from < piece.byteLength) {
      const end = ends.next(piece, from);
      if (end < 0) break;
      group.push(take(piece.subarray(from, end), true));
      from = end;
      if (group.length < GROUP_RECORDS) continue;
      yield group;
      group = [];
    }
    if (from < piece.byteLength) {
      // A copy: the owner of the piece may use its buffer again. (The `slice` of a Node Buffer would be a view.)
      const tail = new Uint8Array(piece.subarray(from));
      carry.push(tail);
      carried += tail.byteLength;
      check(carried);
    }
    if (group.length > 0) yield group;
  }
  if (carried > 0) yield [take(new Uint8Array(0), false)];
}

/** Records that end with LF. */
export function lineEnds(): RecordEnds {
  return { next: (bytes, from) => bytes.indexOf(0x0a, from) + 1 || -1 };
}

/**
 * Refuses UTF-16 and drops the UTF-8 byte order mark of the first record.
 * @throws `IMPORT_UNSUPPORTED`
 */
export function withoutMark(first: Uint8Array): Uint8Array {
  const [a, b, c] = first;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) {
    throw new QErr("IMPORT_UNSUPPORTED", "the input is UTF-16", { hint: "convert it to UTF-8 first, e.g. with iconv" });
  }
  return a === 0xef && b === 0xbb && c === 0xbf ? first.subarray(3) : first;
}
