import { fieldNamed, type Model } from "../table/model.ts";
import { type Bits, hasBit, noValues, setBit } from "../table/model-bits.ts";
import type { Forest } from "../table/model-forest.ts";
import { type Identity, identityOf } from "../table/model-identity.ts";
import { type AccessValue, accessIdentity, upper } from "./access-table.ts";
import { type AccessWorld, type Entitlement, valuesOf } from "./grants.ts";
import type { Rules } from "./rules.ts";
import type { Selection } from "./sweep.ts";

/** Denied, with every reason that holds; the first is the one to report. For the audit only, never for the user. */
export interface Denied {
  readonly denied: true;
  readonly reasons: readonly string[];
}

/** The values of one user per section access column; `undefined` entries are columns without a value for him. */
export type Granted = ReadonlyMap<string, readonly AccessValue[]>;

/** All values of each reduction field, over all rows of the user: pooled per field (R20). */
export function pool(world: AccessWorld, entitlement: Entitlement): Granted {
  return new Map(
    world.columns.map(({ field, places }) => {
      const values = places.flatMap(({ table, column }) => {
        return valuesOf(world.tables[table]!, column, entitlement.rows[table]!);
      });
      return [field, values];
    }),
  );
}

/**
 * Copies granted values as a selection into the app fields of exactly the same name. A column without such a field
 * is a link or a helper of the author; one that differs in case only is refused if the rules say so (R19).
 */
export function selectIn(forest: Forest, granted: Granted, level: "ADMIN" | "USER", rules: Rules): Selection | Denied {
  const { graph } = forest;
  const values = new Map<number, Bits>();
  const reasons: string[] = [];
  for (const [field, listed] of granted) {
    const ordinal = fieldNamed(graph.model, field);
    if (ordinal < 0) {
      if (rules.fieldCase === "strict" && sameButForCase(graph.model, field)) reasons.push(`FIELD_CASE:${field}`);
      continue;
    }
    const node = graph.nodeOfField[ordinal]!;
    const selected = noValues(graph.nodes[node]!.size);
    let some = false;
    for (const value of listed) {
      const id = graph.ids.get(ordinal)!.find(accessIdentity(value));
      if (id < 0 || !occurs(forest, node, id)) continue;
      setBit(selected, id + 1);
      some = true;
    }
    if (some) values.set(node, selected);
    // Strict exclusion does not apply to ADMIN (R29).
    else if (level === "USER" && rules.strictExclusion) reasons.push(`NO_REDUCTION_MATCH:${field}`);
  }
  return reasons.length > 0 ? { denied: true, reasons } : { values };
}

/** True if some row has the value; a symbol table may hold values that no row uses. */
function occurs(forest: Forest, node: number, id: number): boolean {
  return forest.graph.tables.some((t, table) => {
    return t.keys.some((k, at) => k.node === node && hasBit(forest.profiles[table]![at]!.present, id + 1));
  });
}

export function sameButForCase(model: Model, field: string): boolean {
  return model.fields.some((f) => f.name !== field && upper(f.name) === upper(field));
}

/** Ordinals of the fields to remove; names match whatever their case (R33). */
export function omittedFields(model: Model, names: readonly string[], rules: Rules): Set<number> | Denied {
  const wanted = new Set(names.map(upper));
  const out = new Set<number>();
  const found = new Set<string>();
  model.fields.forEach((f, i) => {
    if (!wanted.has(upper(f.name))) return;
    out.add(i);
    found.add(upper(f.name));
  });
  const unknown = [...wanted].filter((name) => !found.has(name));
  if (rules.unknownOmit === "deny" && unknown.length > 0) {
    return { denied: true, reasons: unknown.map((name) => `UNKNOWN_OMIT:${name}`) };
  }
  return out;
}

/** A selection as plain values per field, for those who must not trust the numbering of the graph. */
export function plainSelection(forest: Forest, selection: Selection): Map<number, Set<Identity>> {
  const { graph } = forest;
  const out = new Map<number, Set<Identity>>();
  for (const [node, bits] of selection.values) {
    const field = graph.nodes[node]!.field;
    const values = new Set<Identity>();
    for (const [domain, ids] of graph.ids.get(field)!.ofDomain) {
      const symbols = graph.model.domains[domain]!;
      for (let s = 0; s < symbols.count; s++) {
        if (hasBit(bits, (ids === undefined ? s : ids[s]!) + 1)) values.add(identityOf(symbols, s));
      }
    }
    out.set(field, values);
  }
  return out;
}
