/**
 * The associative model straight from the definitions, for tiny tables only: every answer is found by trying all rows.
 * Nothing here is shared with src/reduce or src/table/model*; values are plain strings, NULL is undefined.
 */
export interface BTable {
  readonly name: string;
  readonly fields: readonly string[];
  readonly rows: readonly (readonly (string | undefined)[])[];
  readonly made?: boolean;
  readonly loose?: boolean;
}

export interface BSelection {
  readonly fields: ReadonlyMap<string, ReadonlySet<string>>;
  readonly rows: ReadonlyMap<string, ReadonlySet<number>>;
}

/** Synthetic keys: while two tables share two fields or more, the largest shared set becomes one field. */
export function withSyntheticKeys(tables: readonly BTable[]): BTable[] {
  let now = [...tables];
  for (let k = 1; ; k++) {
    let common: string[] = [];
    for (const [i, a] of now.entries()) {
      for (const b of now.slice(i + 1)) {
        const both = a.fields.filter((f) => b.fields.includes(f));
        if (both.length >= 2 && both.length > common.length) common = both;
      }
    }
    if (common.length === 0) return now;
    const name = `$Syn ${k}`;
    const combos = new Map<string, (string | undefined)[]>();
    now = now.map((t) => {
      if (!common.every((f) => t.fields.includes(f))) return t;
      const rest = t.fields.filter((f) => !common.includes(f));
      const rows = t.rows.map((row) => {
        const parts = common.map((f) => row[t.fields.indexOf(f)]);
        const combo = JSON.stringify([parts.includes(undefined) ? t.name : null, parts.map((p) => p ?? null)]);
        combos.set(combo, parts);
        return [...rest.map((f) => row[t.fields.indexOf(f)]), combo];
      });
      return { ...t, fields: [...rest, name], rows };
    });
    now.push({
      name: `${name} Table`,
      fields: [...common, name],
      rows: [...combos].map(([c, parts]) => [...parts, c]),
      made: true,
    });
  }
}

/** Marks tables loose until no circle is left: the longest table of a circle, real ones before made ones. */
export function withoutLoops(tables: readonly BTable[], asked: readonly string[]): BTable[] {
  let now = tables.map((t) => ({ ...t, loose: t.loose === true || asked.includes(t.name) }));
  for (;;) {
    const inLoop = now.filter((t) => !t.loose && onCircle(now, t));
    if (inLoop.length === 0) return now;
    const real = inLoop.filter((t) => t.made !== true);
    const from = real.length > 0 ? real : inLoop;
    const longest = from.reduce((a, b) => (b.rows.length > a.rows.length ? b : a));
    now = now.map((t) => (t === longest ? { ...t, loose: true } : t));
  }
}

/** Is there a way from the table back to itself that uses no table and no field twice? */
function onCircle(tables: readonly BTable[], start: BTable): boolean {
  const walk = (table: BTable, usedTables: readonly BTable[], usedFields: readonly string[]): boolean => {
    return table.fields.some((f) => {
      if (usedFields.includes(f)) return false;
      return tables.some((t) => {
        if (t.loose === true || !t.fields.includes(f) || t === table) return false;
        if (t === start) return true;
        return !usedTables.includes(t) && walk(t, [...usedTables, t], [...usedFields, f]);
      });
    });
  };
  return walk(start, [], []);
}

const T = (t: BTable): string => `T:${t.name}`;
const F = (f: string): string => `F:${f}`;

/** Vertices of the smallest subtree that contains the required ones, or all that are connected if that is no tree. */
function subtree(tables: readonly BTable[], required: readonly string[]): Set<string> {
  const edges = tables.flatMap((t) => t.fields.map((f) => [T(t), F(f)] as const));
  const inside = new Set([required[0]!]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const [a, b] of edges) {
      if (inside.has(a) === inside.has(b)) continue;
      inside.add(a).add(b);
      grew = true;
    }
  }
  for (let cut = true; cut; ) {
    cut = false;
    for (const v of inside) {
      if (required.includes(v)) continue;
      const degree = edges.filter(([a, b]) => inside.has(a) && inside.has(b) && (a === v || b === v)).length;
      if (degree > 1) continue;
      inside.delete(v);
      cut = true;
    }
  }
  return inside;
}

function connected(tables: readonly BTable[], from: string): Set<string> {
  const seen = new Set([from]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const t of tables) {
      for (const f of t.fields) {
        if (seen.has(T(t)) === seen.has(F(f))) continue;
        seen.add(T(t)).add(F(f));
        grew = true;
      }
    }
  }
  return seen;
}

