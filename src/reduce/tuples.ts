import { needs } from "../errors.ts";
import { MAX_ACCESS_TUPLES } from "../limits.ts";
import { bitPositions } from "../table/model-bits.ts";
import { type AccessCell, type AccessValue, accessIdentity } from "./access-table.ts";
import { type AccessWorld, type Entitlement, listedIn } from "./grants.ts";
import type { Granted } from "./select.ts";

/**
 * The rows of one user one by one, each a grant of its own (`combine: "tuples"`): (GERMANY, MACHINES) and
 * (FRANCE, FOOD) stay two pairs. Rows of several section access tables are joined by their links; a table without a
 * row for the user adds no value. Equal tuples come once. Throws `LIMIT_EXCEEDED` for more than `most` of them.
 */
export function tuplesOf(world: AccessWorld, entitlement: Entitlement, most = MAX_ACCESS_TUPLES): Granted[] {
  const tables = world.tables
    .map((t, table) => ({ t, table, rows: bitPositions(entitlement.rows[table]!) }))
    .filter(({ t, rows }) => rows.length > 0 && world.columns.some((c) => t.fields.includes(c.field)));
  const found = new Map<string, Granted>();
  const links = new Map<string, AccessCell>();
  const values = new Map<string, readonly AccessValue[]>();
  const join = (depth: number): void => {
    if (depth === tables.length) {
      const granted = new Map(world.columns.map(({ field }) => [field, values.get(field) ?? []]));
      found.set(signature(granted), granted);
      needs(found.size <= most, "LIMIT_EXCEEDED", `a user has more than ${most} exact tuples`);
      return;
    }
    const { t, rows } = tables[depth]!;
    for (const r of rows) {
      const set: string[] = [];
      const fits = world.columns.every(({ field }) => {
        const column = t.fields.indexOf(field);
        if (column < 0) return true;
        const cell = t.rows[r]![column]!;
        const linked = links.get(field);
        if (links.has(field)) return sameValue(linked!, cell);
        links.set(field, cell);
        values.set(field, cell === "any" ? listedIn(t, column) : cell === null ? [] : [cell]);
        set.push(field);
        return true;
      });
      if (fits) join(depth + 1);
      for (const field of set) {
        links.delete(field);
        values.delete(field);
      }
    }
  };
  join(0);
  return [...found.values()];
}

/** NULL and the star link with nothing. */
function sameValue(a: AccessCell, b: AccessCell): boolean {
  if (a === null || b === null || a === "any" || b === "any") return false;
  return accessIdentity(a) === accessIdentity(b);
}

function signature(granted: Granted): string {
  return JSON.stringify([...granted].map(([field, values]) => [field, ...values.map(accessIdentity)]));
}
