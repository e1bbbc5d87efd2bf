import type { ColumnMetaData } from "hyparquet";
import { needs } from "../errors.ts";
import {
  INFLATED_A_BYTE,
  MAX_PARQUET_FREE_BYTES,
  MAX_PARQUET_FREE_VALUES,
  MAX_PARQUET_PAGE_BYTES,
  PARQUET_VALUES_A_BYTE,
} from "../limits.ts";
import { checkDeltas, checkRuns, sumDeltas } from "./parquet-runs.ts";
import { readThrift, type ThriftStruct } from "./parquet-thrift.ts";

/** Types and encodings by their numbers in the format (parquet.thrift). */
const PAGE = { data: 0, index: 1, dictionary: 2, dataV2: 3 } as const;
const ENCODING = {
  plain: 0,
  dictionary: 2,
  rle: 3,
  deltas: 5,
  deltaLengths: 6,
  deltaBytes: 7,
  rleDictionary: 8,
} as const;

/** One page whose header was checked, and what its unpacked content has to hold. */
export interface ParquetPage {
  /** Bytes that it unpacks to: for {@link PAGE.dataV2} those behind its levels. */
  readonly length: number;
  /** Checks the unpacked bytes. */
  check(unpacked: Uint8Array): void;
}

function check(condition: boolean): asserts condition {
  needs(condition, "IMPORT_SYNTAX", "a page of the Parquet file is damaged");
}

/** Takes note of bytes that are made out of fewer. */
export type Spend = (bytes: number) => void;

/**
 * What the pages of a file of `size` bytes may come to, all together.
 * @throws from what is returned: `LIMIT_EXCEEDED`
 */
export function parquetBudget(size: number): Spend {
  const most = MAX_PARQUET_FREE_BYTES + INFLATED_A_BYTE * size;
  let left = most;
  return (bytes) => {
    left -= bytes;
    needs(left >= 0, "LIMIT_EXCEEDED", `the Parquet file of ${size} bytes unpacks to more than ${most}`, {
      hint: "write it again with less compression",
    });
  };
}

/**
 * Walks the pages of a column of a row group and checks what the library that decodes them takes on trust: sizes, counts
 * and runs, so that it neither reads for ever nor writes out more values than there are rows.
 * @param bytes the column's pages
 * @param optional true if it has definition levels
 * @param spend told of what is unpacked, and of texts that are written out
 * @returns the packed pages in their order, to be checked once they are unpacked
 * @throws `IMPORT_SYNTAX`, `LIMIT_EXCEEDED`
 */
export function checkPages(
  bytes: Uint8Array,
  column: Pick<ColumnMetaData, "codec">,
  rows: number,
  optional: boolean,
  spend: Spend = () => {},
): readonly ParquetPage[] {
  const packed: ParquetPage[] = [];
  let left = rows;
  // A reader stops at the last byte, or when it has all rows.
  for (let at = 0; at < bytes.byteLength - 1 && left > 0; ) {
    const head = readThrift(bytes, at);
    const type = head.numbers.get(1);
    const length = head.numbers.get(2) ?? -1;
    const stored = head.numbers.get(3) ?? -1;
    check(length >= 0 && stored >= 0 && stored <= bytes.byteLength - head.end);
    needs(
      length <= MAX_PARQUET_PAGE_BYTES,
      "LIMIT_EXCEEDED",
      `a page of the Parquet file unpacks to more than ${MAX_PARQUET_PAGE_BYTES} bytes`,
      { hint: "write the file again with smaller pages" },
    );
    const content = bytes.subarray(head.end, head.end + stored);
    const page = pageOf(type, head, content, length, left, optional, spend);
    if (column.codec === "UNCOMPRESSED" || page.plain) page.check(content.subarray(page.from));
    else {
      spend(page.length);
      packed.push(page);
    }
    left -= page.values;
    at = head.end + stored;
  }
  check(left === 0);
  return packed;
}

/**
 * Checks that a row group does not hold more values than its bytes make likely: runs make any number out of two bytes.
 * @throws `LIMIT_EXCEEDED`
 */
