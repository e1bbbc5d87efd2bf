import type { SchemaElement } from "hyparquet";
import { decodeUtf8 } from "../bytes/utf8.ts";
import { needs, QErr } from "../errors.ts";
import { dayOfUnixMicros, UNIX_EPOCH_DAY } from "../table/day-number.ts";
import type { Cell } from "../table/dual.ts";
import { type NumberFormat, UNKNOWN_FORMAT } from "../table/field.ts";
import type { BigIntegers } from "./row-reader.ts";

/** Turns a physical value of a column (never NULL) into a cell. */
export type ToCell = (value: unknown) => Cell;

/** How a column is taken over. */
export interface ParquetColumn {
  readonly toCell: ToCell;
  readonly numberFormat: NumberFormat;
  /** Tags that Qlik gives such fields; `undefined` where the values decide. */
  readonly tags: readonly string[] | undefined;
}

const DATE = { ...UNKNOWN_FORMAT, type: "DATE", fmt: "YYYY-MM-DD" };
const TIMESTAMP = { ...UNKNOWN_FORMAT, type: "TIMESTAMP", fmt: "YYYY-MM-DD hh:mm:ss[.fff]" };
const TIME = { ...UNKNOWN_FORMAT, type: "TIME", fmt: "hh:mm:ss" };
const DATE_TAGS = ["$numeric", "$integer", "$timestamp", "$date"];
const TIMESTAMP_TAGS = ["$numeric", "$timestamp"];

const MICROS_PER_DAY = 86_400_000_000;

/** Of the widest decimal that there is (256 bits). */
const MAX_DECIMAL_DIGITS = 76;
const MAX_DECIMAL_BYTES = 32;
/** Of a value of fixed length: a decimal, a UUID; others are not read. */
const MAX_FIXED_BYTES = 65_536;

/**
 * The rule for a column by its schema element.
 * @throws `IMPORT_UNSUPPORTED` for nested and binary columns and the types that Qlik has nothing for
 */
export function parquetColumn(element: SchemaElement, bigIntegers: BigIntegers): ParquetColumn {
  const { type, name } = element;
  if (type === undefined || element.num_children !== undefined || element.repetition_type === "REPEATED") {
    throw unsupported(name, "is nested");
  }
  const plain = (toCell: ToCell): ParquetColumn => ({ toCell, numberFormat: UNKNOWN_FORMAT, tags: undefined });
  const big = bigRule(name, bigIntegers);
  const kind = logicalKind(element);
  const scale = element.scale ?? 0;
  const inRange = Number.isInteger(scale) && scale >= 0 && scale <= MAX_DECIMAL_DIGITS;
  const fits = inRange && (element.type_length ?? 0) <= MAX_FIXED_BYTES;
  needs(fits, "IMPORT_SYNTAX", `the Parquet field "${name}" has more digits or bytes than its type can`);
  const decimal = decimalCell(name, scale, bigIntegers);
  switch (kind.name) {
    case "DATE":
      return { toCell: (v) => (v as number) + UNIX_EPOCH_DAY, numberFormat: DATE, tags: DATE_TAGS };
    case "TIMESTAMP":
      return { toCell: (v) => dayOfUnits(v as bigint, kind.perMicro), numberFormat: TIMESTAMP, tags: TIMESTAMP_TAGS };
    case "TIME":
      return { toCell: (v) => Number(v) / kind.perMicro / MICROS_PER_DAY, numberFormat: TIME, tags: ["$numeric"] };
    case "DECIMAL":
      return plain((v) => decimal(v instanceof Uint8Array ? signedBigInt(v, name) : BigInt(v as number | bigint)));
    case "UNSIGNED":
      return plain((v) => big(BigInt.asUintN(type === "INT32" ? 32 : 64, BigInt(v as number | bigint))));
    case "TEXT":
      return plain((v) => decodeUtf8(v as Uint8Array, `field "${name}"`));
    case "UUID":
      return plain((v) => uuidText(v as Uint8Array));
    case "OTHER":
      throw unsupported(name, `has the type ${kind.type ?? "(of no name)"}`);
  }
  switch (type) {
    case "BOOLEAN":
      return plain((v) => (v ? { number: -1, text: "true" } : { number: 0, text: "false" }));
    case "INT32":
    case "FLOAT":
    case "DOUBLE":
      return plain((v) => v as number);
    case "INT64":
      return plain((v) => big(v as bigint));
    case "INT96":
      return { toCell: (v) => dayOfUnits(v as bigint, 1000), numberFormat: TIMESTAMP, tags: TIMESTAMP_TAGS };
    case "BYTE_ARRAY":
      // Older writers leave texts unmarked; what is no UTF-8 is refused when it is read.
      return plain((v) => decodeUtf8(v as Uint8Array, `field "${name}"`));
    default:
      throw unsupported(name, "holds bytes of fixed length");
  }
}

