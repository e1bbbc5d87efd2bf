import { isQErr, needs } from "../errors.ts";
import { MAX_LINT_COMBINATIONS } from "../limits.ts";
import { fieldNamed } from "../table/model.ts";
import { type Bits, countBits, orInto } from "../table/model-bits.ts";
import { type AccessCell, accessIdentity } from "./access-table.ts";
import { type Allowed, carryOut, decide, type Outcome, type ReducibleApp } from "./admit.ts";
import type { Finding, LintOptions } from "./finding.ts";
import { type AccessWorld, type Entitlement, entitle, isUsed } from "./grants.ts";
import { isKnown, listedIdentities } from "./identities.ts";
import { attributesOf, type User } from "./identity.ts";
import type { Rules } from "./rules.ts";
import { type Denied, type Granted, pool } from "./select.ts";
import { tuplesOf } from "./tuples.ts";

/** Findings from opening the app as everybody who is listed. */
export function lintUsers(app: ReducibleApp, world: AccessWorld, options: LintOptions): Finding[] {
  const { rules, directory, maxCombinations: most = MAX_LINT_COMBINATIONS } = options;
  const out: Finding[] = [];
  const seen: (Bits | "all" | undefined)[] = app.model.tables.map(() => undefined);
  let reloader = false;
  for (const identity of listedIdentities(world)) {
    const say = (code: Finding["code"], severity: Finding["severity"], message: string, count?: number): void => {
      out.push({ code, severity, message, about: identity.label, count });
    };
    if (directory !== undefined && !isKnown(identity, directory))
      say("UNKNOWN_IDENTITY", "warning", "the directory does not know this identity");
    const entitlement = entitle(world, attributesOf(identity.user, rules), rules);
    const opened = openFor(app, identity.user, rules);
    if (opened.denied) {
      say("LOCKED_OUT", "error", `listed, but does not get in: ${opened.reasons.join(", ")}`);
      continue;
    }
    const { decision, outcome } = opened;
    // One tuple that selects nothing shows everything, whatever the others select.
    const everything = decision.selections.some((s) => s.values.size === 0);
    if (decision.level === "ADMIN" && everything) reloader = true;
    if (decision.level === "ADMIN" && !everything && hasBlank(app, world, entitlement)) {
      say(
        "ADMIN_LIMITED",
        "warning",
        "an ADMIN with a blank, who would see everything, is reduced by another of his rows",
      );
    }
    if (rules.combine === "pooled") {
      const extra = unintended(world, entitlement, pool(world, entitlement), reducingFields(app, world), most);
      const message = "values are pooled per field: combinations are granted that no row lists";
      if (extra === undefined)
        say("CROSS_PRODUCT", "info", `${message}, if any; there are too many rows to count them`);
      else if (extra > 0) say("CROSS_PRODUCT", "warning", message, extra);
    }
    outcome.kept.rows.forEach((bits, t) => {
      if (bits === undefined || seen[t] === "all") seen[t] = "all";
      else {
        const sum = seen[t] ?? new Uint32Array(bits.length);
        orInto(sum, bits);
        seen[t] = sum;
      }
    });
  }
  if (!reloader) {
    const message =
      "no ADMIN sees everything: whoever reloads the app needs a row of ADMIN with blanks (or is locked out)";
    out.push({ code: "NO_RELOADER", severity: "error", message, about: "section access" });
  }
  app.model.tables.forEach((t, i) => {
    const bits = seen[i];
    const unseen = bits === "all" || t.synthetic ? 0 : t.rows - (bits === undefined ? 0 : countBits(bits));
    if (unseen === 0) return;
    const message = "rows that nobody who is listed sees (NULL or orphan keys, unlisted values)";
    out.push({ code: "UNSEEN_ROWS", severity: "info", about: t.name, message, count: unseen });
  });
  return out;
}

type Opened = Denied | { readonly denied: false; readonly decision: Allowed; readonly outcome: Outcome };

function openFor(app: ReducibleApp, user: User, rules: Rules): Opened {
  const decision = decide(app, user, rules);
  if (decision.denied) return decision;
  const outcome = carryOut(app, decision, rules);
  return outcome.denied ? outcome : { denied: false, decision, outcome };
}

function reducingFields(app: ReducibleApp, world: AccessWorld): string[] {
  return world.columns.map((c) => c.field).filter((f) => fieldNamed(app.model, f) >= 0);
}

/** True if some row of the user has reduction fields and a blank or NULL in each of them. */
function hasBlank(app: ReducibleApp, world: AccessWorld, entitlement: Entitlement): boolean {
  const reducing = reducingFields(app, world);
  return world.tables.some((t, table) => {
    const columns = reducing.map((field) => t.fields.indexOf(field)).filter((column) => column >= 0);
    const isBlank = (cell: AccessCell): boolean => cell === null || (cell !== "any" && cell.text === "");
    const blank = t.rows.some((row, r) => isUsed(entitlement, table, r) && columns.every((c) => isBlank(row[c]!)));
    return columns.length > 0 && blank;
  });
}

/** Combinations of values that pooling grants and no row lists; `undefined` if there are too many rows to tell. */
function unintended(
  world: AccessWorld,
  entitlement: Entitlement,
  pooled: Granted,
  fields: readonly string[],
  most: number,
): number | undefined {
  if (fields.length < 2) return 0;
  try {
    const distinct = fields.map((f) => new Set(pooled.get(f)!.map(accessIdentity)).size);
    return distinct.reduce((a, b) => a * b, 1) - listedCombinations(world, entitlement, fields, most);
  } catch (error) {
    if (isQErr(error) && error.code === "LIMIT_EXCEEDED") return undefined;
    throw error;
  }
}

function listedCombinations(
  world: AccessWorld,
  entitlement: Entitlement,
  fields: readonly string[],
  most: number,
): number {
  const listed = new Set<string>();
  for (const tuple of tuplesOf(world, entitlement)) {
    const lists = fields.map((f) => tuple.get(f)!.map(accessIdentity));
    const count = lists.reduce((a, l) => a * l.length, 1);
    needs(listed.size + count <= most, "LIMIT_EXCEEDED", "too many combinations to compare");
    let rows: unknown[][] = [[]];
    for (const list of lists) rows = rows.flatMap((row) => list.map((v) => [...row, v]));
    for (const row of rows) listed.add(JSON.stringify(row));
  }
  return listed.size;
}
