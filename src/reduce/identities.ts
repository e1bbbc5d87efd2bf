import { type AccessCell, type IdentityField, isIdentityField, upper } from "./access-table.ts";
import type { AccessWorld } from "./grants.ts";
import type { User } from "./identity.ts";

/** Somebody whom section access lists, as the user that its row describes. */
export interface ListedIdentity {
  /** `USERID=… GROUP=…`; the password is never part of it. `*` if the row is for everybody. */
  readonly label: string;
  readonly user: User;
}

/**
 * Every distinct identity of the identification columns, in order of first appearance. A star asks for nothing; where
 * there is no such column at all, everybody is meant (R7).
 */
export function listedIdentities(world: AccessWorld): ListedIdentity[] {
  const found = new Map<string, ListedIdentity>();
  if (!world.tables.some((t) => t.fields.some(isIdentityField))) return [{ label: "*", user: userOf([]) }];
  for (const t of world.tables) {
    const columns = t.fields.map((field, column) => ({ field, column })).filter(({ field }) => isIdentityField(field));
    if (columns.length === 0) continue;
    for (const row of t.rows) {
      const parts = columns.flatMap(({ field, column }): [IdentityField, string][] => {
        const text = textOf(row[column]!);
        return text === undefined || !isIdentityField(field) ? [] : [[field, text]];
      });
      if (columns.some(({ column }) => isNobody(row[column]!))) continue;
      found.set(JSON.stringify(parts), { label: labelOf(parts), user: userOf(parts) });
    }
  }
  return [...found.values()];
}

function textOf(cell: AccessCell): string | undefined {
  return cell === null || cell === "any" ? undefined : cell.text;
}

/** Blank and NULL are for nobody (R5). */
function isNobody(cell: AccessCell): boolean {
  return cell === null || (cell !== "any" && cell.text === "");
}

function labelOf(parts: readonly (readonly [IdentityField, string])[]): string {
  const shown = parts.filter(([field]) => field !== "PASSWORD").map(([field, text]) => `${field}=${text}`);
  return shown.length === 0 ? "*" : shown.join(" ");
}

function userOf(parts: readonly (readonly [IdentityField, string])[]): User {
  const get = (field: IdentityField): string | undefined => parts.find(([f]) => f === field)?.[1];
  const group = get("GROUP");
  return {
    userid: get("USERID"),
    email: get("USER.EMAIL"),
    name: get("USER.NAME"),
    groups: group === undefined ? [] : [group],
    ntname: get("NTNAME"),
    ntsid: get("NTSID"),
    ntdomainsid: get("NTDOMAINSID"),
    password: get("PASSWORD"),
    serial: get("SERIAL"),
  };
}

/** True if the identity is among those that a directory knows; names of users and of groups, in any case. */
export function isKnown(identity: ListedIdentity, directory: ReadonlySet<string>): boolean {
  const { userid, email, ntname, groups } = identity.user;
  const names = [userid, email, ntname, ...(groups ?? [])].filter((n) => n !== undefined);
  return names.every((n) => directory.has(upper(n)));
}