export function checkValueCount(values: number, bytes: number): void {
  needs(
    values <= MAX_PARQUET_FREE_VALUES + PARQUET_VALUES_A_BYTE * bytes,
    "LIMIT_EXCEEDED",
    `a row group of the Parquet file has ${values} values in ${bytes} bytes`,
    { hint: "write the file again with smaller row groups" },
  );
}

interface PlannedPage extends ParquetPage {
  readonly values: number;
  /** Where the values begin in what is stored. */
  readonly from: number;
  /** Not packed, whatever the codec. */
  readonly plain: boolean;
}

function pageOf(
  type: number | undefined,
  head: ThriftStruct,
  content: Uint8Array,
  length: number,
  left: number,
  optional: boolean,
  spend: Spend,
): PlannedPage {
  const dictionary = head.structs.get(7);
  if (type === PAGE.dictionary && dictionary) {
    const values = dictionary.numbers.get(1) ?? -1;
    check(values >= 0 && values <= length);
    return { values: 0, from: 0, plain: false, length, check: () => {} };
  }
  const first = head.structs.get(5);
  if (type === PAGE.data && first) {
    const values = first.numbers.get(1) ?? -1;
    const encoding = first.numbers.get(2) ?? -1;
    check(values > 0 && values <= left);
    return {
      values,
      from: 0,
      plain: false,
      length,
      check: (page) => checkFirst(page, encoding, values, optional, spend),
    };
  }
  const second = head.structs.get(8);
  check(type === PAGE.dataV2 && second !== undefined);
  const of = (field: number) => second.numbers.get(field) ?? -1;
  const [values, nulls, rows, encoding, levels] = [of(1), of(2), of(3), of(4), of(5)];
  // A flat column has no repetition levels.
  const flat = values > 0 && values === rows && values <= left && nulls >= 0 && nulls <= values && of(6) === 0;
  check(flat && levels >= 0 && levels <= content.byteLength && levels <= length);
  if (optional) checkRuns(content.subarray(0, levels), 0, 1, values);
  const plain = second.numbers.get(7) === 0;
  return {
    values,
    from: levels,
    plain,
    length: length - levels,
    check: (page) => checkValues(page, 0, encoding, values - nulls, spend),
  };
}

/** A page of the first kind: levels with their length before them, then values. */
function checkFirst(page: Uint8Array, encoding: number, values: number, optional: boolean, spend: Spend): void {
  if (!optional) {
    checkValues(page, 0, encoding, values, spend);
    return;
  }
  check(page.byteLength >= 4);
  const levels = new DataView(page.buffer, page.byteOffset).getUint32(0, true);
  check(levels <= page.byteLength - 4);
  checkValues(page, 4 + levels, encoding, checkRuns(page.subarray(0, 4 + levels), 4, 1, values), spend);
}

function checkValues(page: Uint8Array, from: number, encoding: number, count: number, spend: Spend): void {
  if (count === 0) return;
  check(from < page.byteLength || encoding === ENCODING.plain);
  switch (encoding) {
    case ENCODING.dictionary:
    case ENCODING.rleDictionary:
      checkRuns(page, from + 1, page[from]!, count);
      break;
    case ENCODING.rle:
      check(page.byteLength - from >= 4);
      checkRuns(page, from + 4, 1, count);
      break;
    case ENCODING.deltas:
    case ENCODING.deltaLengths:
      checkDeltas(page, from, count);
      break;
    case ENCODING.deltaBytes:
      checkTexts(page, from, count, spend);
  }
}

/** Texts that share their beginnings with the one before: short as they lie there, long as they are written out. */
function checkTexts(page: Uint8Array, from: number, count: number, spend: Spend): void {
  const shared = sumDeltas(page, from, count);
  const own = sumDeltas(page, shared.end, count);
  needs(
    shared.sum + own.sum <= MAX_PARQUET_PAGE_BYTES,
    "LIMIT_EXCEEDED",
    `the texts of a page of the Parquet file come to more than ${MAX_PARQUET_PAGE_BYTES} bytes`,
  );
  spend(shared.sum);
}
