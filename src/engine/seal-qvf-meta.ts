import { needs } from "../errors.ts";
import { MAX_FIELDS, MAX_QVF_ENTRIES, MAX_QVF_STREAM_BYTES, MAX_QVF_TABLES, MAX_ROWS } from "../limits.ts";
import { binary, fields, integer, list, string } from "../seal/manifest.ts";
import { type Packed, packPadded, unpackMessage } from "../seal/msgpack.ts";

/** Added to a stream's place in the directory to number its item, above every field. */
export const STREAM_ITEMS = 0x8000_0000;

/** A column of a sealed field: what its table says of it, itself sealed. */
export interface SealedColumn {
  /** Number of the table, and of the column in it. */
  readonly table: number;
  readonly column: number;
  readonly rows: number;
  /** Bytes of one index in the sealed part, 0 to 4. */
  readonly indexBytes: number;
  /** The column's entry in the table stream. */
  readonly width: number;
  readonly bias: number;
  readonly unused: number;
  readonly last: Uint8Array;
  /** Bytes of the vector from the one in which the last row ends: Qlik leaves stale bits there. */
  readonly slack: Uint8Array;
  /** Source of the table and meta of its directory entry, where they were taken out. */
  readonly source: string | undefined;
  readonly meta: Uint8Array;
}

/** What is said of a sealed field of an app, itself sealed. */
export interface SealedFieldMeta {
  /** Bytes of the field's stream; the sealed part is padded beyond it. */
  readonly bytes: number;
  /** Meta of the stream's directory entry, as stored. */
  readonly meta: Uint8Array;
  readonly columns: readonly SealedColumn[];
  /** The field's entry in `qvapp_meta`, as JSON. */
  readonly statistics: string | undefined;
  /** Key of the tokens that stand in the field's place. */
  readonly tokenKey: Uint8Array | undefined;
}

export function encodeFieldMeta(m: SealedFieldMeta): Uint8Array {
  return packPadded({
    bytes: m.bytes,
    entry: m.meta,
    columns: m.columns.map((c): Packed => {
      const place = [c.table, c.column, c.rows, c.indexBytes];
      return [...place, c.width, c.bias + LEAST_BIAS, c.unused, c.last, c.slack, c.source ?? null, c.meta];
    }),
    statistics: m.statistics ?? null,
    token: m.tokenKey ?? null,
  });
}

/** A bias is stored with this added, as numbers in a seal are not negative. */
const LEAST_BIAS = 2;
const MAX_SLACK = 16;

/**
 * Reads what {@link encodeFieldMeta} made. It was authenticated before, so anything wrong here was sealed so.
 * @throws `SEAL_DAMAGED`
 */
export function decodeFieldMeta(bytes: Uint8Array): SealedFieldMeta {
  const map = fields(unpackMessage(bytes, PART));
  const columns = list(map.columns).map((column) => columnOf(list(column)));
  const ordered = columns.every(({ table, column }, i) => {
    const before = columns[i - 1];
    return before === undefined || before.table < table || (before.table === table && before.column < column);
  });
  needs(ordered, "SEAL_DAMAGED", "sealed meta: columns are not in the order of tables and columns", { part: PART });
  return {
    bytes: integer(map.bytes, MAX_QVF_STREAM_BYTES),
    meta: binary(map.entry),
    columns,
    statistics: map.statistics === null ? undefined : string(map.statistics),
    tokenKey: map.token === null ? undefined : binary(map.token, 32),
  };
}

const PART = "sealed meta";

function columnOf(values: readonly Packed[]): SealedColumn {
  const slack = binary(values[8]);
  needs(slack.byteLength <= MAX_SLACK, "SEAL_DAMAGED", "sealed meta: a column ends in too many bytes", { part: PART });
  return {
    table: integer(values[0], MAX_QVF_TABLES),
    column: integer(values[1], MAX_FIELDS),
    rows: integer(values[2], MAX_ROWS),
    indexBytes: integer(values[3], 4),
    width: integer(values[4], 32),
    bias: integer(values[5], 2 ** 31) - LEAST_BIAS,
    unused: integer(values[6], 2 ** 32 - 1),
    last: binary(values[7], 3),
    slack,
    source: values[9] === null ? undefined : string(values[9]),
    meta: binary(values[10]),
  };
}

/** What is said of a sealed stream, itself sealed. */
export interface SealedStreamMeta {
  /** Bytes of the stream; the sealed part is padded beyond it. */
  readonly bytes: number;
  /** Time and meta of its directory entry, as stored. */
  readonly time: number;
  readonly meta: Uint8Array;
  /** Its place among the entries of the app, from 0. */
  readonly place: number;
}

export function encodeStreamMeta(m: SealedStreamMeta): Uint8Array {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setFloat64(0, m.time, true);
  return packPadded({ bytes: m.bytes, entry: m.meta, time, place: m.place });
}

/** Twin of {@link encodeStreamMeta}. Throws `SEAL_DAMAGED`. */
export function decodeStreamMeta(bytes: Uint8Array): SealedStreamMeta {
  const map = fields(unpackMessage(bytes, PART));
  const time = binary(map.time, 8);
  return {
    bytes: integer(map.bytes, MAX_QVF_STREAM_BYTES),
    time: new DataView(time.buffer, time.byteOffset).getFloat64(0, true),
    meta: binary(map.entry),
    place: integer(map.place, MAX_QVF_ENTRIES),
  };
}
