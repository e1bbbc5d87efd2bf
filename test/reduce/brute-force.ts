import type { AccessCell, AccessTable } from "../../src/reduce/access-table.ts";
import type { PolicyCase } from "../../src/reduce/case-format.ts";
import type { Cell } from "../../src/table/dual.ts";
import { possibleInLoops } from "./brute-loops.ts";
import {
  type BSelection,
  type BTable,
  hasWholeWitness,
  possibleRows,
  withoutLoops,
  withSyntheticKeys,
} from "./brute-tables.ts";

/** What must come out of a case, from the definitions of the notes and by trying everything. Types only are shared. */
export type BruteOutcome =
  | { denied: true; reasons: string[] }
  | { denied: false; rowIds: Map<string, number[]>; omitted: string[] };

const SYSTEM = [
  "ACCESS",
  "OMIT",
  "USERID",
  "USER.EMAIL",
  "USER.NAME",
  "GROUP",
  "NTNAME",
  "NTSID",
  "NTDOMAINSID",
  "PASSWORD",
  "SERIAL",
];
const WHO = SYSTEM.slice(2);

function plainValue(cell: Cell): string | undefined {
  if (cell === null) return undefined;
  if (typeof cell === "string") return `text ${cell}`;
  return `number ${(typeof cell === "number" ? cell : cell.number) + 0}`;
}

function accessValue(cell: Exclude<AccessCell, null | "any">): string {
  return cell.number === undefined ? `text ${cell.text}` : `number ${cell.number + 0}`;
}

const caps = (s: string): string =>
  [...s].map((c) => ([...c.toUpperCase()].length === 1 ? c.toUpperCase() : c)).join("");

function matches(cell: AccessCell, column: string, policy: PolicyCase): boolean {
  if (cell === "any") return true;
  if (cell === null || cell.text === "") return false;
  const u = policy.user;
  const has: Record<string, readonly (string | undefined)[]> = {
    USERID: [u.userid],
    "USER.EMAIL": [u.email],
    "USER.NAME": [u.name],
    GROUP: u.groups ?? [],
    NTNAME: [u.ntname, ...(u.groups ?? [])],
    NTSID: [u.ntsid],
    NTDOMAINSID: [u.ntdomainsid],
    PASSWORD: [u.password],
    SERIAL: policy.rules.serial === "sense" ? ["QLIKSENSE"] : [u.serial],
  };
  return has[column]!.some((v) => v !== undefined && v !== "" && caps(v) === cell.text);
}

