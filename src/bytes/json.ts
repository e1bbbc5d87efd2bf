import { MAX_JSON_DEPTH } from "../limits.ts";

/**
 * `JSON.parse` for a text of a stranger: what is nested over {@link MAX_JSON_DEPTH} deep is refused first, since eight
 * million opening brackets would take it seconds.
 * @throws `SyntaxError` as `JSON.parse` does, whose message quotes the text
 */
export function parseJsonText(text: string): unknown {
  if (isNestedOver(text, MAX_JSON_DEPTH)) throw new SyntaxError(`nested over ${MAX_JSON_DEPTH} deep`);
  return JSON.parse(text);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Brackets outside strings are counted; whether they fit each other, the parser says. */
function isNestedOver(text: string, most: number): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      for (i++; i < text.length && text.charCodeAt(i) !== QUOTE; i++) if (text.charCodeAt(i) === BACKSLASH) i++;
    } else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > most) return true;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return false;
}
