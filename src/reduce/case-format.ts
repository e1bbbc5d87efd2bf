import type { Cell } from "../table/dual.ts";
import type { CellTable } from "../table/model-cells.ts";
import { type AccessTable, loadCell, upper } from "./access-table.ts";
import type { User } from "./identity.ts";
import { type At, parseAt } from "./json-at.ts";
import { MODES, type Mode, type Rules, rulesOf } from "./rules.ts";

/**
 * A policy test: an app, its section access, a user, and what he must see. The format is that of the section access
 * notes, part 6; users keep such files next to their apps.
 */
export interface PolicyCase {
  readonly name: string;
  readonly tables: readonly CellTable[];
  /** `undefined` for an app without section access. */
  readonly access: readonly AccessTable[] | undefined;
  readonly user: User;
  readonly rules: Rules;
  readonly loosened: readonly string[];
  /** Opened without data. */
  readonly noData: boolean;
  readonly expect: Expectation;
}

/** What must come out; a part that is left out is not compared. */
export interface Expectation {
  readonly denied: boolean;
  readonly reason?: string | undefined;
  readonly tables?: ReadonlyMap<string, ExpectedTable> | undefined;
  readonly omitted?: readonly string[] | undefined;
  /** Per field the values that may be found in the output, no more and no fewer. */
  readonly symbols?: ReadonlyMap<string, readonly Cell[]> | undefined;
}

export interface ExpectedTable {
  readonly fields?: readonly string[] | undefined;
  readonly rowIds?: readonly number[] | undefined;
  readonly rows?: readonly (readonly Cell[])[] | undefined;
}

/** Reads a case from its JSON text. Throws `ACCESS_CASE` with the place that is wrong. */
export function readCase(json: string): PolicyCase {
  const root = parseAt(json, "policy case");
  const options = root.get("options").optional()?.object() ?? new Map<string, At>();
  const user = root.get("user").optional()?.object() ?? new Map<string, At>();
  return {
    name: root.get("name").optional()?.text() ?? "unnamed",
    tables: [...root.get("tables").object()].map(([name, t]) => ({
      name,
      fields: t.get("fields").texts(),
      rows: t.get("rows").cells(),
      loose: t.get("loose").optional()?.flag(),
    })),
    access: readAccess(root.get("sectionAccess")),
    user: readUser(user),
    rules: readRules(options),
    loosened: options.get("loosened")?.texts() ?? [],
    noData: [...options, ...user, ...root.object()].some(([key, value]) => isNoData(key) && value.value === true),
    expect: readExpectation(root.get("expect")),
  };
}

function isNoData(key: string): boolean {
  return ["nodata", "qnodata", "withoutdata", "openwithoutdata"].includes(plain(key));
}

function plain(key: string): string {
  return key.toLowerCase().replaceAll(/[^a-z]/g, "");
}

/**
 * Reads section access alone: `{fields, rows, source?}` or `{tables: [...]}`, as in the member `sectionAccess` of a
 * case. Throws `ACCESS_CASE`.
 */
export function readAccessJson(json: string): AccessTable[] | undefined {
  return readAccess(parseAt(json, "section access", Number.POSITIVE_INFINITY));
}

function readAccess(at: At): AccessTable[] | undefined {
  if (at.value === null || at.value === undefined) return undefined;
  const several = at.get("tables").optional();
  const one = (t: At, name: string, source: string): AccessTable => {
    // Only an inline load turns texts into numbers; names and values are upper-cased by whatever load we do (R11).
    const rule = { numbers: source === "inline", upperCase: true };
    const fields = t.get("fields").texts().map(upper);
    if (new Set(fields).size !== fields.length) throw t.get("fields").wrong("has a field twice");
    const rows = t
      .get("rows")
      .list()
      .map((row) => {
        const cells = row.cellList();
        if (cells.length !== fields.length) throw row.wrong(`has ${cells.length} cells for ${fields.length} fields`);
        return cells.map((cell) => loadCell(cell, rule));
      });
    return { name, fields, rows };
  };
  const source = at.get("source").optional()?.text() ?? "inline";
  if (several === undefined) return [one(at, "Section Access", source)];
  return several.list().map((t, i) => {
    return one(
      t,
      t.get("name").optional()?.text() ?? `Section Access ${i + 1}`,
      t.get("source").optional()?.text() ?? source,
    );
  });
}

const USER_PARTS: ReadonlyMap<string, keyof User> = new Map([
  ["userid", "userid"],
  ["email", "email"],
  ["useremail", "email"],
  ["name", "name"],
  ["username", "name"],
  ["group", "groups"],
  ["groups", "groups"],
  ["ntname", "ntname"],
  ["ntsid", "ntsid"],
  ["sid", "ntsid"],
  ["ntdomainsid", "ntdomainsid"],
  ["domainsid", "ntdomainsid"],
  ["password", "password"],
  ["serial", "serial"],
]);

function readUser(parts: ReadonlyMap<string, At>): User {
  const user: Record<string, string | readonly string[]> = {};
  for (const [key, at] of parts) {
    if (at.value === null || isNoData(key)) continue;
    const part = USER_PARTS.get(plain(key));
    if (part === undefined) throw at.wrong("is no attribute of a user");
    user[part] = part === "groups" ? (Array.isArray(at.value) ? at.texts() : [at.text()]) : at.text();
  }
  return user;
}

function readRules(options: ReadonlyMap<string, At>): Rules {
  let mode: Mode = "qlik-sense";
  const changed: { -readonly [K in keyof Rules]?: Rules[K] } = {};
  for (const [key, at] of options) {
    if (isNoData(key) || key === "loosened") continue;
    if (key === "strict" || key === "strictExclusion") changed.strictExclusion = at.flag();
    else if (key === "adminAsUser") changed.adminAsUser = at.flag();
    else if (key === "fieldCase") changed.fieldCase = at.oneOf(["compat", "strict"] as const);
    else if (key === "onEmpty") changed.onEmpty = at.oneOf(["deny", "empty"] as const);
    else if (key === "combine") changed.combine = at.oneOf(["pooled", "tuples"] as const);
    else if (key === "loops") changed.loops = at.oneOf(["loosen", "keep"] as const);
    else if (key === "mixedLevel") changed.mixedLevel = at.oneOf(["ADMIN", "USER"] as const);
    else if (key === "serial") changed.serial = at.oneOf(["sense", "licence"] as const);
    else if (key === "unknownOmit") changed.unknownOmit = at.oneOf(["ignore", "deny"] as const);
    else if (key === "mode") mode = at.oneOf(MODES);
    else throw at.wrong("is no option of a policy case");
  }
  return rulesOf(mode, changed);
}

function readExpectation(at: At): Expectation {
  const tables = at.get("tables").optional()?.object();
  const symbols = at.get("symbols").optional()?.object();
  return {
    denied: at.get("denied").flag(),
    reason: at.get("reason").optional()?.text(),
    omitted: at.get("omitted").optional()?.texts(),
    tables:
      tables &&
      new Map(
        [...tables].map(([name, t]) => {
          const rowIds = t
            .get("rowIds")
            .optional()
            ?.list()
            .map((n) => n.number());
          return [
            name,
            { fields: t.get("fields").optional()?.texts(), rowIds, rows: t.get("rows").optional()?.cells() },
          ];
        }),
      ),
    symbols: symbols && new Map([...symbols].map(([field, list]) => [field, list.list().map((v) => v.cell())])),
  };
}
