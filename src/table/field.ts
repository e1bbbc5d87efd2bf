/** How Qlik displays the numbers of a field that have no text of their own. It never decides how bytes are laid out. */
export interface NumberFormat {
  /** `UNKNOWN`, `ASCII`, `INTEGER`, `REAL`, `FIX`, `MONEY`, `DATE`, `TIME`, `TIMESTAMP`, `INTERVAL`; `0` in old files. */
  readonly type: string;
  readonly nDec: number;
  readonly useThou: number;
  /** Pattern, e.g. `#,##0.00;(#,##0.00)` or `YYYY-MM-DD`; may be empty. */
  readonly fmt: string;
  /** Decimal separator; empty or one character. Never trimmed. */
  readonly dec: string;
  /** Thousands separator; empty, or one character such as `,`, a space or U+00A0. Never trimmed. */
  readonly thou: string;
}

export const UNKNOWN_FORMAT: NumberFormat = { type: "UNKNOWN", nDec: 0, useThou: 0, fmt: "", dec: "", thou: "" };

/** What is known of a field without reading any of its data. */
export interface Field {
  readonly name: string;
  readonly numberFormat: NumberFormat;
  /** `$numeric`, `$integer`, `$text`, `$date`, `$key`, … Hints only; real files have wrong ones. */
  readonly tags: readonly string[];
  readonly comment: string;
  /** Entries of the symbol table; not a distinct count, since real files repeat the empty string. */
  readonly symbolCount: number;
  /** Width of the stored index in bits, 0-32. */
  readonly bitWidth: number;
  /** True if some row is NULL. */
  readonly nullable: boolean;
}
