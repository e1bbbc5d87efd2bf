import type { Model } from "../table/model.ts";
import { buildForest, type Forest, type Loops } from "../table/model-forest.ts";
import type { AccessTable } from "./access-table.ts";
import { type AccessWorld, type Entitlement, entitle, prepareAccess } from "./grants.ts";
import { attributesOf, type User } from "./identity.ts";
import { propagate, unite } from "./propagate.ts";
import type { Rules } from "./rules.ts";
import { type Denied, omittedFields, pool, selectIn } from "./select.ts";
import { type RowOps, SCRIPT_OPS } from "./semijoin.ts";
import type { Kept, Selection } from "./sweep.ts";
import { tuplesOf } from "./tuples.ts";

/** One version of an app with its section access: prepared once, no user in it. */
export interface ReducibleApp {
  readonly model: Model;
  /** `undefined` if the app has no section access: everybody sees everything. */
  readonly access: AccessWorld | undefined;
  /** The loops that reductions run; one reduction at a time. */
  readonly ops: RowOps;
  /** Built on first use and kept. */
  forest(loops: Loops): Forest;
}

export interface Allowed {
  readonly denied: false;
  readonly level: "ADMIN" | "USER";
  /** One, or one per tuple; the rows of all together stay. */
  readonly selections: readonly Selection[];
  /** Fields to remove, by ordinal. */
  readonly omitted: ReadonlySet<number>;
  readonly entitlement: Entitlement | undefined;
}

export function prepareApp(
  model: Model,
  access: readonly AccessTable[] | undefined,
  loosened: readonly string[] = [],
  ops: RowOps = SCRIPT_OPS,
): ReducibleApp {
  const world = access === undefined ? undefined : prepareAccess(access);
  const selectable = world?.columns.map((c) => c.field) ?? [];
  const forests = new Map<Loops, Forest>();
  return {
    model,
    access: world,
    ops,
    forest(loops) {
      let forest = forests.get(loops);
      if (forest === undefined) {
        forest = buildForest(model, { selectable, loops, loosened });
        forests.set(loops, forest);
      }
      return forest;
    },
  };
}

/** Whether a user gets in, and with which selection. The data rows are not touched. */
export function decide(app: ReducibleApp, user: User, rules: Rules): Denied | Allowed {
  if (app.access === undefined) {
    const nothing = { selections: [], omitted: new Set<number>(), entitlement: undefined };
    return { denied: false, level: "USER", ...nothing };
  }
  const entitlement = entitle(app.access, attributesOf(user, rules), rules);
  if (entitlement.level === undefined) return { denied: true, reasons: ["NO_ACCESS_LEVEL"] };
  const level = entitlement.level;
  const forest = app.forest(rules.loops);
  const granted = rules.combine === "pooled" ? [pool(app.access, entitlement)] : tuplesOf(app.access, entitlement);
  const chosen = granted.map((g) => selectIn(forest, g, level, rules));
  const selections = chosen.filter((s): s is Selection => !("denied" in s));
  if (selections.length === 0) {
    return { denied: true, reasons: [...new Set(chosen.flatMap((s) => ("denied" in s ? s.reasons : [])))] };
  }
  const omitted = omittedFields(app.model, entitlement.omit, rules);
  if ("denied" in omitted) return omitted;
  return { denied: false, level, selections, omitted, entitlement };
}

/** What is left of the data for one user. */
export interface Outcome {
  readonly denied: false;
  readonly kept: Kept;
  /** What each selection leaves by itself; `kept` unites them. Empty if nothing was selected. */
  readonly parts: readonly { readonly selection: Selection; readonly kept: Kept }[];
}

/** Carries the selections out: which rows of which tables stay. What the loops kept for themselves is wiped. */
export function carryOut(app: ReducibleApp, allowed: Allowed, rules: Rules): Denied | Outcome {
  const forest = app.forest(rules.loops);
  try {
    if (allowed.selections.length === 0) {
      return { denied: false, kept: propagate(forest, { values: new Map() }, app.ops), parts: [] };
    }
    const all = allowed.selections.map((selection) => ({ selection, kept: propagate(forest, selection, app.ops) }));
    // A tuple of which nothing is left in one component grants nothing in the others either.
    const some = all.filter(({ kept }) => kept.emptied.length === 0);
    if (some.length === 0 && rules.onEmpty === "deny") return { denied: true, reasons: ["EMPTY_RESULT"] };
    const parts = some.length > 0 ? some : all;
    return { denied: false, kept: parts.map(({ kept }) => kept).reduce(unite), parts };
  } finally {
    app.ops.wipe();
  }
}
