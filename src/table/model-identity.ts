import type { Model } from "./model.ts";
import { INT, type SymbolTable, symbolNumber, symbolText, TEXT } from "./symbols.ts";

/** What makes two cells the same value for associations: the number if there is one, else the text (rule R18). */
export type Identity = number | string;

/**
 * The values of one field over all its tables. Equal numbers are one value whatever their texts; a pure text equals
 * only the same pure text. `-0` is `0`, and NaN is one value.
 */
export interface FieldIds {
  /** Values are 0 .. size - 1. */
  readonly size: number;
  /** Per domain of the field: id of each symbol; `undefined` if the id is the symbol number itself. */
  readonly ofDomain: ReadonlyMap<number, Int32Array | undefined>;
  /** Id of a value, or -1. */
  find(value: Identity): number;
}

/** Domains of a field, ascending. */
export function domainsOf(model: Model, field: number): number[] {
  const found = new Set<number>();
  for (const t of model.tables) for (const c of t.columns) if (c.field === field) found.add(c.domain);
  return [...found].sort((a, b) => a - b);
}

/**
 * Numbers the values of a field. `selectable` tells whether {@link FieldIds.find} will be asked: a field of one domain
 * that is only a key needs no ids where equal values are one symbol already. Qlik's are; apps made here may have the
 * number 2 and the dual 2 of text `II`.
 */
export function identify(model: Model, field: number, selectable: boolean): FieldIds {
  const domains = domainsOf(model, field);
  if (domains.length === 1 && !selectable && !repeatsNumbers(model.domains[domains[0]!]!)) {
    const only = domains[0]!;
    return { size: model.domains[only]!.count, ofDomain: new Map([[only, undefined]]), find: () => -1 };
  }
  const numbers = new Map<number, number>();
  const texts = new Map<string, number>();
  let size = 0;
  const ofDomain = new Map<number, Int32Array | undefined>();
  for (const d of domains) {
    const symbols = model.domains[d]!;
    const ids = new Int32Array(symbols.count);
    let plain = true;
    for (let s = 0; s < symbols.count; s++) {
      const value = identityOf(symbols, s);
      const known = typeof value === "number" ? numbers.get(value) : texts.get(value);
      const id = known ?? size++;
      if (known === undefined) {
        if (typeof value === "number") numbers.set(value, id);
        else texts.set(value, id);
      }
      ids[s] = id;
      if (id !== s) plain = false;
    }
    ofDomain.set(d, plain ? undefined : ids);
  }
  const find = (value: Identity): number => (typeof value === "number" ? numbers.get(value) : texts.get(value)) ?? -1;
  return { size, ofDomain, find };
}

/** True if two symbols have one number. Whole numbers without a text are looked at only where there are others. */
function repeatsNumbers(symbols: SymbolTable): boolean {
  const { bytes, starts, count } = symbols;
  let others = 0;
  for (let s = 0; s < count; s++) if (bytes[starts[s]!] !== TEXT && bytes[starts[s]!] !== INT) others++;
  if (others === 0) return false;
  const numbers = new Float64Array(count);
  let length = 0;
  for (let s = 0; s < count; s++) {
    const number = symbolNumber(symbols, s);
    if (number !== undefined) numbers[length++] = number;
  }
  const sorted = numbers.subarray(0, length).sort();
  for (let i = 1; i < length; i++) if (sorted[i] === sorted[i - 1]) return true;
  // NaN is one value; sorting puts it last.
  return length > 1 && Number.isNaN(sorted[length - 2]);
}

/** The identity of symbol `s`. Throws `BYTES_UTF8`. */
export function identityOf(symbols: SymbolTable, s: number): Identity {
  return symbolNumber(symbols, s) ?? symbolText(symbols, s)!;
}
