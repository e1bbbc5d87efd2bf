import { isQErr, needs } from "../errors.ts";
import { MAX_LINT_COMBINATIONS } from "../limits.ts";
import { fieldNamed } from "../table/model.ts";
import { allBits, type Bits, countBits, orInto } from "../table/model-bits.ts";
import { accessIdentity } from "./access-table.ts";
import { carryOut, decide, type ReducibleApp } from "./admit.ts";
import type { Finding, LintOptions } from "./finding.ts";
import { type AccessWorld, type Entitlement, entitle } from "./grants.ts";
import { isKnown, listedIdentities } from "./identities.ts";
import { attributesOf } from "./identity.ts";
import { type Granted, pool } from "./select.ts";
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
    const decision = decide(app, identity.user, rules);
    const outcome = decision.denied ? decision : carryOut(app, decision, rules);
    if (decision.denied || outcome.denied) {
      const reasons = decision.denied ? decision.reasons : outcome.denied ? outcome.reasons : [];
      say("LOCKED_OUT", "error", `listed, but does not get in: ${reasons.join(", ")}`);
      continue;
    }
    if (decision.level === "ADMIN" && decision.selections.every((s) => s.values.size === 0)) reloader = true;
    if (
      decision.level === "ADMIN" &&
      hasBlank(app, world, entitlement) &&
      decision.selections.some((s) => s.values.size > 0)
    ) {
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
    outcome.kept.rows.slice(0, seen.length).forEach((bits, t) => {
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
    if (unseen === 0 || countBits(allBits(t.rows)) === 0) return;
    const message = "rows that nobody who is listed sees (NULL or orphan keys, unlisted values)";
    out.push({ code: "UNSEEN_ROWS", severity: "info", about: t.name, message, count: unseen });
  });
  return out;
}

function reducingFields(app: ReducibleApp, world: AccessWorld): string[] {
  return world.columns.map((c) => c.field).filter((f) => fieldNamed(app.model, f) >= 0);
}

/** True if a row of the user has a blank or NULL in a reduction field. */
function hasBlank(app: ReducibleApp, world: AccessWorld, entitlement: Entitlement): boolean {
  return reducingFields(app, world).some((field) => {
    return world.columns
      .find((c) => c.field === field)!
      .places.some(({ table, column }) => {
        return world.tables[table]!.rows.some((row, r) => {
          const used = (entitlement.rows[table]![r >> 5]! & (1 << (r & 31))) !== 0;
          const cell = row[column]!;
          return used && (cell === null || (cell !== "any" && cell.text === ""));
        });
      });
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
