import { fieldNamed } from "../table/model.ts";
import { hasBit } from "../table/model-bits.ts";
import { type AccessCell, type AccessValue, accessIdentity, isIdentityField } from "./access-table.ts";
import type { ReducibleApp } from "./admit.ts";
import { type AccessWorld, type Entitlement, entitle, listedIn } from "./grants.ts";
import { attributesOf, isFor, type User } from "./identity.ts";
import type { Rules } from "./rules.ts";

/** A row of a section access table. */
export interface GrantPlace {
  readonly table: string;
  readonly row: number;
}

/** What the section access of an app says about one user. For owners and auditors: it quotes section access. */
export interface UserExplanation {
  readonly level: "ADMIN" | "USER" | undefined;
  readonly rows: readonly RowMatch[];
  readonly fields: readonly FieldGrant[];
  readonly omit: readonly string[];
}

/** One section access row: used, or the first reason why not. */
export interface RowMatch extends GrantPlace {
  readonly used: boolean;
  /** Identification column that is not for this user, or `link` if no row of an associated table is for him. */
  readonly because?: string | undefined;
}

export interface FieldGrant {
  readonly field: string;
  /** `none`: the app has no field of exactly this name, so nothing is reduced by it. */
  readonly appField: "exact" | "none";
  readonly values: readonly ValueGrant[];
}

export interface ValueGrant {
  readonly value: string;
  readonly inData: boolean;
  /** Rows of the user that list the value or a star. */
  readonly by: readonly GrantPlace[];
}

export function explainUser(app: ReducibleApp, user: User, rules: Rules): UserExplanation {
  const world = app.access;
  if (world === undefined) return { level: "USER", rows: [], fields: [], omit: [] };
  const attributes = attributesOf(user, rules);
  const entitlement = entitle(world, attributes, rules);
  const rows = world.tables.flatMap((t, table) => {
    return t.rows.map((row, r): RowMatch => {
      if (hasBit(entitlement.rows[table]!, r)) return { table: t.name, row: r, used: true };
      const failing = t.fields.find((f, c) => isIdentityField(f) && !isFor(row[c]!, f, attributes));
      return { table: t.name, row: r, used: false, because: failing ?? "link" };
    });
  });
  const fields = world.columns.map(({ field }) => ({
    field,
    appField: fieldNamed(app.model, field) < 0 ? ("none" as const) : ("exact" as const),
    values: grantsOf(app, world, entitlement, field, rules),
  }));
  return { level: entitlement.level, rows, fields, omit: entitlement.omit };
}

function grantsOf(app: ReducibleApp, world: AccessWorld, mine: Entitlement, field: string, rules: Rules): ValueGrant[] {
  const out = new Map<string | number, { value: string; inData: boolean; by: GrantPlace[] }>();
  const ids = app.forest(rules.loops).graph.ids.get(fieldNamed(app.model, field));
  forEachGrant(world, field, (place, value, table) => {
    if (!hasBit(mine.rows[table]!, place.row)) return;
    const identity = accessIdentity(value);
    const known = out.get(identity) ?? { value: value.text, inData: (ids?.find(identity) ?? -1) >= 0, by: [] };
    if (!known.by.some((p) => p.table === place.table && p.row === place.row)) known.by.push(place);
    out.set(identity, known);
  });
  return [...out.values()];
}

/** Rows of section access that list a value of a field, by name or by star; whoever they are for. */
export function grantsFor(world: AccessWorld, field: string, wanted: number | string): GrantPlace[] {
  const out: GrantPlace[] = [];
  forEachGrant(world, field, (place, value) => {
    if (accessIdentity(value) === wanted) out.push(place);
  });
  return out;
}

function forEachGrant(
  world: AccessWorld,
  field: string,
  visit: (place: GrantPlace, value: AccessValue, table: number) => void,
): void {
  for (const { table, column } of world.columns.find((c) => c.field === field)?.places ?? []) {
    const t = world.tables[table]!;
    const listed = listedIn(t, column);
    t.rows.forEach((row, r) => {
      const cell: AccessCell = row[column]!;
      if (cell === null) return;
      for (const value of cell === "any" ? listed : [cell]) visit({ table: t.name, row: r }, value, table);
    });
  }
}
