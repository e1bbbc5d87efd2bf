import type { BSelection, BTable } from "./brute-tables.ts";

/**
 * Circles that are kept: the largest sets of rows and values in which everybody who may reach a selection through a
 * neighbour has a partner there. Tried again and again until nothing changes; no order, no cleverness.
 */
export function possibleInLoops(tables: readonly BTable[], selection: BSelection): Map<string, Set<number>> {
  const rows = new Map(
    tables.map((t) => [
      t.name,
      new Set([...t.rows.keys()].filter((r) => selection.rows.get(t.name)?.has(r) !== false)),
    ]),
  );
  const fields = new Set(tables.flatMap((t) => t.fields));
  const values = new Map<string, Set<string>>();
  for (const f of fields) {
    const all = tables.flatMap((t) => (t.fields.includes(f) ? t.rows.map((row) => row[t.fields.indexOf(f)]) : []));
    const some = all.filter((v): v is string => v !== undefined && selection.fields.get(f)?.has(v) !== false);
    values.set(f, new Set(some));
  }
  for (let changed = true; changed; ) {
    changed = false;
    for (const t of tables) {
      for (const [i, f] of t.fields.entries()) {
        if (reaches(tables, selection, { field: f }, { table: t.name, field: f })) {
          for (const r of rows.get(t.name)!) {
            const v = t.rows[r]![i];
            if (v !== undefined && values.get(f)!.has(v)) continue;
            rows.get(t.name)!.delete(r);
            changed = true;
          }
        }
        if (reaches(tables, selection, { table: t.name }, { table: t.name, field: f })) {
          const had = new Set([...rows.get(t.name)!].map((r) => t.rows[r]![i]));
          for (const v of values.get(f)!) if (!had.has(v)) changed = values.get(f)!.delete(v) || changed;
        }
      }
    }
  }
  return rows;
}

/** Can a selection be reached from here without the edge's other end? */
function reaches(
  tables: readonly BTable[],
  selection: BSelection,
  from: { table?: string; field?: string },
  edge: { table: string; field: string },
): boolean {
  const seen = new Set<string>([`T:${edge.table}`, `F:${edge.field}`]);
  const visit = (table: string | undefined, field: string | undefined): boolean => {
    if (table !== undefined) {
      if (selection.rows.has(table)) return true;
      const t = tables.find((x) => x.name === table)!;
      return t.fields.some((f) => {
        if (seen.has(`F:${f}`)) return false;
        seen.add(`F:${f}`);
        return visit(undefined, f);
      });
    }
    if (selection.fields.has(field!)) return true;
    return tables.some((t) => {
      if (!t.fields.includes(field!) || seen.has(`T:${t.name}`)) return false;
      seen.add(`T:${t.name}`);
      return visit(t.name, undefined);
    });
  };
  return visit(from.table, from.field);
}
