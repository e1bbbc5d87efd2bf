import { QErr } from "../errors.ts";
import type { Cell } from "../table/dual.ts";
import { hasBit, hasRow } from "../table/model-bits.ts";
import type { Forest } from "../table/model-forest.ts";
import type { Graph, Key } from "../table/model-graph.ts";
import { domainsOf, identityOf } from "../table/model-identity.ts";
import { symbolCell } from "../table/symbols.ts";
import type { Outcome, ReducibleApp } from "./admit.ts";
import { type GrantPlace, grantsFor } from "./explain-user.ts";
import { selectionBeyond } from "./reach.ts";
import type { Rules } from "./rules.ts";
import type { Kept, Selection } from "./sweep.ts";

/** Why one row of one table is, or is not, seen. For owners and auditors: it quotes data. */
export interface RowExplanation {
  readonly kept: boolean;
  /** The way to every selected value that supports the row, or the first way that ends. */
  readonly steps: readonly RowStep[];
}

export interface RowStep {
  readonly table: string;
  /** Row of the table, in the unreduced app; -1 for a combination of a synthetic key. */
  readonly row: number;
  readonly field: string;
  /** `undefined` for a synthetic key, which has no value of its own. */
  readonly value: Cell | undefined;
  /**
   * `selected`: the value is selected · `linked`: the next step is a row with this value · `not selected`: the value is
   * outside the selection · `null`: NULL links nothing · `no partner`: no row beyond has this value
   * · `not possible`: the value is excluded, and this row is of a loosely coupled table
   */
  readonly because: "selected" | "linked" | "not selected" | "null" | "no partner" | "not possible";
  /** Section access rows, of whomever, that list the value. */
  readonly grants: readonly GrantPlace[];
}

/** Explains row `row` of table `table` (ordinal in the model). Throws `TABLE_ROWS` if there is no such row. */
export function explainRow(
  app: ReducibleApp,
  outcome: Outcome,
  rules: Rules,
  table: number,
  row: number,
): RowExplanation {
  const rows = app.model.tables[table]?.rows ?? 0;
  if (!(row >= 0 && row < rows)) throw new QErr("TABLE_ROWS", `the table has ${rows} rows; rows count from 0`);
  const forest = app.forest(rules.loops);
  const part = outcome.parts.find((p) => hasRow(p.kept.rows[table], row)) ?? outcome.parts[0];
  if (part === undefined) return { kept: true, steps: [] };
  const teller = new Teller(app, forest, part.selection, part.kept);
  const kept = hasRow(part.kept.rows[table], row);
  return {
    kept,
    steps: kept
      ? teller.support(table, row, undefined, new Set([table]))
      : teller.refusal(table, row, undefined, new Set()),
  };
}

/** Values are looked up row by row on the way only: a way is as long as the model is deep. */
class Teller {
  readonly #app: ReducibleApp;
  readonly #forest: Forest;
  readonly #graph: Graph;
  readonly #selection: Selection;
  readonly #kept: Kept;

  constructor(app: ReducibleApp, forest: Forest, selection: Selection, kept: Kept) {
    this.#app = app;
    this.#forest = forest;
    this.#graph = forest.graph;
    this.#selection = selection;
    this.#kept = kept;
  }

