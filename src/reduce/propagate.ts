import { type Bits, isEmptySet, orInto } from "../table/model-bits.ts";
import type { Component, Forest } from "../table/model-forest.ts";
import { sweepLoops } from "./fixpoint.ts";
import { keepLoose } from "./loose.ts";
import { type RowOps, SCRIPT_OPS } from "./semijoin.ts";
import { type Kept, narrow, type Selection, type Sweep, scatter, test } from "./sweep.ts";

/**
 * Carries a selection through the associations. On a tree two sweeps reach the exact result: a row stays if and only
 * if rows of all tables between it and the selected fields agree with it and with the selection. NULL links nothing.
 * A branch without any selection demands nothing (outer join). Cost: each key column of a reached component is read
 * at most four times.
 */
export function propagate(forest: Forest, selection: Selection, ops: RowOps = SCRIPT_OPS): Kept {
  const { graph } = forest;
  const sweep: Sweep = {
    forest,
    selection,
    ops,
    rows: graph.tables.map((_, t) => copyOf(selection.rows?.get(t))),
    states: graph.nodes.map((_, n) => copyOf(selection.values.get(n))),
  };
  const reached = forest.components.filter((component) => isReached(component, selection));
  for (const component of reached) {
    if (component.tree) sweepTree(sweep, component);
    else sweepLoops(sweep, component);
  }
  keepLoose(sweep);
  const emptied = reached.filter(({ order }) =>
    order.every((s) => s.kind === "node" || isEmptySet(sweep.rows[s.table]!)),
  );
  return { rows: sweep.rows, states: sweep.states, emptied: emptied.map((c) => forest.components.indexOf(c)) };
}

function isReached(component: Component, selection: Selection): boolean {
  return component.order.some((s) => (s.kind === "node" ? selection.values.has(s.node) : selection.rows?.has(s.table)));
}

function sweepTree(sweep: Sweep, component: Component): void {
  const inBranch = sweepUp(sweep, component);
  sweepDown(sweep, component, inBranch);
}

interface Branches {
  /** Selections in the branch that hangs at a table, at a node, and in all. */
  readonly table: ReadonlyMap<number, number>;
  readonly node: ReadonlyMap<number, number>;
  readonly all: number;
}

/** Leaves to root: afterwards the root is exact, and every other set is exact for its own branch. */
function sweepUp(sweep: Sweep, component: Component): Branches {
  const { selection } = sweep;
  const table = new Map<number, number>();
  const node = new Map<number, number>();
  let all = 0;
  for (const step of component.order.toReversed()) {
    if (step.kind === "node") {
      let count = selection.values.has(step.node) ? 1 : 0;
      for (const child of step.children) {
        if (table.get(child.table) === 0) continue;
        count += table.get(child.table)!;
        narrow(sweep, step.node, scatter(sweep, child.table, child.key));
      }
      node.set(step.node, count);
    } else {
      let count = selection.rows?.has(step.table) ? 1 : 0;
      for (const key of step.children) {
        if (node.get(key.node) === 0) continue;
        count += node.get(key.node)!;
        test(sweep, step.table, key);
      }
      table.set(step.table, count);
      all = count;
    }
  }
  return { table, node, all };
}

/** Root to leaves: each branch learns what the rest of the tree demands, if there is a selection in the rest. */
function sweepDown(sweep: Sweep, component: Component, inBranch: Branches): void {
  for (const step of component.order) {
    if (step.kind === "node") {
      const demanded = inBranch.all > inBranch.node.get(step.node)!;
      if (demanded) narrow(sweep, step.node, scatter(sweep, step.parent.table, step.parent.key));
    } else if (step.parent !== undefined && inBranch.all > inBranch.table.get(step.table)!) {
      test(sweep, step.table, step.parent);
    }
  }
}

/** Unites two outcomes of the same forest, e.g. of the tuples of one user. */
export function unite(into: Kept, other: Kept): Kept {
  const either = (a: Bits | undefined, b: Bits | undefined): Bits | undefined => {
    if (a === undefined || b === undefined) return undefined;
    const out = a.slice();
    orInto(out, b);
    return out;
  };
  return {
    rows: into.rows.map((a, t) => either(a, other.rows[t])),
    states: into.states.map((a, n) => either(a, other.states[n])),
    emptied: into.emptied.filter((c) => other.emptied.includes(c)),
  };
}

function copyOf(bits: Bits | undefined): Bits | undefined {
  return bits?.slice();
}
