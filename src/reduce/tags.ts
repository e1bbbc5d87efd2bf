import type { ModelField } from "../table/model.ts";
import { DOUBLE, DUAL_DOUBLE, type SymbolKind, type SymbolTable, symbolNumber, TEXT } from "../table/symbols.ts";

/** Tags that state facts about the values, and would tell of hidden ones if they were kept as they are. */
const COMPUTED = ["$numeric", "$integer", "$text", "$ascii", "$date", "$timestamp", "$key"];

/**
 * Tags of a field after a reduction: those that the values decide are decided by the values that are left, whatever
 * the file said; those that the author gave, and `$hidden`, `$system` and the like, stay.
 *
 * `tables` is the number of tables that have the field.
 */
export function tagsOf(field: ModelField, symbols: readonly SymbolTable[], tables: number): string[] {
  const kinds = symbols.reduce((all, t) => all | kindsOf(t), 0);
  const some = kinds !== 0;
  const numeric = some && (kinds & bitOf(TEXT)) === 0;
  const integer = numeric && ((kinds & FRACTIONS) === 0 || symbols.every(areIntegers));
  const text = some && kinds === bitOf(TEXT);
  const out = field.tags.filter((tag) => !COMPUTED.includes(tag));
  if (numeric) out.push("$numeric");
  if (integer) out.push("$integer");
  if (text) out.push("$text");
  if (text && symbols.every(isAscii)) out.push("$ascii");
  const type = field.numberFormat.type;
  if (numeric && (type === "DATE" || type === "TIMESTAMP")) out.push("$timestamp");
  if (integer && type === "DATE") out.push("$date");
  if (tables > 1) out.push("$key");
  return out;
}

function bitOf(kind: SymbolKind): number {
  return 1 << kind;
}

const FRACTIONS = bitOf(DOUBLE) | bitOf(DUAL_DOUBLE);

/** The kinds that occur, as bits. A loop of its own, since a million symbols go through it at every reduction. */
function kindsOf({ bytes, starts, count }: SymbolTable): number {
  let kinds = 0;
  for (let s = 0; s < count; s++) kinds |= 1 << bytes[starts[s]!]!;
  return kinds;
}

function areIntegers(t: SymbolTable): boolean {
  for (let s = 0; s < t.count; s++) if (!Number.isInteger(symbolNumber(t, s))) return false;
  return true;
}

/** True if every byte of every text is below 128, as those of other parts of an entry of a text are. */
function isAscii({ bytes, starts, count }: SymbolTable): boolean {
  for (let at = starts[0]!; at < starts[count]!; at++) if (bytes[at]! > 127) return false;
  return true;
}