  /** One supporting step per way on which a selection lies; a circle that is kept is gone round once. */
  support(table: number, row: number, from: number | undefined, seen: Set<number>): RowStep[] {
    const out: RowStep[] = [];
    for (const key of this.#asked(table, from)) {
      const v = valueAt(key, row);
      if (this.#selection.values.has(key.node)) out.push(this.#step(table, row, key, "selected"));
      for (const next of this.#tablesBeyond(key.node, table)) {
        const partner = seen.has(next) ? -1 : this.#firstRow(next, key.node, v, true);
        if (partner < 0) continue;
        seen.add(next);
        out.push(this.#step(table, row, key, "linked"), ...this.support(next, partner, key.node, seen));
      }
    }
    return out;
  }

  /** The first way that ends, to where it ends. */
  refusal(table: number, row: number, from: number | undefined, seen: Set<string>): RowStep[] {
    seen.add(`${table} ${row}`);
    for (const key of this.#asked(table, from)) {
      const v = valueAt(key, row);
      if (v < 0) return [this.#step(table, row, key, "null")];
      const state = this.#kept.states[key.node];
      if (state === undefined || hasBit(state, v + 1)) continue;
      const selected = this.#selection.values.get(key.node);
      if (selected !== undefined && !hasBit(selected, v + 1)) return [this.#step(table, row, key, "not selected")];
      if (this.#forest.loose[table]) return [this.#step(table, row, key, "not possible")];
      for (const next of this.#tablesBeyond(key.node, table)) {
        if (this.#firstRow(next, key.node, v, true) >= 0) continue;
        const partner = this.#firstRow(next, key.node, v, false);
        if (partner < 0 || seen.has(`${next} ${partner}`)) return [this.#step(table, row, key, "no partner")];
        const beyond = this.refusal(next, partner, key.node, seen);
        // Without a reason of its own the partner was lost for this side's sake: another key of this row has it.
        if (beyond.length > 0) return [this.#step(table, row, key, "linked"), ...beyond];
      }
    }
    return this.#combinationGone(table, row, seen);
  }

  /**
   * The row's combination in a synthetic table that lost it by being loose, or by holding the key of one that is. One
   * that has no reason of its own was lost for this row's sake.
   */
  #combinationGone(table: number, row: number, seen: Set<string>): RowStep[] {
    for (const key of this.#graph.tables[table]!.keys) {
      const made = this.#graph.tables.findIndex((t) => t.numbers === key.node);
      if (made < 0 || made === table || this.#kept.states[key.node] === undefined) continue;
      const combination = valueAt(key, row);
      if (combination < 0) return [this.#step(table, row, key, "null")];
      if (this.#firstRow(made, key.node, combination, true) >= 0) continue;
      const partner = this.#firstRow(made, key.node, combination, false);
      if (partner < 0) return [this.#step(table, row, key, "no partner")];
      const beyond = this.refusal(made, partner, key.node, seen);
      if (beyond.length > 0) return [this.#step(table, row, key, "linked"), ...beyond];
    }
    return [];
  }

  /** Keys through which a selection is asked for; those of a loose table all are, if their node was reached. */
  #asked(table: number, from: number | undefined): Key[] {
    return this.#graph.tables[table]!.keys.filter((key) => {
      if (key.node === from) return false;
      if (this.#forest.loose[table]) return this.#kept.states[key.node] !== undefined;
      return selectionBeyond(this.#forest, this.#selection, { table, node: key.node }, "node");
    });
  }

  #tablesBeyond(node: number, from: number): number[] {
    if (this.#forest.loose[from]) return [];
    return this.#graph.tables
      .map((t, table) => ({ t, table }))
      .filter(({ t, table }) => table !== from && !this.#forest.loose[table] && t.keys.some((k) => k.node === node))
      .filter(({ table }) => selectionBeyond(this.#forest, this.#selection, { table, node }, "table"))
      .map(({ table }) => table);
  }

  #firstRow(table: number, node: number, value: number, kept: boolean): number {
    const t = this.#graph.tables[table]!;
    const key = t.keys.find((k) => k.node === node)!;
    for (let r = 0; r < t.rows; r++) {
      if (valueAt(key, r) === value && (!kept || hasRow(this.#kept.rows[table], r))) return r;
    }
    return -1;
  }

  #step(table: number, row: number, key: Key, because: RowStep["because"]): RowStep {
    const t = this.#graph.tables[table]!;
    const node = this.#graph.nodes[key.node]!;
    const grants = this.#grants(node.field, valueAt(key, row));
    const value = node.field < 0 ? undefined : this.#cell(node.field, valueAt(key, row));
    return { table: t.name, row: t.table < 0 ? -1 : row, field: node.name, value, because, grants };
  }

  #cell(field: number, value: number): Cell {
    const found = this.#symbolOf(field, value);
    return found === undefined ? null : symbolCell(this.#graph.model.domains[found.domain]!, found.symbol);
  }

  #grants(field: number, value: number): GrantPlace[] {
    const found = field < 0 ? undefined : this.#symbolOf(field, value);
    if (found === undefined || this.#app.access === undefined) return [];
    const identity = identityOf(this.#graph.model.domains[found.domain]!, found.symbol);
    return grantsFor(this.#app.access, this.#graph.model.fields[field]!.name, identity);
  }

  #symbolOf(field: number, value: number): { domain: number; symbol: number } | undefined {
    if (value < 0) return undefined;
    for (const domain of domainsOf(this.#graph.model, field)) {
      const ids = this.#graph.ids.get(field)!.ofDomain.get(domain);
      const symbol = ids === undefined ? value : ids.indexOf(value);
      if (symbol >= 0 && symbol < this.#graph.model.domains[domain]!.count) return { domain, symbol };
    }
    return undefined;
  }
}

function valueAt(key: Key, row: number): number {
  const s = key.index[row]!;
  return s < 0 ? -1 : key.ids === undefined ? s : key.ids[s]!;
}
