import type { Model } from "../table/model.ts";
import { countBits } from "../table/model-bits.ts";
import { type Allowed, carryOut, decide, type Outcome, type ReducibleApp } from "./admit.ts";
import { listedIdentities } from "./identities.ts";
import { reductionKey } from "./key.ts";
import type { Rules } from "./rules.ts";

/** What every listed identity sees. */
export interface AccessMatrix {
  readonly tables: readonly string[];
  /** Rows of each table, unreduced. */
  readonly rows: readonly number[];
  readonly lines: readonly MatrixLine[];
  /** How many different reductions there are among those who get in. */
  readonly distinct: number;
}

export interface MatrixLine {
  readonly identity: string;
  readonly denied: readonly string[] | undefined;
  readonly level: "ADMIN" | "USER" | undefined;
  /** Number of the reduction, 0 for the first; equal numbers see the same. */
  readonly reduction: number | undefined;
  /** Kept rows per table. */
  readonly rows: readonly number[];
  readonly omitted: readonly string[];
}

export function accessMatrix(app: ReducibleApp, rules: Rules): AccessMatrix {
  const known = new Map<string, { number: number; outcome: ReturnType<typeof carryOut> }>();
  let reductions = 0;
  const lines = (app.access === undefined ? [] : listedIdentities(app.access)).map(({ label, user }): MatrixLine => {
    const decision = decide(app, user, rules);
    if (decision.denied) return deniedLine(label, decision.reasons);
    const key = reductionKey(decision, rules).join(",");
    let found = known.get(key);
    if (found === undefined) {
      const outcome = carryOut(app, decision, rules);
      found = { number: reductions, outcome };
      if (!outcome.denied) reductions++;
      known.set(key, found);
    }
    if (found.outcome.denied) return deniedLine(label, found.outcome.reasons);
    return {
      identity: label,
      denied: undefined,
      level: decision.level,
      reduction: found.number,
      rows: keptRows(app.model, found.outcome),
      omitted: omittedNames(app.model, decision),
    };
  });
  const tables = app.model.tables.filter((t) => !t.synthetic);
  return { tables: tables.map((t) => t.name), rows: tables.map((t) => t.rows), lines, distinct: reductions };
}

function deniedLine(identity: string, reasons: readonly string[]): MatrixLine {
  return { identity, denied: reasons, level: undefined, reduction: undefined, rows: [], omitted: [] };
}

/** Kept rows per table of the user. */
export function keptRows(model: Model, outcome: Outcome): number[] {
  return model.tables.flatMap((t, i) => {
    const bits = outcome.kept.rows[i];
    return t.synthetic ? [] : [bits === undefined ? t.rows : countBits(bits)];
  });
}

export function omittedNames(model: Model, allowed: Allowed): string[] {
  return [...allowed.omitted].map((f) => model.fields[f]!.name);
}