export function bruteForce(policy: PolicyCase): BruteOutcome {
  const everything = new Map(policy.tables.map((t) => [t.name, t.rows.map((_, r) => r)]));
  if (policy.noData) return { denied: false, rowIds: new Map(policy.tables.map((t) => [t.name, []])), omitted: [] };
  if (policy.access === undefined) return { denied: false, rowIds: everything, omitted: [] };
  const access = policy.access;
  const { rules } = policy;
  const usable = usableRows(access, policy);
  const cells = (column: string): AccessCell[] => {
    return access.flatMap((t, n) =>
      t.fields.includes(column) ? [...usable[n]!].map((r) => t.rows[r]![t.fields.indexOf(column)]!) : [],
    );
  };
  const levels = cells("ACCESS").map((c) => (c === "any" ? "USER" : c?.text));
  if (!levels.includes("ADMIN") && !levels.includes("USER")) return { denied: true, reasons: ["NO_ACCESS_LEVEL"] };
  let level = levels.includes("ADMIN") ? "ADMIN" : "USER";
  if (rules.adminAsUser || (rules.mixedLevel === "USER" && levels.includes("USER"))) level = "USER";

  const columns = [...new Set(access.flatMap((t) => t.fields.filter((f) => !SYSTEM.includes(f))))];
  const fields = [...new Set(policy.tables.flatMap((t) => t.fields))];
  const grants = rules.combine === "pooled" ? [pooled(access, usable, columns)] : tuples(access, usable, columns);
  const reasons: string[] = [];
  const selections: Map<string, Set<string>>[] = [];
  for (const grant of grants) {
    const selected = new Map<string, Set<string>>();
    const bad: string[] = [];
    for (const column of columns) {
      if (!fields.includes(column)) {
        if (rules.fieldCase === "strict" && fields.some((f) => caps(f) === column)) bad.push(`FIELD_CASE:${column}`);
        continue;
      }
      const inData = new Set(
        policy.tables.flatMap((t) => t.rows.map((row) => plainValue(row[t.fields.indexOf(column)] ?? null))),
      );
      const hit = [...grant.get(column)!].filter((v) => inData.has(v));
      if (hit.length > 0) selected.set(column, new Set(hit));
      else if (level === "USER" && rules.strictExclusion) bad.push(`NO_REDUCTION_MATCH:${column}`);
    }
    if (bad.length > 0) reasons.push(...bad);
    else selections.push(selected);
  }
  if (selections.length === 0) return { denied: true, reasons };

  const listed = access.flatMap((t, n) => {
    const at = t.fields.indexOf("OMIT");
    return at < 0
      ? []
      : starred(t, at, [...usable[n]!])
          .map((c) => c.text)
          .filter((x) => x !== "");
  });
  const unknown = listed.filter((name) => !fields.some((f) => caps(f) === caps(name)));
  if (rules.unknownOmit === "deny" && unknown.length > 0) {
    return { denied: true, reasons: unknown.map((x) => `UNKNOWN_OMIT:${x}`) };
  }
  const omitted = fields.filter((f) => listed.some((x) => caps(x) === caps(f)));

  const outcomes = selections.map((s) => reduceBy(policy, s));
  const some = outcomes.filter((o) => !o.emptied);
  if (some.length === 0 && rules.onEmpty === "deny") return { denied: true, reasons: ["EMPTY_RESULT"] };
  const united = some.length > 0 ? some : outcomes;
  const rowIds = new Map(
    policy.tables.map((t) => [
      t.name,
      t.rows.map((_, r) => r).filter((r) => united.some((o) => o.rows.get(t.name)!.has(r))),
    ]),
  );
  return { denied: false, rowIds, omitted };
}

function bTables(policy: PolicyCase): BTable[] {
  return policy.tables.map((t) => ({
    name: t.name,
    fields: t.fields,
    rows: t.rows.map((row) => row.map(plainValue)),
    loose: t.loose === true,
  }));
}

function reduceBy(
  policy: PolicyCase,
  fields: ReadonlyMap<string, ReadonlySet<string>>,
): { rows: Map<string, Set<number>>; emptied: boolean } {
  const made = withSyntheticKeys(bTables(policy));
  const selection: BSelection = { fields, rows: new Map() };
  const keep = policy.rules.loops === "keep";
  const tables = keep ? made.map((t) => ({ ...t, loose: false })) : withoutLoops(made, policy.loosened);
  const rows = keep ? possibleInLoops(tables, selection) : possibleRows(tables, selection);
  const linked = tables.filter((t) => t.loose !== true);
  // In circles the definition works neighbour by neighbour; whatever it does, a row that agrees with everything stays.
  if (keep) {
    for (const t of tables) {
      const lost = [...t.rows.keys()].filter((r) => !rows.get(t.name)!.has(r));
      if (lost.some((r) => hasWholeWitness(tables, selection, t, r)))
        throw new Error(`a row of ${t.name} has a witness`);
    }
  }
  const emptied = linked.some((t) => {
    const group = neighbours(linked, t);
    const selected = group.some((x) => x.fields.some((f) => fields.has(f)));
    return selected && group.every((x) => rows.get(x.name)!.size === 0);
  });
  return { rows, emptied };
}

