import { type Cell, isDual } from "../table/dual.ts";
import { type Model, tableNamed } from "../table/model.ts";
import { type Bits, bitPositions } from "../table/model-bits.ts";
import { cellsOf, modelOfCells } from "../table/model-cells.ts";
import { domainsOf } from "../table/model-identity.ts";
import { symbolCell } from "../table/symbols.ts";
import { upper } from "./access-table.ts";
import { carryOut, decide, prepareApp } from "./admit.ts";
import type { Expectation, PolicyCase } from "./case-format.ts";
import { compact } from "./compact.ts";
import { withoutData } from "./no-data.ts";
import { type RowOps, SCRIPT_OPS } from "./semijoin.ts";

/** The verdict on one case. */
export interface CaseResult {
  readonly ok: boolean;
  /** What is not as expected, one line each; the values in them come from the case itself. */
  readonly differences: readonly string[];
}

/** What the evaluator makes of a case. */
export type CaseOutcome =
  | { readonly denied: true; readonly reasons: readonly string[] }
  | {
      readonly denied: false;
      readonly model: Model;
      /** Names of the omitted fields. */
      readonly omitted: readonly string[];
      /** Kept rows per table, by name. */
      readonly rowIds: ReadonlyMap<string, readonly number[]>;
    };

/** Opens the app of a case as its user; cases are small, so that the loops in TypeScript do. */
export function evaluateCase(policy: PolicyCase, ops: RowOps = SCRIPT_OPS): CaseOutcome {
  const app = prepareApp(modelOfCells(policy.tables), policy.access, policy.loosened, ops);
  if (policy.noData) {
    const none = new Map(policy.tables.map((t) => [t.name, []]));
    return { denied: false, model: withoutData(app.model), omitted: [], rowIds: none };
  }
  const decision = decide(app, policy.user, policy.rules);
  if (decision.denied) return decision;
  const outcome = carryOut(app, decision, policy.rules);
  if (outcome.denied) return outcome;
  const { kept } = outcome;
  const ids = (rows: Bits | undefined, all: number): number[] => {
    return rows === undefined ? Array.from({ length: all }, (_, r) => r) : [...bitPositions(rows)];
  };
  return {
    denied: false,
    model: compact(app.model, kept.rows, decision.omitted),
    omitted: [...decision.omitted].map((f) => app.model.fields[f]!.name),
    rowIds: new Map(app.model.tables.map((t, i) => [t.name, ids(kept.rows[i], t.rows)])),
  };
}

/** Runs a case and compares what comes out with what it expects. */
export function runCase(policy: PolicyCase, ops?: RowOps): CaseResult {
  const outcome = evaluateCase(policy, ops);
  const differences = outcome.denied ? deniedAgainst(outcome.reasons, policy.expect) : openedAgainst(outcome, policy);
  return { ok: differences.length === 0, differences };
}

function deniedAgainst(reasons: readonly string[], expect: Expectation): string[] {
  if (!expect.denied) return [`denied (${reasons.join(", ")}), expected to get in`];
  if (expect.reason === undefined || reasons.includes(expect.reason)) return [];
  return [`denied for ${reasons.join(", ")}, expected ${expect.reason}`];
}

function openedAgainst(outcome: Extract<CaseOutcome, { denied: false }>, policy: PolicyCase): string[] {
  const { expect } = policy;
  if (expect.denied)
    return [`gets in, expected to be denied${expect.reason === undefined ? "" : ` (${expect.reason})`}`];
  const out: string[] = [];
  const { model } = outcome;
  const differ = (what: string, got: unknown, wanted: unknown): void => {
    out.push(`${what}: got ${JSON.stringify(got)}, expected ${JSON.stringify(wanted)}`);
  };
  if (expect.omitted !== undefined) {
    const norm = (names: readonly string[]): string => names.map(upper).sort().join("\n");
    if (norm(outcome.omitted) !== norm(expect.omitted)) differ("omitted", outcome.omitted, expect.omitted);
  }
  if (expect.tables !== undefined) {
    // Without data a case may list the empty tables or leave them out.
    const unlisted = policy.noData ? [] : model.tables.filter((t) => !expect.tables!.has(t.name));
    for (const t of unlisted) out.push(`table ${t.name}: not expected`);
    for (const [name, wanted] of expect.tables) {
      const at = tableNamed(model, name);
      if (at < 0) {
        if (wanted.fields?.length !== 0) out.push(`table ${name}: missing`);
        continue;
      }
      const fields = model.tables[at]!.columns.map((c) => model.fields[c.field]!.name);
      const ids = outcome.rowIds.get(name)!;
      const rows = cellsOf(model, at);
      if (wanted.fields !== undefined && !same(fields, wanted.fields)) differ(`${name}.fields`, fields, wanted.fields);
      if (wanted.rowIds !== undefined && !same(ids, wanted.rowIds)) differ(`${name}.rowIds`, ids, wanted.rowIds);
      if (wanted.rows !== undefined && !same(rows, wanted.rows)) differ(`${name}.rows`, rows, wanted.rows);
    }
  }
  if (expect.symbols !== undefined) out.push(...symbolsAgainst(model, expect.symbols));
  return out;
}

function symbolsAgainst(model: Model, expected: ReadonlyMap<string, readonly Cell[]>): string[] {
  const out: string[] = [];
  const names = new Set([...model.fields.map((f) => f.name), ...expected.keys()]);
  for (const name of names) {
    const field = model.fields.findIndex((f) => f.name === name);
    const cells = domainsOf(model, field).flatMap((d) => allSymbols(model, d));
    const wanted = expected.get(name);
    if (wanted === undefined) {
      if (cells.length > 0) out.push(`symbols of ${name}: a field that is not expected`);
      continue;
    }
    const found = cells.filter((c) => !wanted.some((w) => sameSymbol(c, w)));
    const missing = wanted.filter((w) => !cells.some((c) => sameSymbol(c, w)));
    if (found.length > 0) out.push(`symbols of ${name}: ${JSON.stringify(found)} must not be there`);
    if (missing.length > 0) out.push(`symbols of ${name}: ${JSON.stringify(missing)} are missing`);
  }
  return out;
}

function allSymbols(model: Model, domain: number): Cell[] {
  const symbols = model.domains[domain]!;
  return Array.from({ length: symbols.count }, (_, s) => symbolCell(symbols, s));
}

/** A list of values may give a dual by its number alone. */
function sameSymbol(a: Cell, b: Cell): boolean {
  if (isDual(a) && isDual(b)) return a.number === b.number && a.text === b.text;
  if (isDual(a)) return a.number === b;
  return isDual(b) ? b.number === a : a === b;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
