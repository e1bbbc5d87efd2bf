import { FIRST_DAY, LAST_DAY } from "./day-number.ts";
import type { Field } from "./field.ts";
import { DUAL_DOUBLE, DUAL_INT, INT, type SymbolTable, symbolKind, symbolNumber, TEXT } from "./symbols.ts";

/**
 * What a column holds. `empty` has no symbol at all (every row is NULL), `mixed` has texts and numbers; the others up to
 * `interval` hold numbers only (with or without texts of their own), `text` holds texts only.
 */
export type ColumnKind =
  | "empty"
  | "integer"
  | "number"
  | "money"
  | "date"
  | "time"
  | "timestamp"
  | "interval"
  | "text"
  | "mixed";

/** The logical type of a column, taken from its format, its tags and every one of its symbols. */
export interface ColumnType {
  readonly kind: ColumnKind;
  /** Some number has a text of its own. */
  readonly duals: boolean;
  /** Every number is a whole number within +-2^53 and none is -0: an integer column loses nothing. */
  readonly integral: boolean;
  /** Smallest and greatest finite number; 0 and 0 if there is none. */
  readonly min: number;
  readonly max: number;
  /** Some number is -0, NaN or infinite: what many formats cannot tell apart or hold. */
  readonly unusual: boolean;
}

interface Census {
  texts: number;
  numbers: number;
  duals: boolean;
  integral: boolean;
  unusual: boolean;
  finite: boolean;
  min: number;
  max: number;
}

/**
 * Types a column. Text is never taken for a number, whatever format and tags say: a column tagged `$date` that holds
 * texts is `text`. Temporal kinds:
 *
 * - the format decides first (DATE, TIME, TIMESTAMP, INTERVAL, MONEY), tags (`$date`, `$timestamp`) only where the format
 *   says nothing about numbers (UNKNOWN, ASCII, `0`);
 * - then the symbols: a date with a fraction is a timestamp (29 real columns are tagged `$date` and hold fractional days),
 *   a time of a day or more is a timestamp, and what is outside the years 1-9999 is a number.
 */
export function columnType(field: Pick<Field, "numberFormat" | "tags">, symbols: SymbolTable): ColumnType {
  const c = takeCensus(symbols);
  const { duals, integral, unusual } = c;
  const min = c.finite ? c.min : 0;
  const max = c.finite ? c.max : 0;
  return { kind: kindOf(field, c, min, max), duals, integral, min, max, unusual };
}

function kindOf(field: Pick<Field, "numberFormat" | "tags">, c: Census, min: number, max: number): ColumnKind {
  if (c.numbers === 0) return c.texts === 0 ? "empty" : "text";
  if (c.texts > 0) return "mixed";
  const plain: ColumnKind = c.integral ? "integer" : "number";
  // -0 is no date of its own; NaN and infinity are none at all.
  if (c.unusual) return "number";
  const isDay = min >= FIRST_DAY && max < LAST_DAY + 1;
  switch (statedKind(field)) {
    case "date":
      return isDay ? (c.integral ? "date" : "timestamp") : plain;
    case "timestamp":
      return isDay ? "timestamp" : plain;
    case "time":
      return min >= 0 && max < 1 ? "time" : isDay ? "timestamp" : plain;
    case "interval":
      return "interval";
    case "money":
      return "money";
    case undefined:
      return plain;
  }
}

function statedKind(field: Pick<Field, "numberFormat" | "tags">): StatedKind | undefined {
  const { type } = field.numberFormat;
  const stated = STATED[type];
  if (stated !== undefined) return stated;
  if (type !== "UNKNOWN" && type !== "ASCII" && type !== "0" && type !== "") return undefined;
  if (field.tags.includes("$date")) return "date";
  return field.tags.includes("$timestamp") ? "timestamp" : undefined;
}

type StatedKind = "date" | "time" | "timestamp" | "interval" | "money";

const STATED: Readonly<Record<string, StatedKind>> = {
  DATE: "date",
  TIME: "time",
  TIMESTAMP: "timestamp",
  INTERVAL: "interval",
  MONEY: "money",
};

function takeCensus(t: SymbolTable): Census {
  const c: Census = {
    texts: 0,
    numbers: 0,
    duals: false,
    integral: true,
    unusual: false,
    finite: false,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
  };
  for (let i = 0; i < t.count; i++) {
    const kind = symbolKind(t, i);
    if (kind === TEXT) {
      c.texts++;
      continue;
    }
    c.numbers++;
    if (kind === DUAL_INT || kind === DUAL_DOUBLE) c.duals = true;
    const value = symbolNumber(t, i)!;
    if (kind === INT || kind === DUAL_INT) {
      countFinite(c, value);
      continue;
    }
    if (!Number.isFinite(value)) c.unusual = true;
    else countFinite(c, value);
    if (Object.is(value, -0)) c.unusual = true;
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) c.integral = false;
  }
  return c;
}

function countFinite(c: Census, value: number): void {
  c.finite = true;
  if (value < c.min) c.min = value;
  if (value > c.max) c.max = value;
}