function neighbours(tables: readonly BTable[], start: BTable): BTable[] {
  const group = [start];
  for (const t of group) {
    for (const other of tables) {
      if (!group.includes(other) && other.fields.some((f) => t.fields.includes(f))) group.push(other);
    }
  }
  return group;
}

function usableRows(access: readonly AccessTable[], policy: PolicyCase): Set<number>[] {
  const links = new Set(
    access.flatMap((t) => t.fields).filter((f, i, all) => !SYSTEM.includes(f) && all.indexOf(f) !== i),
  );
  const tables: BTable[] = access.map((t, n) => {
    const at = t.fields.map((f, i) => ({ f, i })).filter(({ f }) => links.has(f));
    const rows = t.rows.map((row) =>
      at.map(({ i }) => (row[i] === null || row[i] === "any" ? undefined : accessValue(row[i]!))),
    );
    return { name: String(n), fields: at.map(({ f }) => f), rows };
  });
  const selected = new Map<string, Set<number>>();
  access.forEach((t, n) => {
    const who = t.fields.filter((f) => WHO.includes(f));
    if (who.length === 0) return;
    const fits = t.rows
      .map((_, r) => r)
      .filter((r) => who.every((f) => matches(t.rows[r]![t.fields.indexOf(f)]!, f, policy)));
    selected.set(String(n), new Set(fits));
  });
  // Nothing is loosened here, as that would give a user what others are granted.
  const possible = possibleInLoops(withSyntheticKeys(tables), { fields: new Map(), rows: selected });
  return access.map((_, n) => possible.get(String(n))!);
}

function starred(t: AccessTable, column: number, rows: readonly number[]): Exclude<AccessCell, null | "any">[] {
  const of = (which: readonly AccessCell[]): Exclude<AccessCell, null | "any">[] =>
    which.filter((c) => c !== null && c !== "any");
  const mine = rows.map((r) => t.rows[r]![column]!);
  return mine.includes("any") ? of(t.rows.map((row) => row[column]!)) : of(mine);
}

function pooled(
  access: readonly AccessTable[],
  usable: readonly Set<number>[],
  columns: readonly string[],
): Map<string, Set<string>> {
  return new Map(
    columns.map((column) => {
      const values = access.flatMap((t, n) =>
        t.fields.includes(column) ? starred(t, t.fields.indexOf(column), [...usable[n]!]) : [],
      );
      return [column, new Set(values.map(accessValue))];
    }),
  );
}

/** Every way to take one usable row of each table such that the links agree. */
function tuples(
  access: readonly AccessTable[],
  usable: readonly Set<number>[],
  columns: readonly string[],
): Map<string, Set<string>>[] {
  const taking = access
    .map((t, n) => ({ t, rows: [...usable[n]!] }))
    .filter(({ t, rows }) => rows.length > 0 && t.fields.some((f) => columns.includes(f)));
  let ways: { t: AccessTable; r: number }[][] = [[]];
  for (const { t, rows } of taking) ways = ways.flatMap((way) => rows.map((r) => [...way, { t, r }]));
  const out: Map<string, Set<string>>[] = [];
  for (const way of ways) {
    const granted = new Map<string, Set<string>>();
    let agrees = true;
    for (const column of columns) {
      const has = way.filter(({ t }) => t.fields.includes(column));
      const cells = has.map(({ t, r }) => t.rows[r]![t.fields.indexOf(column)]!);
      if (has.length > 1) {
        if (cells.some((c) => c === null || c === "any")) agrees = false;
        else if (new Set(cells.map((c) => accessValue(c as Exclude<AccessCell, null | "any">))).size > 1)
          agrees = false;
      }
      const first = has[0];
      granted.set(
        column,
        new Set(
          first === undefined ? [] : starred(first.t, first.t.fields.indexOf(column), [first.r]).map(accessValue),
        ),
      );
    }
    if (agrees) out.push(granted);
  }
  return out;
}
