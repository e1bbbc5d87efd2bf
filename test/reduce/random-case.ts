import { type AccessTable, loadCell } from "../../src/reduce/access-table.ts";
import type { PolicyCase } from "../../src/reduce/case-format.ts";
import { MODES, rulesOf } from "../../src/reduce/rules.ts";
import type { Cell } from "../../src/table/dual.ts";
import type { CellTable } from "../../src/table/model-cells.ts";

/** Seeded numbers (mulberry32): the same seed gives the same case everywhere. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 <= x < 1 */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  chance(p: number): boolean {
    return this.next() < p;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

const VALUES: readonly Cell[] = ["A", "B", "C", 1, 2, { number: 1, text: "01" }, "", "a", "1"];

/** A random app with section access, small enough to try everything: all shapes that the rules speak of. */
export function randomCase(seed: number): PolicyCase {
  const dice = new Dice(seed);
  const shape = dice.next();
  const tables =
    shape < 0.4
      ? starTables(dice)
      : shape < 0.8
        ? looseTables(dice)
        : shape < 0.94
          ? ringTables(dice)
          : knottedTables(dice);
  const mode = dice.pick(MODES);
  const rules = rulesOf(mode, {
    ...(dice.chance(0.2) && { combine: "tuples" }),
    ...(dice.chance(0.25) && { loops: "keep" }),
    ...(dice.chance(0.2) && { onEmpty: "empty" }),
    ...(dice.chance(0.3) && { strictExclusion: dice.chance(0.5) }),
    ...(dice.chance(0.2) && { fieldCase: "compat" }),
    ...(dice.chance(0.2) && { unknownOmit: "ignore" }),
  });
  return {
    name: `seed ${seed}`,
    tables,
    access: dice.chance(0.03) ? undefined : accessTables(dice, tables),
    user: { userid: "me", groups: dice.chance(0.5) ? ["staff"] : [] },
    rules,
    loosened: dice.chance(0.15) ? [dice.pick(tables).name] : [],
    noData: dice.chance(0.02),
    expect: { denied: false },
  };
}

function rowsOf(dice: Dice, width: number, values: readonly Cell[]): Cell[][] {
  return Array.from({ length: dice.below(8) }, () => {
    return Array.from({ length: width }, () => (dice.chance(0.12) ? null : dice.pick(values)));
  });
}

/** Random field sets over a small pool: synthetic keys and circles come by themselves. */
function looseTables(dice: Dice): CellTable[] {
  const pool = ["F", "G", "H", "K", "L", "m", "M", "N"].slice(0, 3 + dice.below(6));
  const values = VALUES.slice(0, 2 + dice.below(VALUES.length - 1));
  return Array.from({ length: 1 + dice.below(5) }, (_, i) => {
    const fields = [...new Set(Array.from({ length: 1 + dice.below(4) }, () => dice.pick(pool)))];
    return { name: `T${i}`, fields, rows: rowsOf(dice, fields.length, values), loose: dice.chance(0.04) };
  });
}

/** Tables in a circle, with branches. */
function ringTables(dice: Dice): CellTable[] {
  const keys = ["F", "G", "H", "K"].slice(0, 3 + dice.below(2));
  const values = VALUES.slice(0, 2 + dice.below(3));
  return keys.flatMap((key, i): CellTable[] => {
    const fields = [key, keys[(i + 1) % keys.length]!, ...(dice.chance(0.4) ? [`${key}X`] : [])];
    const ring = { name: `Ring${i}`, fields, rows: rowsOf(dice, fields.length, values) };
    if (fields.length < 3 || dice.chance(0.5)) return [ring];
    return [ring, { name: `Branch${i}`, fields: [`${key}X`, `${key}Y`], rows: rowsOf(dice, 2, values) }];
  });
}

/**
 * Pairs of tables that share two fields each, so that the circle is one of synthetic tables and one of them is loosened;
 * now and then tables that share a third field with a pair, so that a synthetic table holds the key of another.
 */
function knottedTables(dice: Dice): CellTable[] {
  const keys = ["F", "G", "H"];
  const values = VALUES.slice(0, 2 + dice.below(3));
  return keys.flatMap((key, i): CellTable[] => {
    const pair = [key, keys[(i + 1) % keys.length]!];
    const more = (name: string, fields: readonly string[]) => ({
      name: `${name}${i}`,
      fields,
      rows: rowsOf(dice, fields.length, values),
    });
    const inner = dice.chance(0.5) ? [more("In", [...pair, "K", `${key}X`]), more("Inn", [...pair, "K"])] : [];
    return [more("Pair", pair), more("Twin", [...pair, `${key}Y`]), ...inner];
  });
}

/** Facts with dimensions, some of them with outriggers, and now and then an island. */
function starTables(dice: Dice): CellTable[] {
  const values = VALUES.slice(0, 3 + dice.below(3));
  const keys = ["F", "G", "H"].slice(0, 1 + dice.below(3));
  const out: CellTable[] = [
    { name: "Facts", fields: [...keys, "Amount"], rows: rowsOf(dice, keys.length + 1, values) },
  ];
  for (const key of keys) {
    const fields = [key, `${key}X`, ...(dice.chance(0.4) ? [`${key}OUT`] : [])];
    if (dice.chance(0.85)) out.push({ name: `Dim${key}`, fields, rows: rowsOf(dice, fields.length, values) });
    if (fields.length === 3)
      out.push({ name: `Out${key}`, fields: [`${key}OUT`, `${key}Y`], rows: rowsOf(dice, 2, values) });
  }
  if (dice.chance(0.2)) out.push({ name: "Island", fields: ["ISLE", "Water"], rows: rowsOf(dice, 2, values) });
  return out;
}

function accessTables(dice: Dice, tables: readonly CellTable[]): AccessTable[] {
  const upperFields = [...new Set(tables.flatMap((t) => t.fields.map((f) => f.toUpperCase())))];
  const reducing = Array.from({ length: 1 + dice.below(dice.chance(0.5) ? 1 : 3) }, () => dice.pick(upperFields));
  const who = dice.pick([["USERID"], ["USERID"], ["USERID", "GROUP"], ["GROUP"], []]);
  const several = dice.chance(0.3);
  const ring = several && dice.chance(0.3);
  const parts = ring
    ? [
        ["ACCESS", ...who, "ROLE", "KIND"],
        ["ROLE", "TEAM", ...reducing],
        ["KIND", "TEAM", dice.pick(upperFields)],
      ]
    : several
      ? [
          ["ACCESS", ...who, "ROLE"],
          ["ROLE", ...reducing],
          ...(dice.chance(0.4) ? [["ROLE", "OMIT"]] : []),
          ...(dice.chance(0.2) ? [["USERID", dice.pick(upperFields)]] : []),
        ]
      : [["ACCESS", ...who, ...reducing, ...(dice.chance(0.35) ? ["OMIT"] : [])]];
  const used = (column: string): Cell[] => {
    return tables.flatMap((t) => t.rows.map((row) => row[t.fields.indexOf(column)] ?? null)).filter((c) => c !== null);
  };
  return parts.map((columns, i) => {
    const distinct = [...new Set(columns)];
    const rows = Array.from({ length: 1 + dice.below(5) }, () => {
      return distinct.map((column) =>
        loadCell(accessCell(dice, column, upperFields, used(column)), { numbers: true, upperCase: true }),
      );
    });
    return { name: `A${i}`, fields: distinct, rows };
  });
}

function accessCell(
  dice: Dice,
  column: string,
  fields: readonly string[],
  used: readonly Cell[],
): null | number | string {
  if (dice.chance(0.02)) return null;
  if (column === "ACCESS") return dice.pick(["USER", "USER", "USER", "USER", "ADMIN", "*", "READER"]);
  if (column === "USERID") return dice.pick(["ME", "me", "ME", "ME", "OTHER", "*", ""]);
  if (column === "GROUP") return dice.pick(["STAFF", "*", "*", "BOARD", ""]);
  if (column === "KIND" || column === "TEAM") return dice.pick(["K1", "K2"]);
  if (column === "ROLE") return dice.pick(["R1", "R2", "R1", "*"]);
  if (column === "OMIT") return dice.pick([...fields, "", "*", "NOSUCH"]);
  if (used.length > 0 && dice.chance(0.7)) {
    const cell = dice.pick(used)!;
    return typeof cell === "object" ? cell.text : cell;
  }
  return dice.pick(["A", "B", "C", "1", "2", "2.0", "*", "", "Z"]);
}
