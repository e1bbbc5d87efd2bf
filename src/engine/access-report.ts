import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isQErr, QErr } from "../errors.ts";
import { carryOut, decide, type ReducibleApp } from "../reduce/admit.ts";
import { readCase } from "../reduce/case-format.ts";
import { runCase } from "../reduce/case-run.ts";
import { type AccessDiff, diffAccess, type Side } from "../reduce/diff.ts";
import { explainRow, type RowExplanation } from "../reduce/explain-row.ts";
import { explainUser, type UserExplanation } from "../reduce/explain-user.ts";
import type { Finding } from "../reduce/finding.ts";
import type { User } from "../reduce/identity.ts";
import { lint } from "../reduce/lint.ts";
import { type AccessMatrix, accessMatrix, keptRows, omittedNames } from "../reduce/matrix.ts";
import type { Rules } from "../reduce/rules.ts";
import { tableNamed } from "../table/model.ts";
import { readSmallText } from "./small-file.ts";

export type { AccessDiff } from "../reduce/diff.ts";
export type { RowExplanation } from "../reduce/explain-row.ts";
export type { UserExplanation } from "../reduce/explain-user.ts";
export type { Finding } from "../reduce/finding.ts";
export type { User } from "../reduce/identity.ts";
export type { AccessMatrix } from "../reduce/matrix.ts";
export { MODES, type Mode, type Rules, rulesOf } from "../reduce/rules.ts";

/** How one policy case went. */
export interface CaseReport {
  readonly file: string;
  readonly ok: boolean;
  readonly differences: readonly string[];
}

/** Runs policy cases: files, and all `.json` files directly in folders. A file that is no case is a difference. */
export async function testCases(names: readonly string[]): Promise<CaseReport[]> {
  const files: string[] = [];
  for (const name of names) {
    const isFolder = (await stat(name).catch(() => undefined))?.isDirectory() === true;
    const inside = isFolder ? (await readdir(name)).filter((f) => f.endsWith(".json")).sort() : [];
    if (isFolder && inside.length === 0) throw new QErr("SOURCE_NOT_FOUND", `${name} holds no policy case`);
    files.push(...(isFolder ? inside.map((f) => join(name, f)) : [name]));
  }
  const out: CaseReport[] = [];
  for (const file of files) {
    try {
      out.push({ file, ...runCase(readCase(await readSmallText(file))) });
    } catch (error) {
      if (!isQErr(error) || error.code === "SOURCE_NOT_FOUND") throw error;
      out.push({ file, ok: false, differences: [`${error.message} (${error.code})`] });
    }
  }
  return out;
}

/** What a user sees, with the reasons. For owners and auditors only. */
export interface Explanation {
  readonly denied: readonly string[] | undefined;
  readonly user: UserExplanation;
  readonly tables: readonly { readonly table: string; readonly rows: number; readonly kept: number }[];
  readonly omitted: readonly string[];
  readonly row: RowExplanation | undefined;
}

/** @throws `TABLE_ROWS` if the row is not there, `USAGE` if the table is not */
export function explain(
  app: ReducibleApp,
  user: User,
  rules: Rules,
  place?: { readonly table: string; readonly row: number },
): Explanation {
  const table = place === undefined ? -1 : tableNamed(app.model, place.table);
  if (place !== undefined && table < 0) {
    const names = app.model.tables.map((t) => t.name).join(", ");
    throw new QErr("USAGE", `there is no table "${place.table}"`, { hint: `tables: ${names}` });
  }
  const about = explainUser(app, user, rules);
  const decision = decide(app, user, rules);
  const outcome = decision.denied ? decision : carryOut(app, decision, rules);
  if (decision.denied || outcome.denied) {
    const reasons = decision.denied ? decision.reasons : outcome.denied ? outcome.reasons : [];
    return { denied: reasons, user: about, tables: [], omitted: [], row: undefined };
  }
  const users = app.model.tables.filter((t) => !t.synthetic);
  const kept = keptRows(app.model, outcome);
  return {
    denied: undefined,
    user: about,
    tables: users.map((t, i) => ({ table: t.name, rows: t.rows, kept: kept[i]! })),
    omitted: omittedNames(app.model, decision),
    row: place === undefined ? undefined : explainRow(app, outcome, rules, table, place.row),
  };
}

export interface Comparison extends AccessDiff {
  readonly deniedA: readonly string[] | undefined;
  readonly deniedB: readonly string[] | undefined;
}

/** What one user sees beyond the other; somebody who is denied sees nothing. */
export function compare(app: ReducibleApp, a: User, b: User, rules: Rules): Comparison {
  const sides = [a, b].map((user): { side: Side | undefined; denied: readonly string[] | undefined } => {
    const decision = decide(app, user, rules);
    if (decision.denied) return { side: undefined, denied: decision.reasons };
    const outcome = carryOut(app, decision, rules);
    if (outcome.denied) return { side: undefined, denied: outcome.reasons };
    return { side: { outcome, omitted: decision.omitted }, denied: undefined };
  });
  const [x, y] = [sides[0]!, sides[1]!];
  return { ...diffAccess(app.model, x.side, y.side), deniedA: x.denied, deniedB: y.denied };
}

export function matrixOf(app: ReducibleApp, rules: Rules): AccessMatrix {
  return accessMatrix(app, rules);
}

/** Findings about the section access of an app. `directory`: names that exist, one a line. */
export function lintAccess(app: ReducibleApp, rules: Rules, directory?: ReadonlySet<string>): Finding[] {
  return lint(app, { rules, directory });
}
