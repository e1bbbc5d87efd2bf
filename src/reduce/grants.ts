import { type Bits, bitPositions, hasBit, setBit, wordsFor } from "../table/model-bits.ts";
import { modelOfCells } from "../table/model-cells.ts";
import { buildForest, type Forest } from "../table/model-forest.ts";
import { type AccessTable, type AccessValue, isIdentityField, isSystemField } from "./access-table.ts";
import { type Attributes, isFor } from "./identity.ts";
import { propagate } from "./propagate.ts";
import type { Rules } from "./rules.ts";

/** Section access prepared once per app version: its tables are an associative model of their own. */
export interface AccessWorld {
  readonly tables: readonly AccessTable[];
  readonly forest: Forest;
  /** Reduction fields and links: every column that is not a system field, in order of appearance. */
  readonly columns: readonly AccessColumn[];
}

/** One non-system field with the places it occurs in. */
export interface AccessColumn {
  readonly field: string;
  readonly places: readonly { readonly table: number; readonly column: number }[];
}

/** What the rows of one user come to, before the app is looked at. */
export interface Entitlement {
  /** Per section access table: the rows that are possible for the user. */
  readonly rows: readonly Bits[];
  /** `undefined` means that no row gives a valid access level: denied. */
  readonly level: "ADMIN" | "USER" | undefined;
  /** Names in OMIT, as listed. */
  readonly omit: readonly string[];
}

export function prepareAccess(tables: readonly AccessTable[]): AccessWorld {
  const columns = new Map<string, { table: number; column: number }[]>();
  tables.forEach((t, table) => {
    t.fields.forEach((field, column) => {
      if (isSystemField(field)) return;
      const places = columns.get(field) ?? [];
      places.push({ table, column });
      columns.set(field, places);
    });
  });
  // The star may not be used in fields that link (R13); one that is used there links with nothing.
  const links = tables.map((t) =>
    t.fields.map((f, i) => ({ f, i })).filter(({ f }) => (columns.get(f)?.length ?? 0) > 1),
  );
  const model = modelOfCells(
    tables.map((t, n) => ({
      name: t.name,
      fields: links[n]!.map(({ f }) => f),
      rows: t.rows.map((row) => {
        return links[n]!.map(({ i }) => {
          const cell = row[i]!;
          if (cell === null || cell === "any") return null;
          return cell.number === undefined ? cell.text : { number: cell.number, text: cell.text };
        });
      }),
    })),
  );
  return {
    tables,
    // Loosening a table of a circle would give its user the values of all others, so nothing is loosened here.
    forest: buildForest(model, { selectable: [], loops: "keep" }),
    columns: [...columns].map(([field, places]) => ({ field, places })),
  };
}

/** The rows that a user may use, his access level and what is omitted for him (R1-R10, R27, R31, R32). */
export function entitle(world: AccessWorld, attributes: Attributes, rules: Rules): Entitlement {
  const selected = new Map<number, Bits>();
  world.tables.forEach((t, table) => {
    const rows = matchingRows(t, attributes);
    if (rows !== undefined) selected.set(table, rows);
  });
  const kept = propagate(world.forest, { values: new Map(), rows: selected });
  const rows = world.tables.map((t, table) => kept.rows[table] ?? rowsWhere(t, () => true));
  const omit = new Set<string>();
  world.tables.forEach((t, table) => {
    const column = t.fields.indexOf("OMIT");
    if (column < 0) return;
    for (const value of valuesOf(t, column, rows[table]!)) if (value.text !== "") omit.add(value.text);
  });
  return { rows, level: levelOf(world, rows, rules), omit: [...omit] };
}

/** Rows whose every identification cell is for the user; `undefined` if the table has no such column. */
function matchingRows(t: AccessTable, attributes: Attributes): Bits | undefined {
  const identity = t.fields.map((field, column) => ({ field, column })).filter(({ field }) => isIdentityField(field));
  if (identity.length === 0) return undefined;
  return rowsWhere(t, (row) => {
    return identity.every(({ field, column }) => isIdentityField(field) && isFor(row[column]!, field, attributes));
  });
}

function rowsWhere(t: AccessTable, holds: (row: AccessTable["rows"][number]) => boolean): Bits {
  const rows = new Uint32Array(wordsFor(t.rows.length));
  t.rows.forEach((row, r) => {
    if (holds(row)) setBit(rows, r);
  });
  return rows;
}

function levelOf(world: AccessWorld, rows: readonly Bits[], rules: Rules): Entitlement["level"] {
  let admin = false;
  let user = false;
  world.tables.forEach((t, table) => {
    const column = t.fields.indexOf("ACCESS");
    if (column < 0) return;
    for (const r of bitPositions(rows[table]!)) {
      const cell = t.rows[r]![column]!;
      // The star there has been seen to open an app; the lower level is the safe reading.
      if (cell === "any" || cell?.text === "USER") user = true;
      else if (cell?.text === "ADMIN") admin = true;
    }
  });
  if (!admin && !user) return undefined;
  if (rules.adminAsUser || !admin) return "USER";
  return user && rules.mixedLevel === "USER" ? "USER" : "ADMIN";
}

/**
 * The values of one column in some rows. The star is every value listed in that column of that table, by whomever
 * (R12); NULL is none (R17).
 */
export function valuesOf(t: AccessTable, column: number, rows: Bits): AccessValue[] {
  const out: AccessValue[] = [];
  for (const r of bitPositions(rows)) {
    const cell = t.rows[r]![column]!;
    if (cell === "any") return listedIn(t, column);
    if (cell !== null) out.push(cell);
  }
  return out;
}

export function listedIn(t: AccessTable, column: number): AccessValue[] {
  return t.rows.map((row) => row[column]!).filter((cell): cell is AccessValue => cell !== null && cell !== "any");
}

/** True if the row is among those possible for the user. */
export function isUsed(entitlement: Entitlement, table: number, row: number): boolean {
  return hasBit(entitlement.rows[table]!, row);
}
