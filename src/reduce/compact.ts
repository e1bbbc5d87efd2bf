import { AS_ADMIN_NOTE, isAdminMade } from "../table/admin-note.ts";
import type { Model, ModelColumn, ModelTable } from "../table/model.ts";
import { type Bits, bitPositions } from "../table/model-bits.ts";
import { storedKeyOf } from "../table/model-graph.ts";
import { FirstUse } from "./first-use.ts";
import { tagsOf } from "./tags.ts";

/** A tag that names another field, which may have been omitted. */
const RELATES = "$relates_";

/**
 * The model that is left: kept rows, symbols that a kept row uses in the order of their first use, fields that are not
 * omitted, facts about them counted anew. Nothing of the original is referred to, so nothing of it can be found.
 *
 * `rows` holds the kept rows per table of the model (`undefined`: all). Tables that lose every field go as a whole.
 */
export function compact(model: Model, rows: readonly (Bits | undefined)[], omitted: ReadonlySet<number>): Model {
  const uses = model.domains.map((d) => new FirstUse(d));
  const gone = [...omitted].map((f) => model.fields[f]!.name.toUpperCase()).filter((name) => name !== "");
  const staying = model.tables.map((t) => t.columns.filter((c) => !omitted.has(c.field)));
  const fieldAt = new Map<number, number>();
  const domainAt = new Map<number, number>();
  const tables: ModelTable[] = [];
  model.tables.forEach((t, at) => {
    const columns = staying[at]!;
    if (columns.length === 0 && t.columns.length > 0) return;
    const kept = rows[at] === undefined ? undefined : bitPositions(rows[at]);
    const compacted = columns.map((c): ModelColumn => {
      const index = uses[c.domain]!.renumber(c.index, kept);
      return { field: ordinal(fieldAt, c.field), domain: ordinal(domainAt, c.domain), index };
    });
    tables.push({ ...t, comment: without(gone, t.comment), rows: kept?.length ?? t.rows, columns: compacted });
  });
  const numbered = syntheticDomains(model);
  const domains = [...domainAt.keys()].map((d) => (numbered.has(d) ? uses[d]!.numbers() : uses[d]!.symbols()));
  const names = new Set([...fieldAt.keys()].map((f) => RELATES + model.fields[f]!.name));
  const fields = [...fieldAt].map(([f, now]) => {
    const field = model.fields[f]!;
    const mine = tables.flatMap((t) => t.columns.filter((c) => c.field === now));
    const symbols = [...new Set(mine.map((c) => c.domain))].map((d) => domains[d]!);
    const tags = tagsOf(field, symbols, mine.length);
    const comment = without(gone, field.comment);
    return { ...field, comment, tags: tags.filter((tag) => !tag.startsWith(RELATES) || names.has(tag)) };
  });
  return { fields, domains, tables };
}

/** A comment, or nothing of it if it names a field that is gone; that an administrator read the table stays said. */
function without(gone: readonly string[], comment: string): string {
  if (!gone.some((name) => comment.toUpperCase().includes(name))) return comment;
  return isAdminMade(comment) ? AS_ADMIN_NOTE : "";
}

/** Domains of stored synthetic keys: their symbols are bare numbers, whose gaps would count the hidden combinations. */
function syntheticDomains(model: Model): Set<number> {
  const out = new Set<number>();
  for (const t of model.tables) {
    const key = storedKeyOf(model, t);
    for (const c of t.columns) if (c.field === key) out.add(c.domain);
  }
  return out;
}

function ordinal(seen: Map<number, number>, of: number): number {
  const known = seen.get(of);
  if (known !== undefined) return known;
  seen.set(of, seen.size);
  return seen.size - 1;
}