/** Required vertices of the component of `from`: selected fields and tables with selected rows. */
function selectedAround(tables: readonly BTable[], from: string, selection: BSelection): string[] {
  const around = connected(tables, from);
  const fields = [...selection.fields.keys()].map(F).filter((v) => around.has(v));
  return [
    ...fields,
    ...tables
      .filter((t) => selection.rows.has(t.name))
      .map(T)
      .filter((v) => around.has(v)),
  ];
}

/** Is there a row for every table of the subtree such that all agree? `fixed` gives rows or field values in advance. */
function agree(
  tables: readonly BTable[],
  inside: ReadonlySet<string>,
  selection: BSelection,
  fixed: { table?: string; row?: number; field?: string; value?: string },
): boolean {
  const members = tables.filter((t) => inside.has(T(t)));
  const fields = new Map<string, string>();
  if (fixed.field !== undefined) {
    if (selection.fields.get(fixed.field)?.has(fixed.value!) === false) return false;
    fields.set(fixed.field, fixed.value!);
  }
  const place = (at: number, values: ReadonlyMap<string, string>): boolean => {
    const t = members[at];
    if (t === undefined) return true;
    return t.rows.some((row, r) => {
      if (fixed.table === t.name && fixed.row !== r) return false;
      if (selection.rows.get(t.name)?.has(r) === false) return false;
      const next = new Map(values);
      for (const [i, f] of t.fields.entries()) {
        if (!inside.has(F(f))) continue;
        const v = row[i];
        if (v === undefined || selection.fields.get(f)?.has(v) === false) return false;
        if (next.has(f) && next.get(f) !== v) return false;
        next.set(f, v);
      }
      return place(at + 1, next);
    });
  };
  return place(0, fields);
}

/** Is there a row for every table that hangs together with this one, such that all agree with it and the selection? */
export function hasWholeWitness(tables: readonly BTable[], selection: BSelection, table: BTable, row: number): boolean {
  return agree(tables, connected(tables, T(table)), selection, { table: table.name, row });
}

/** Rows that stay, per table, of tables whose associations form a forest (loose ones left out of it). */
export function possibleRows(all: readonly BTable[], selection: BSelection): Map<string, Set<number>> {
  const tables = all.filter((t) => t.loose !== true);
  const out = new Map<string, Set<number>>();
  for (const t of tables) {
    const required = selectedAround(tables, T(t), selection);
    const inside = subtree(tables, [T(t), ...required]);
    const rows = [...t.rows.keys()].filter(
      (row) => required.length === 0 || agree(tables, inside, selection, { table: t.name, row }),
    );
    out.set(t.name, new Set(rows));
  }
  for (const t of all.filter((x) => x.loose === true)) {
    const rows = t.rows
      .map((_, r) => r)
      .filter((r) => {
        if (selection.rows.get(t.name)?.has(r) === false) return false;
        return t.fields.every((f, i) => {
          const v = t.rows[r]![i];
          if (!tables.some((x) => x.fields.includes(f))) {
            const selected = selection.fields.get(f);
            return selected === undefined || (v !== undefined && selected.has(v));
          }
          const required = selectedAround(tables, F(f), selection);
          if (required.length === 0) return true;
          const inside = subtree(tables, [F(f), ...required]);
          return v !== undefined && agree(tables, inside, selection, { field: f, value: v });
        });
      });
    out.set(t.name, new Set(rows));
  }
  passOnMadeLoose(all, out);
  return out;
}

/** The cells of a made table are those of the tables that carry its key: what a loose one loses, they lose, and so on. */
function passOnMadeLoose(all: readonly BTable[], out: Map<string, Set<number>>): void {
  const shrunk = new Set(all.filter((t) => t.loose === true).map((t) => t.name));
  const sizes = () => [...out.values()].reduce((sum, rows) => sum + rows.size, 0);
  let before: number;
  do {
    before = sizes();
    for (const t of all) {
      if (t.made !== true || !shrunk.has(t.name)) continue;
      const key = t.name.replace(" Table", "");
      const kept = new Set([...out.get(t.name)!].map((r) => t.rows[r]![t.fields.indexOf(key)]));
      for (const holder of all) {
        const at = holder.fields.indexOf(key);
        if (holder === t || at < 0) continue;
        shrunk.add(holder.name);
        out.set(holder.name, new Set([...out.get(holder.name)!].filter((r) => kept.has(holder.rows[r]![at]))));
      }
    }
  } while (sizes() !== before);
}
