import type { ModelField } from "../table/model.ts";
import { DUAL_INT, INT, type SymbolTable, symbolKind, symbolNumber, TEXT } from "../table/symbols.ts";

/** Tags that state facts about the values, and would tell of hidden ones if they were kept as they are. */
const COMPUTED = ["$numeric", "$integer", "$text", "$ascii", "$date", "$timestamp", "$key"];

/**
 * Tags of a field after a reduction: those that the values decide are decided by the values that are left, whatever
 * the file said; those that the author gave, and `$hidden`, `$system` and the like, stay.
 *
 * `tables` is the number of tables that have the field.
 */
export function tagsOf(field: ModelField, symbols: readonly SymbolTable[], tables: number): string[] {
  const facts = { numeric: true, integer: true, text: true, ascii: true, some: false };
  for (const t of symbols) {
    facts.some ||= t.count > 0;
    for (let s = 0; s < t.count; s++) {
      const kind = symbolKind(t, s);
      if (kind === TEXT) {
        facts.numeric = facts.integer = false;
        if (facts.text && facts.ascii) facts.ascii = isAscii(t, s);
        continue;
      }
      facts.text = false;
      if (facts.integer && kind !== INT && kind !== DUAL_INT) facts.integer = Number.isInteger(symbolNumber(t, s));
    }
  }
  const out = field.tags.filter((tag) => !COMPUTED.includes(tag));
  if (facts.some && facts.numeric) out.push("$numeric");
  if (facts.some && facts.integer) out.push("$integer");
  if (facts.some && facts.text) out.push("$text");
  if (facts.some && facts.text && facts.ascii) out.push("$ascii");
  const type = field.numberFormat.type;
  if (facts.some && facts.numeric && (type === "DATE" || type === "TIMESTAMP")) out.push("$timestamp");
  if (facts.some && facts.integer && type === "DATE") out.push("$date");
  if (tables > 1) out.push("$key");
  return out;
}

/** True if every byte of a text is below 128. */
function isAscii(t: SymbolTable, s: number): boolean {
  for (let at = t.starts[s]! + 1; at < t.starts[s + 1]!; at++) if (t.bytes[at]! > 127) return false;
  return true;
}
