import { isExact } from "../bytes/json.ts";
import { type ErrorCode, QErr } from "../errors.ts";
import type { Cell } from "../table/dual.ts";
import type { BigIntegers } from "./row-reader.ts";

/**
 * A strict reader over one JSON text (RFC 8259), for cells rather than for any JSON. Unlike `JSON.parse` it keeps the order of
 * keys that look like numbers, sees a key that comes twice, and sees digits that a double does not hold.
 */
export interface JsonText {
  readonly text: string;
  at: number;
  /** `record 17`, for messages, which never quote the text. */
  readonly name: string;
  readonly offset: number;
  readonly bigIntegers: BigIntegers;
}

export function jsonError(j: JsonText, what: string, code: ErrorCode = "IMPORT_SYNTAX", hint?: string): QErr {
  return new QErr(code, `${j.name}, character ${j.at + 1}: ${what}`, { offset: j.offset, hint });
}

export function skipSpace(j: JsonText): void {
  while (true) {
    const code = j.text.charCodeAt(j.at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    j.at++;
  }
}

/** Moves past `char` if it comes next, after white space. */
export function tryChar(j: JsonText, char: string): boolean {
  skipSpace(j);
  if (j.text[j.at] !== char) return false;
  j.at++;
  return true;
}

/** @throws `IMPORT_SYNTAX` if another character comes next */
export function expectChar(j: JsonText, char: string): void {
  if (!tryChar(j, char)) throw jsonError(j, `"${char}" was expected`);
}

/** @throws `IMPORT_SYNTAX` if anything but white space is left */
export function expectEnd(j: JsonText): void {
  skipSpace(j);
  if (j.at < j.text.length) throw jsonError(j, "the end was expected");
}

/** Characters that a JSON string cannot hold as they are, or that mean an escape. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const NOT_PLAIN = /[\u0000-\u001f\\]/;

/** @throws `IMPORT_SYNTAX`; `IMPORT_VALUE` on half a surrogate pair, which UTF-8 cannot hold */
export function readString(j: JsonText): string {
  expectChar(j, '"');
  const start = j.at;
  let end = j.text.indexOf('"', start);
  if (end < 0) throw jsonError(j, "a string is not closed");
  const plain = j.text.slice(start, end);
  if (!NOT_PLAIN.test(plain)) {
    j.at = end + 1;
    return plain;
  }
  while (precedingBackslashes(j.text, end, start) % 2 === 1) {
    end = j.text.indexOf('"', end + 1);
    if (end < 0) throw jsonError(j, "a string is not closed");
  }
  let text: unknown;
  try {
    text = JSON.parse(j.text.slice(start - 1, end + 1));
  } catch {
    throw jsonError(j, "a string has a bad escape or a control character");
  }
  if (typeof text !== "string" || !text.isWellFormed()) {
    throw jsonError(j, "a text has half a surrogate pair", "IMPORT_VALUE");
  }
  j.at = end + 1;
  return text;
}

function precedingBackslashes(text: string, at: number, start: number): number {
  let count = 0;
  while (at - count > start && text[at - count - 1] === "\\") count++;
  return count;
}

// eslint-disable-next-line security/detect-unsafe-regex -- no two quantifiers can take the same character
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;

/** A number, or its digits as a text where `bigIntegers` asks for that. */
export function readNumber(j: JsonText): number | string {
  skipSpace(j);
  NUMBER.lastIndex = j.at;
  const match = NUMBER.exec(j.text);
  if (match === null) throw jsonError(j, "a value was expected");
  const [token, fraction, exponent] = match;
  const value = Number(token);
  const whole = fraction === undefined && exponent === undefined;
  if (whole && !isExact(token, value)) {
    if (j.bigIntegers === "refuse") throw tooManyDigits(j);
    if (j.bigIntegers === "text") {
      j.at += token.length;
      return token;
    }
  }
  if (!Number.isFinite(value)) throw jsonError(j, "a number is too great for a double", "IMPORT_VALUE");
  j.at += token.length;
  return value;
}

function tooManyDigits(j: JsonText): QErr {
  const hint = "choose with --big-integers what becomes of them: text keeps all digits, number takes the nearest";
  return jsonError(j, "a whole number has more digits than a number can hold", "IMPORT_VALUE", hint);
}

const SPECIAL: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
};

/**
 * A cell as the JSON writers write it: `null`, number, string, `[number, text]`, `{"number":"NaN"}`. `true` and `false` are
 * the duals -1/`true` and 0/`false`, after the numbers that Qlik gives them.
 * @throws `IMPORT_SYNTAX`; `IMPORT_VALUE` on a number beyond a double, or half a surrogate pair
 */
export function readCell(j: JsonText): Cell {
  skipSpace(j);
  switch (j.text[j.at]) {
    case '"':
      return readString(j);
    case "n":
      return word(j, "null", null);
    case "t":
      return word(j, "true", { number: -1, text: "true" });
    case "f":
      return word(j, "false", { number: 0, text: "false" });
    case "{":
      return readSpecial(j);
    case "[": {
      j.at++;
      skipSpace(j);
      const number = j.text[j.at] === "{" ? readSpecial(j) : readNumber(j);
      // Both sides of such a dual would be texts.
      if (typeof number === "string") throw tooManyDigits(j);
      expectChar(j, ",");
      const text = readString(j);
      expectChar(j, "]");
      return { number, text };
    }
    default:
      return readNumber(j);
  }
}

function word<T>(j: JsonText, name: string, value: T): T {
  if (!j.text.startsWith(name, j.at)) throw jsonError(j, "a value was expected");
  j.at += name.length;
  return value;
}

function readSpecial(j: JsonText): number {
  expectChar(j, "{");
  const hint = 'a cell is null, a number, a string, [number, text] or {"number":"NaN"}; flatten other values first';
  if (!tryChar(j, '"')) throw jsonError(j, "a cell cannot be an object", "IMPORT_SYNTAX", hint);
  j.at--;
  if (readString(j) !== "number") throw jsonError(j, "a cell cannot be an object", "IMPORT_SYNTAX", hint);
  expectChar(j, ":");
  const value = SPECIAL[readString(j)];
  if (value === undefined) throw jsonError(j, "a cell cannot be an object", "IMPORT_SYNTAX", hint);
  expectChar(j, "}");
  return value;
}
