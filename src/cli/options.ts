import { extname } from "node:path";
import { InvalidArgumentError } from "commander";
import { QErr } from "../errors.ts";

/** A whole number from `min`. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min) return value;
    throw new InvalidArgumentError(`a whole number from ${min} is needed`);
  };
}

export interface RowRange {
  readonly from: number | undefined;
  readonly to: number | undefined;
}

/** `FROM..TO`: rows count from 0, TO is the row after the last; either may be left out. */
export function rowRange(text: string): RowRange {
  const match = /^(\d{0,15})\.\.(\d{0,15})$/.exec(text);
  if (match === null) throw new InvalidArgumentError("rows are given as FROM..TO, e.g. 0..100, 500.. or ..10");
  const [, from, to] = match;
  return { from: from ? Number(from) : undefined, to: to ? Number(to) : undefined };
}

/** `a,b,"c,d"`: names with commas or quotes stand in quotes, a quote in them is doubled. */
export function fieldList(text: string): readonly string[] {
  const names: string[] = [];
  const one = /(?:"((?:[^"]|"")*)"|([^,"]*))(,|$)/y;
  while (one.lastIndex <= text.length) {
    const match = one.exec(text);
    if (match === null) throw new InvalidArgumentError('field names are given as a,b,"c,d"');
    names.push(match[1] === undefined ? match[2]! : match[1].replaceAll('""', '"'));
    if (match[3] === "") return names;
  }
  return names;
}

/**
 * The format that the ending of a file's name says.
 * @throws `USAGE` if it says none, naming the option that does
 */
export function formatOf<F extends string>(file: string, formats: readonly F[], option: string): F {
  const ending = extname(file).slice(1).toLowerCase();
  const format = formats.find((known) => known === ending);
  if (format !== undefined) return format;
  throw new QErr("USAGE", `the ending of ${file} names no format`, { hint: `add ${option} ${formats.join("|")}` });
}

/** Help of `--as-admin`, which is the same wherever tables of an app are handed out. */
export const AS_ADMIN_HELP = "of an app with section access: read everything, as an administrator does";
