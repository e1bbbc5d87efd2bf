/**
 * One cell as the caller sees it: NULL, a number, a text, or a dual, which is both and loses neither.
 * An empty string is a value, distinct from NULL.
 */
export type Cell = null | number | string | Dual;

/** A number with a text of its own, e.g. the date 36526 shown as `01/01/2000`. */
export interface Dual {
  readonly number: number;
  readonly text: string;
}

export function isDual(cell: Cell): cell is Dual {
  return typeof cell === "object" && cell !== null;
}

/** Equality of cells as values: NaN equals NaN, -0 differs from 0, a dual equals only a dual with both sides equal. */
export function sameCell(a: Cell, b: Cell): boolean {
  if (isDual(a) && isDual(b)) return Object.is(a.number, b.number) && a.text === b.text;
  return Object.is(a, b);
}
