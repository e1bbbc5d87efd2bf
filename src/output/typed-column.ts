import { dayTicks, UNIX_EPOCH_DAY, unixMicros } from "../table/day-number.ts";
import { exactText, generalText } from "../table/decimal.ts";
import type { Field } from "../table/field.ts";
import { numberFormatter } from "../table/number-format.ts";
import { type SymbolTable, symbolNumber, symbolText } from "../table/symbols.ts";
import type { Table } from "../table/table.ts";
import { type ColumnType, columnType } from "../table/typing.ts";
import { DEFAULT_CACHE_BYTES, type DualSides, type ExportOptions, planExport, sideName } from "./options.ts";

/**
 * What a value of a typed column is: `int32`, `double` numbers; `int64` bigints; `date` days since 1970-01-01; `time`
 * microseconds of the day and `timestamp` microseconds since 1970-01-01 without time zone, bigints; `string`.
 */
export type TypedKind = "int32" | "int64" | "double" | "date" | "time" | "timestamp" | "string";

export type TypedValue = number | bigint | string;

/** One column of a typed format. */
export interface TypedColumn {
  readonly name: string;
  readonly ordinal: number;
  readonly kind: TypedKind;
  /** The field holds -0, NaN or an infinity, which a dictionary of doubles may confuse. */
  readonly unusual: boolean;
  readonly symbols: SymbolTable;
  /** The value of a symbol; `undefined` for NULL (a negative index) and for a side that the symbol lacks. */
  value(index: number): TypedValue | undefined;
}

type Decode = (index: number) => TypedValue | undefined;

/**
 * The typed columns of the fields asked for. Numbers of one kind get that type, texts and mixed fields are strings.
 *
 * Duals: `both` (default) adds `<name>.text` for a field with duals whose texts say more than the typed value does in
 * its plain form (14 digits, ISO date), and `<name>.number` for a mixed field; `number` leaves those out, `text` makes a
 * string of every field with duals.
 */
export async function typedColumns(table: Table, options: ExportOptions): Promise<readonly TypedColumn[]> {
  const sides = options.duals ?? "both";
  const made: TypedColumn[] = [];
  let left = options.cacheBytes ?? DEFAULT_CACHE_BYTES;
  for (const ordinal of planExport(table, options).fields) {
    const field = table.fields[ordinal]!;
    const symbols = await table.symbols(ordinal);
    const type = columnType(field, symbols);
    const add = (name: string, kind: TypedKind, decode: Decode): void => {
      // A JavaScript string takes about twice its UTF-8 bytes, a number or bigint no more than 24.
      const cost = symbols.count * 24 + (kind === "string" ? symbols.bytes.byteLength * 2 : 0);
      const value = cost <= left ? remembered(decode, symbols.count) : decode;
      if (value !== decode) left -= cost;
      made.push({ name, ordinal, kind, unusual: type.unusual, symbols, value });
    };
    addSides(table, field, symbols, type, sides, add);
  }
  return made;
}

function addSides(
  table: Table,
  field: Field,
  symbols: SymbolTable,
  type: ColumnType,
  sides: DualSides,
  add: (name: string, kind: TypedKind, decode: Decode) => void,
): void {
  const format = numberFormatter(field.numberFormat);
  const display: Decode = (index) => {
    if (index < 0) return undefined;
    return symbolText(symbols, index) ?? format(symbolNumber(symbols, index)!);
  };
  const number: Decode = (index) => (index < 0 ? undefined : symbolNumber(symbols, index));
  const kind = typedKind(type);
  if (kind === "string") {
    if (type.kind === "mixed" && sides === "number") {
      add(field.name, "string", (index) => {
        const value = number(index);
        return value === undefined ? display(index) : exactText(value as number);
      });
      return;
    }
    add(field.name, "string", display);
    if (type.kind === "mixed" && sides === "both") add(sideName(table, field.name, ".number"), "double", number);
    return;
  }
  if (type.duals && sides === "text") {
    add(field.name, "string", display);
    return;
  }
  const convert = CONVERT[kind];
  add(field.name, kind, (index) => (index < 0 ? undefined : convert(symbolNumber(symbols, index)!)));
  if (type.duals && sides === "both" && textsSayMore(symbols, kind)) {
    add(sideName(table, field.name, ".text"), "string", display);
  }
}

function remembered(decode: Decode, count: number): Decode {
  const known = new Array<TypedValue | undefined>(count);
  return (index) => (index < 0 ? undefined : (known[index] ??= decode(index)));
}

function typedKind(type: ColumnType): TypedKind {
  switch (type.kind) {
    case "text":
    case "mixed":
    case "empty":
      return "string";
    case "date":
    case "time":
    case "timestamp":
      return type.kind;
    case "interval":
      return "double";
    case "integer":
    case "number":
    case "money":
      if (!type.integral || type.kind === "money") return "double";
      return type.min >= -(2 ** 31) && type.max < 2 ** 31 ? "int32" : "int64";
  }
}

const LAST_MICROSECOND = 86_399_999_999n;

const CONVERT: Readonly<Record<Exclude<TypedKind, "string">, (value: number) => TypedValue>> = {
  int32: (value) => value,
  int64: (value) => BigInt(value),
  double: (value) => value,
  date: (value) => value - UNIX_EPOCH_DAY,
  time: (value) => {
    const { day, ticks } = dayTicks(value, 1_000_000);
    // There is no 24:00 in these formats: what rounds to it stays the last microsecond.
    return day > 0 ? LAST_MICROSECOND : BigInt(ticks);
  },
  timestamp: unixMicros,
};

function textsSayMore(symbols: SymbolTable, kind: TypedKind): boolean {
  const plain = plainForms(kind);
  for (let index = 0; index < symbols.count; index++) {
    const text = symbolText(symbols, index);
    if (text === undefined) continue;
    const value = symbolNumber(symbols, index)!;
    if (!plain.some((form) => form(value) === text)) return true;
  }
  return false;
}

function plainForms(kind: TypedKind): readonly ((value: number) => string)[] {
  const like = (type: string, fmt: string) => numberFormatter({ type, fmt, nDec: 0, useThou: 0, dec: "", thou: "" });
  switch (kind) {
    case "date":
      return [like("DATE", "YYYY-MM-DD")];
    case "time":
      return [like("TIME", "hh:mm:ss")];
    case "timestamp":
      return [like("TIMESTAMP", "YYYY-MM-DD hh:mm:ss[.fff]"), like("TIMESTAMP", "YYYY-MM-DD hh:mm:ss.ffffff")];
    default:
      return [exactText, (value) => generalText(value)];
  }
}
