import { AS_ADMIN_NOTE } from "../table/admin-note.ts";
import type { Model } from "../table/model.ts";

/**
 * Proves that a reduced model is the kept rows and nothing else: cell by cell the bytes of the original, every symbol
 * used and in the order of first use, no omitted field, not even by name. Shares no code with compaction.
 *
 * Returns what is wrong, one sentence each, without a value; empty if nothing is.
 */
export function verifyCompaction(
  model: Model,
  rows: readonly (Uint32Array | undefined)[],
  omitted: ReadonlySet<number>,
  reduced: Model,
): string[] {
  const problems: string[] = [];
  const staying = model.tables
    .map((t, i) => ({ t, i }))
    .filter(({ t }) => t.columns.length === 0 || t.columns.some((c) => !omitted.has(c.field)));
  if (staying.length !== reduced.tables.length) return ["the reduced app has other tables"];
  const next = reduced.domains.map(() => 0);
  // Stored synthetic keys are numbered anew: there a number must stand for one old number, and no other for it.
  const made = new Map<number, Map<number, number>>();
  for (const t of model.tables.filter((x) => x.synthetic)) {
    for (const c of t.columns) if (`${model.fields[c.field]!.name} Table` === t.name) made.set(c.domain, new Map());
  }
  staying.forEach(({ t, i }, at) => {
    const now = reduced.tables[at]!;
    const columns = t.columns.filter((c) => !omitted.has(c.field));
    const kept = Array.from({ length: t.rows }, (_, r) => r).filter((r) => {
      return rows[i] === undefined || (rows[i][r >> 5]! & (1 << (r & 31))) !== 0;
    });
    if (now.name !== t.name || now.columns.length !== columns.length || now.rows !== kept.length) {
      problems.push(`table "${t.name}" has another shape`);
      return;
    }
    columns.forEach((old, c) => {
      const column = now.columns[c]!;
      const from = model.domains[old.domain]!;
      const to = reduced.domains[column.domain]!;
      if (model.fields[old.field]!.name !== reduced.fields[column.field]!.name)
        problems.push(`table "${t.name}" has other fields`);
      const equal = kept.every((r, k) => {
        const a = old.index[r]!;
        const b = column.index[k]!;
        if (a < 0 || b < 0) return a < 0 && b < 0;
        if (b > next[column.domain]!) return false;
        if (b === next[column.domain]) next[column.domain]!++;
        if (made.has(old.domain)) return sameNumber(made.get(old.domain)!, a, b);
        return sameBytes(
          from.bytes.subarray(from.starts[a], from.starts[a + 1]),
          to.bytes.subarray(to.starts[b], to.starts[b + 1]),
        );
      });
      if (!equal) problems.push(`a cell of "${t.name}" is not that of the original, or symbols are out of order`);
    });
  });
  reduced.domains.forEach((d, i) => {
    if (next[i] !== d.count || d.bytes.length !== d.starts[d.count])
      problems.push("a symbol table holds what no row uses");
  });
  const gone = [...omitted].map((f) => model.fields[f]!.name);
  const named = reduced.fields.some(
    (f) => gone.includes(f.name) || f.tags.some((tag) => gone.some((name) => tag === `$relates_${name}`)),
  );
  const said = [...reduced.fields, ...reduced.tables].map((x) => x.comment.replace(AS_ADMIN_NOTE, "").toUpperCase());
  const tells = gone.some((name) => name !== "" && said.some((text) => text.includes(name.toUpperCase())));
  if (named || tells) problems.push("an omitted field is still named");
  return problems;
}

/** New numbers come in order of first use, so one old number for each new one is enough. */
function sameNumber(known: Map<number, number>, old: number, now: number): boolean {
  if (!known.has(old) && known.size === now) known.set(old, now);
  return known.get(old) === now;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}
