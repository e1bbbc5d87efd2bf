import type { Model, ModelColumn, ModelTable } from "../table/model.ts";
import { type Bits, hasBit, hasRow } from "../table/model-bits.ts";
import { encodeSymbols } from "../table/model-cells.ts";
import type { SymbolTable } from "../table/symbols.ts";
import type { AccessTable } from "./access-table.ts";
import type { AccessWorld, Entitlement } from "./grants.ts";

/** A value that no real app has; finding it in a reduced app is a leak. */
export const PLANTED = "qvault planted value";

/** Random numbers in [0, 1). */
export type Chance = () => number;

/**
 * The same app with other hidden content, for somebody who keeps `rows` and does not see `omitted`: hidden rows vanish
 * or get other values, omitted columns get other values, symbol tables are re-ordered and get symbols that no row uses.
 * Columns of `linking` (fields that link or are selected) keep their values, so that every visible row keeps its
 * partners and no hidden row finds one: what the user sees is the same by definition.
 */
export function changeHidden(
  model: Model,
  rows: readonly (Bits | undefined)[],
  omitted: ReadonlySet<number>,
  linking: ReadonlySet<number>,
  chance: Chance,
): Model {
  const orders: Int32Array[] = [];
  const domains = model.domains.map((d): SymbolTable => {
    const order = shuffled(d.count, chance);
    const place = new Int32Array(d.count);
    order.forEach((s, at) => {
      place[s] = at;
    });
    orders.push(place);
    return reordered(d, order);
  });
  const tables = model.tables.map((t, at): ModelTable => {
    const stays = Array.from({ length: t.rows }, (_, r) => r).filter((r) => hasRow(rows[at], r) || chance() < 0.5);
    const columns = t.columns.map((c): ModelColumn => {
      const place = orders[c.domain]!;
      const free = !linking.has(c.field);
      const planted = place.length;
      const index = Int32Array.from(stays, (r) => {
        const hidden = free && (omitted.has(c.field) || !hasRow(rows[at], r));
        if (hidden && chance() < 0.7) return chance() < 0.5 ? planted : Math.floor(chance() * place.length);
        const s = c.index[r]!;
        return s < 0 ? -1 : place[s]!;
      });
      return { ...c, index };
    });
    return { ...t, rows: stays.length, columns };
  });
  return { ...model, domains, tables };
}

/**
 * Section access without the rows of others, or as it is where a star of this user stands for values that others list.
 */
export function withoutOthers(world: AccessWorld, entitlement: Entitlement): readonly AccessTable[] {
  const starred = world.tables.some((t, table) =>
    t.rows.some((row, r) => hasBit(entitlement.rows[table]!, r) && row.includes("any")),
  );
  if (starred) return world.tables;
  return world.tables.map((t, table) => ({ ...t, rows: t.rows.filter((_, r) => hasBit(entitlement.rows[table]!, r)) }));
}

/** The same entries, byte by byte, in another order, and one that no row uses. */
function reordered(from: SymbolTable, order: Int32Array): SymbolTable {
  const planted = encodeSymbols([PLANTED]);
  const end = from.starts[from.count]!;
  const bytes = new Uint8Array(end + planted.bytes.length);
  const starts = new Uint32Array(from.count + 2);
  order.forEach((s, i) => {
    bytes.set(from.bytes.subarray(from.starts[s], from.starts[s + 1]), starts[i]);
    starts[i + 1] = starts[i]! + from.starts[s + 1]! - from.starts[s]!;
  });
  bytes.set(planted.bytes, end);
  starts[from.count + 1] = bytes.length;
  return { bytes, starts, count: from.count + 1 };
}

function shuffled(count: number, chance: Chance): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(chance() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
