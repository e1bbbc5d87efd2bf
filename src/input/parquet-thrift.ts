import { needs } from "../errors.ts";

/** A struct of Thrift's compact protocol as far as it is looked at: numbers, booleans and structs by field number. */
export interface ThriftStruct {
  readonly numbers: ReadonlyMap<number, number>;
  readonly structs: ReadonlyMap<number, ThriftStruct>;
  /** First byte behind it. */
  readonly end: number;
}

/** Structs and lists inside each other. A footer needs 7. */
const MAX_DEPTH = 16;

const TYPE = { true: 1, false: 2, byte: 3, i16: 4, i32: 5, i64: 6, double: 7, binary: 8, list: 9, struct: 12 } as const;

/**
 * Walks a struct from `at` and checks every length and count against the bytes that are left, so that a library that
 * does not can be given them. Numbers are read as int32; of longer ones only the place is taken.
 * @throws `IMPORT_SYNTAX`
 */
export function readThrift(bytes: Uint8Array, at: number): ThriftStruct {
  let next = at;

  function check(condition: boolean): asserts condition {
    needs(condition, "IMPORT_SYNTAX", "the metadata of the Parquet file is damaged");
  }

  function take(length: number): number {
    check(length >= 0 && length <= bytes.byteLength - next);
    next += length;
    return next - length;
  }

  /** An unsigned number of up to `most` bytes; beyond 32 bits the upper ones are lost. */
  function varint(most: 5 | 10): number {
    let value = 0;
    for (let i = 0; i < most; i++) {
      const byte = bytes[take(1)]!;
      if (i < 5) value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value;
    }
    return check(false) as never;
  }

  const zigzag = (value: number) => (value >>> 1) ^ -(value & 1);

  function element(type: number, depth: number, inList: boolean): number | ThriftStruct | undefined {
    switch (type) {
      case TYPE.true:
      case TYPE.false:
        if (inList) take(1);
        return type === TYPE.true ? 1 : 0;
      case TYPE.byte:
        take(1);
        return undefined;
      case TYPE.i16:
      case TYPE.i32:
        return zigzag(varint(5));
      case TYPE.i64:
        varint(10);
        return undefined;
      case TYPE.double:
        take(8);
        return undefined;
      case TYPE.binary:
        take(varint(5));
        return undefined;
      case TYPE.list:
        list(depth);
        return undefined;
      case TYPE.struct:
        return struct(depth + 1);
    }
    return check(false) as never;
  }

  function list(depth: number): void {
    const head = bytes[take(1)]!;
    const size = head >> 4 === 15 ? varint(5) : head >> 4;
    // Every element has a byte at least.
    check(depth < MAX_DEPTH && size >= 0 && size <= bytes.byteLength - next);
    for (let i = 0; i < size; i++) element(head & 15, depth + 1, true);
  }

  function struct(depth: number): ThriftStruct {
    check(depth < MAX_DEPTH);
    const numbers = new Map<number, number>();
    const structs = new Map<number, ThriftStruct>();
    for (let field = 0; ; ) {
      const head = bytes[take(1)]!;
      if ((head & 15) === 0) return { numbers, structs, end: next };
      field = head >> 4 === 0 ? zigzag(varint(5)) : field + (head >> 4);
      // The library takes the last of several.
      const value = element(head & 15, depth, false);
      if (typeof value === "number") numbers.set(field, value);
      else if (value !== undefined) structs.set(field, value);
    }
  }

  return struct(0);
}
