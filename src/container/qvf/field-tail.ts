import { type Cursor, readBytes, readU32 } from "../../bytes/cursor.ts";
import { type ByteWriter, writeBytes, writeU32 } from "../../bytes/writer.ts";
import { readBlob } from "./blob.ts";
import { readText, writeText } from "./text.ts";

/**
 * What follows the symbols of a field. Parts whose meaning is not known are kept as they are:
 *
 *     28 bytes flags, u32 field index, u32 comments, u32 component, 25 bytes, str info name, str info source,
 *     no comments: 10 bytes · comments: a blob and 12 bytes, then
 *     u32 texts, u32 numbers, 26 bytes
 */
export interface FieldTail {
  readonly flags: Uint8Array;
  readonly fieldIndex: number;
  readonly commentCount: number;
  /** Number of the connected component of the association graph that the field is in. */
  readonly component: number;
  readonly middle: Uint8Array;
  readonly infoName: string;
  readonly infoSource: string;
  /** As stored: the comments' blob is carried, not read. */
  readonly comments: Uint8Array;
  /** Symbols that are text only. */
  readonly texts: number;
  /** Symbols with a number. */
  readonly numbers: number;
  readonly last: Uint8Array;
}

const FLAGS = 28;
const MIDDLE = 25;
const NO_COMMENTS = 10;
const AFTER_COMMENTS = 12;
const LAST = 26;

export function parseFieldTail(c: Cursor): FieldTail {
  const flags = readBytes(c, FLAGS);
  const fieldIndex = readU32(c);
  const commentCount = readU32(c);
  const component = readU32(c);
  const middle = readBytes(c, MIDDLE);
  const infoName = readText(c);
  const infoSource = readText(c);
  const comments = readComments(c, commentCount);
  return {
    flags,
    fieldIndex,
    commentCount,
    component,
    middle,
    infoName,
    infoSource,
    comments,
    texts: readU32(c),
    numbers: readU32(c),
    last: readBytes(c, LAST),
  };
}

function readComments(c: Cursor, count: number): Uint8Array {
  if (count === 0) return readBytes(c, NO_COMMENTS);
  const start = c.offset;
  readBlob(c);
  readBytes(c, AFTER_COMMENTS);
  return c.bytes.subarray(start, c.offset);
}

export function encodeFieldTail(w: ByteWriter, tail: FieldTail): void {
  writeBytes(w, tail.flags);
  writeU32(w, tail.fieldIndex);
  writeU32(w, tail.commentCount);
  writeU32(w, tail.component);
  writeBytes(w, tail.middle);
  writeText(w, tail.infoName);
  writeText(w, tail.infoSource);
  writeBytes(w, tail.comments);
  writeU32(w, tail.texts);
  writeU32(w, tail.numbers);
  writeBytes(w, tail.last);
}
