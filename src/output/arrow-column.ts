import type * as Arrow from "apache-arrow";
import { byteWriter, written } from "../bytes/writer.ts";
import { needs } from "../errors.ts";
import { MAX_ARROW_TEXT_BYTES } from "../limits.ts";
import { appendString } from "./append-text.ts";
import type { TypedColumn, TypedKind } from "./typed-column.ts";

/** The Arrow type of a column; `id` tells dictionaries apart. */
export function arrowType(arrow: typeof Arrow, kind: TypedKind, id: number): Arrow.DataType {
  switch (kind) {
    case "int32":
      return new arrow.Int32();
    case "int64":
      return new arrow.Int64();
    case "double":
      return new arrow.Float64();
    case "date":
      return new arrow.DateDay();
    case "time":
      return new arrow.TimeMicrosecond();
    case "timestamp":
      return new arrow.TimestampMicrosecond();
    case "string":
      return new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32(), id);
  }
}

/**
 * The texts of all symbols of a string column, in symbol order.
 * @throws `OUTPUT_VALUE` beyond `limit` bytes
 */
export function textDictionary(
  arrow: typeof Arrow,
  column: TypedColumn,
  limit: number = MAX_ARROW_TEXT_BYTES,
): Arrow.Vector<Arrow.Utf8> {
  const { count, bytes } = column.symbols;
  const out = byteWriter(bytes.byteLength + 16);
  const valueOffsets = new Int32Array(count + 1);
  for (let index = 0; index < count; index++) {
    appendString(out, String(column.value(index)));
    const fits = out.length <= limit;
    needs(
      fits,
      "OUTPUT_VALUE",
      () => `the texts of "${column.name}" exceed the ${limit} bytes of an Arrow dictionary`,
      {
        hint: "export to parquet, or leave the field out",
      },
    );
    valueOffsets[index + 1] = out.length;
  }
  const data = arrow.makeData({
    type: new arrow.Utf8(),
    length: count,
    nullCount: 0,
    valueOffsets,
    data: written(out),
  });
  return arrow.makeVector(data);
}

/** The values of one batch. `indexes` is read, not kept. */
export function arrowData(
  arrow: typeof Arrow,
  column: TypedColumn,
  type: Arrow.DataType,
  indexes: Int32Array,
  dictionary: Arrow.Vector | undefined,
): Arrow.Data {
  const length = indexes.length;
  const nullBitmap = new Uint8Array(Math.ceil(length / 8));
  let nullCount = 0;
  const data = column.kind === "double" ? new Float64Array(length) : ints(column.kind, length);
  const values: { [row: number]: number | bigint } = data;
  for (let row = 0; row < length; row++) {
    const index = indexes[row]!;
    const value = column.kind === "string" ? index : column.value(index);
    if (index < 0 || value === undefined) {
      nullCount++;
      continue;
    }
    values[row] = value as number | bigint;
    nullBitmap[row >> 3]! |= 1 << (row & 7);
  }
  // The overloads of makeData tie type and array together; which of them it is, is known only here.
  const makeData = arrow.makeData as unknown as (props: object) => Arrow.Data;
  return makeData({ type, length, nullCount, nullBitmap, data, dictionary });
}

function ints(kind: TypedKind, length: number): Int32Array | BigInt64Array {
  return kind === "string" || kind === "int32" || kind === "date" ? new Int32Array(length) : new BigInt64Array(length);
}
