import type { Identity } from "../table/model-identity.ts";

/** Section access as loaded: one or several tables, apart from those of the app. */
export interface AccessTable {
  readonly name: string;
  /** Upper case. */
  readonly fields: readonly string[];
  readonly rows: readonly (readonly AccessCell[])[];
}

/** NULL, the star, or a value. Qlik stores the star as "any symbol of the column", not as a text. */
export type AccessCell = null | "any" | AccessValue;

export interface AccessValue {
  readonly text: string;
  readonly number?: number | undefined;
}

/** Columns that say who a row is for (section access notes, 2.1). */
export const IDENTITY_FIELDS = [
  "USERID",
  "USER.EMAIL",
  "USER.NAME",
  "GROUP",
  "NTNAME",
  "NTSID",
  "NTDOMAINSID",
  "PASSWORD",
  "SERIAL",
] as const;
export type IdentityField = (typeof IDENTITY_FIELDS)[number];

export function isIdentityField(name: string): name is IdentityField {
  return (IDENTITY_FIELDS as readonly string[]).includes(name);
}

/** System columns never link section access tables and never reduce. */
export function isSystemField(name: string): boolean {
  return name === "ACCESS" || name === "OMIT" || isIdentityField(name);
}

/** What a value must equal in the app: the number if it has one, else the text. */
export function accessIdentity(value: AccessValue): Identity {
  return value.number ?? value.text;
}

/**
 * Upper case without a locale, one character for one: `ß` stays, since `SS` would be another value (doubt 14 of the
 * notes; lint warns of such values).
 */
export function upper(text: string): string {
  let out = "";
  for (const c of text) {
    const u = c.toUpperCase();
    out += [...u].length === 1 ? u : c;
  }
  return out;
}

/** Where rows come from decides what a text may become. */
export interface LoadRule {
  /** Load Inline: a text that looks like a number is one. */
  readonly numbers: boolean;
  /** Values are upper-cased at load, as names always are; never do that to those of an app, which Qlik did not (R11b). */
  readonly upperCase: boolean;
}

// eslint-disable-next-line security/detect-unsafe-regex -- no two quantifiers can take the same character
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/** One cell of a section access table as the load makes it. */
export function loadCell(cell: null | number | string | AccessValue, rule: LoadRule): AccessCell {
  if (cell === null || cell === "*") return cell === null ? null : "any";
  if (typeof cell === "number") return { text: String(cell), number: cell };
  if (typeof cell === "object") return { ...cell, text: rule.upperCase ? upper(cell.text) : cell.text };
  const text = rule.upperCase ? upper(cell) : cell;
  return rule.numbers && NUMBER.test(cell) ? { text, number: Number(cell) } : { text };
}
