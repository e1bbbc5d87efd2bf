import { MAX_JSON_DEPTH, MAX_JSON_ITEMS } from "../limits.ts";

/**
 * `JSON.parse` for a text of a stranger: what is nested over {@link MAX_JSON_DEPTH} deep, or has over {@link MAX_JSON_ITEMS}
 * lists, objects and members, is refused first. Eight million brackets take it seconds.
 * @param items another limit than that one
 * @throws `SyntaxError` as `JSON.parse` does, whose message quotes the text
 */
export function parseJsonText(text: string, items = MAX_JSON_ITEMS): unknown {
  checkSize(text, items);
  return JSON.parse(text);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Brackets and colons outside strings are counted; whether they fit each other, the parser says. */
function checkSize(text: string, most: number): void {
  let depth = 0;
  let items = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      for (i++; i < text.length && text.charCodeAt(i) !== QUOTE; i++) if (text.charCodeAt(i) === BACKSLASH) i++;
    } else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      items += 1;
      if (depth > MAX_JSON_DEPTH) throw new SyntaxError(`nested over ${MAX_JSON_DEPTH} deep`);
    } else if (code === 0x3a) {
      items += 1;
    } else if (code === 0x5d || code === 0x7d) {
      depth -= 1;
    }
    if (items > most) throw new SyntaxError(`over ${most} lists, objects and members`);
  }
}

// eslint-disable-next-line security/detect-unsafe-regex -- no two quantifiers in a row can take the same character
const NUMBER = /\d+(\.\d+)?([eE][+-]?\d+)?/y;

/**
 * True if a number of the text, which is JSON, is none that `JSON.parse` gives as it is written: one too great for a
 * double, or a whole one with digits that a double does not hold. For values that are somebody's data.
 */
export function losesNumbers(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      for (i++; i < text.length && text.charCodeAt(i) !== QUOTE; i++) if (text.charCodeAt(i) === BACKSLASH) i++;
    } else if (code >= 0x30 && code <= 0x39) {
      NUMBER.lastIndex = i;
      const [token, fraction, exponent] = NUMBER.exec(text)!;
      const value = Number(token);
      if (!Number.isFinite(value)) return true;
      if (fraction === undefined && exponent === undefined && !isExact(token, value)) return true;
      i += token.length - 1;
    }
  }
  return false;
}

/** True if `value` is the whole number of these digits, and not just the double next to it. */
export function isExact(digits: string, value: number): boolean {
  return Number.isSafeInteger(value) || (Number.isFinite(value) && BigInt(digits) === BigInt(value));
}

/** The objects (or lists) of a list; whatever else stands in it is passed over, and of what is no list there are none. */
export function objectsIn(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "object" && entry !== null) : [];
}
