import { needs } from "../../errors.ts";
import { MAX_BIT_WIDTH, MAX_SYMBOLS } from "../../limits.ts";

/** Where a field's index stands in a record. */
export interface FieldBits {
  readonly bias: number;
  readonly bitOffset: number;
  readonly bitWidth: number;
}

export interface RecordBits {
  readonly fields: readonly FieldBits[];
  readonly recordByteSize: number;
}

export interface IndexRange {
  readonly symbolCount: number;
  readonly nullable: boolean;
}

/**
 * The narrowest index for a field: raw values 0 to symbolCount - bias - 1, nothing to store if there is only one.
 * With NULLs the bias is -2: raw 0 is NULL and raw 1 is never used (format notes 1.4).
 */
export function indexWidth(field: IndexRange): { readonly bias: number; readonly bitWidth: number } {
  const bias = field.nullable ? -2 : 0;
  const values = field.symbolCount - bias;
  needs(field.symbolCount <= MAX_SYMBOLS, "LIMIT_EXCEEDED", `over ${MAX_SYMBOLS} symbols in one field`);
  return { bias, bitWidth: 32 - Math.clz32(Math.max(0, values - 1)) };
}

/**
 * Places the fields of a record one after the other in field order, as Qlik does without the order of its own, which
 * is unknown and not needed (format notes 1.4, 1.8). A record has whole bytes and no unowned bit: fields are widened,
 * from the last one on, until the widths add up to it. A record has at least one byte.
 */
export function planBits(fields: readonly IndexRange[], rows: number): RecordBits {
  const narrow = fields.map((field) => (rows === 0 ? { bias: 0, bitWidth: 0 } : indexWidth(field)));
  const widths = narrow.map((field) => field.bitWidth);
  const bits = widths.reduce((sum, width) => sum + width, 0);
  const recordByteSize = Math.max(1, Math.ceil(bits / 8));
  let padding = recordByteSize * 8 - bits;
  for (let i = widths.length - 1; i >= 0; i--) {
    const more = Math.min(padding, MAX_BIT_WIDTH - widths[i]!);
    widths[i] = widths[i]! + more;
    padding -= more;
  }
  let at = 0;
  const placed = narrow.map((field, i) => {
    const bitWidth = widths[i]!;
    const bitOffset = bitWidth === 0 ? 0 : at;
    at += bitWidth;
    return { bias: field.bias, bitOffset, bitWidth };
  });
  return { fields: placed, recordByteSize };
}