type LogicalKind =
  | { readonly name: "NONE" | "DATE" | "DECIMAL" | "UNSIGNED" | "TEXT" | "UUID" }
  /** Units in a microsecond: 0.001 for milliseconds. */
  | { readonly name: "TIMESTAMP" | "TIME"; readonly perMicro: number }
  | { readonly name: "OTHER"; readonly type: string };

const PER_MICRO = { MILLIS: 0.001, MICROS: 1, NANOS: 1000 } as const;

function logicalKind({ converted_type: converted, logical_type: logical }: SchemaElement): LogicalKind {
  if (logical !== undefined) {
    switch (logical.type) {
      case "TIMESTAMP":
      case "TIME":
        return { name: logical.type, perMicro: PER_MICRO[logical.unit] };
      case "INTEGER":
        return { name: logical.isSigned ? "NONE" : "UNSIGNED" };
      case "STRING":
      case "ENUM":
      case "JSON":
        return { name: "TEXT" };
      case "DATE":
      case "DECIMAL":
      case "UUID":
        return { name: logical.type };
      case "NULL":
        return { name: "NONE" };
      default:
        return { name: "OTHER", type: logical.type };
    }
  }
  switch (converted) {
    case "TIMESTAMP_MILLIS":
      return { name: "TIMESTAMP", perMicro: 0.001 };
    case "TIMESTAMP_MICROS":
      return { name: "TIMESTAMP", perMicro: 1 };
    case "TIME_MILLIS":
      return { name: "TIME", perMicro: 0.001 };
    case "TIME_MICROS":
      return { name: "TIME", perMicro: 1 };
    case "UINT_8":
    case "UINT_16":
    case "UINT_32":
    case "UINT_64":
      return { name: "UNSIGNED" };
    case "UTF8":
    case "ENUM":
    case "JSON":
      return { name: "TEXT" };
    case "DATE":
    case "DECIMAL":
      return { name: converted };
    case "BSON":
    case "INTERVAL":
      return { name: "OTHER", type: converted };
    default:
      return { name: "NONE" };
  }
}

function dayOfUnits(value: bigint, perMicro: number): number {
  if (perMicro < 1) return dayOfUnixMicros(value * BigInt(Math.round(1 / perMicro)));
  if (perMicro === 1) return dayOfUnixMicros(value);
  // The spacing of doubles at today's dates is over half a microsecond: what is below one is dropped, towards the past.
  const units = BigInt(perMicro);
  const micros = value / units;
  return dayOfUnixMicros(value % units < 0n ? micros - 1n : micros);
}

function bigRule(name: string, rule: BigIntegers): (value: bigint) => Cell {
  return (value) => {
    const number = Number(value);
    if (Number.isSafeInteger(number) || BigInt(number) === value || rule === "number") return number;
    if (rule === "text") return String(value);
    throw tooManyDigits(name);
  };
}

/** The decimal as a number if its digits fit a double, which then prints as these digits; else as `rule` says. */
function decimalCell(name: string, scale: number, rule: BigIntegers): (unscaled: bigint) => Cell {
  if (scale === 0) return bigRule(name, rule);
  return (unscaled) => {
    const number = Number(`${unscaled}e-${scale}`);
    if (rule === "number" || keepsDigits(number, unscaled, scale)) return number;
    if (rule === "text") return decimalText(unscaled, scale);
    throw tooManyDigits(name);
  };
}

/** A double holds every decimal of up to 15 digits; of longer ones some, whatever 2^53 is to their digits. */
function keepsDigits(number: number, unscaled: bigint, scale: number): boolean {
  if (Math.abs(Number(unscaled)) < 1e15) return true;
  // Of a great whole number the digits that are printed are not all that it has.
  if (Number.isInteger(number)) return BigInt(number) * 10n ** BigInt(scale) === unscaled;
  const [mantissa, exponent = "0"] = String(number).split("e") as [string, string?];
  const [whole, fraction = ""] = mantissa.split(".") as [string, string?];
  const zeros = scale + Number(exponent) - fraction.length;
  return zeros >= 0 && BigInt(whole + fraction) * 10n ** BigInt(zeros) === unscaled;
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  const at = digits.length - scale;
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, at)}.${digits.slice(at)}`;
}

function signedBigInt(bytes: Uint8Array, name: string): bigint {
  needs(bytes.length <= MAX_DECIMAL_BYTES, "IMPORT_SYNTAX", `a decimal of the Parquet field "${name}" is too long`);
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}

function uuidText(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function unsupported(name: string, what: string): QErr {
  return new QErr("IMPORT_UNSUPPORTED", `the Parquet field "${name}" ${what}`, {
    hint: "leave it out or convert it, e.g. with DuckDB: COPY (SELECT …) TO 'file.parquet'",
  });
}

function tooManyDigits(name: string): QErr {
  return new QErr("IMPORT_VALUE", `the Parquet field "${name}" holds a number of more digits than a double can hold`, {
    hint: "choose with --big-integers what becomes of them: text keeps all digits, number takes the nearest",
  });
}
