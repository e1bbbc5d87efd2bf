import { type AccessCell, type IdentityField, upper } from "./access-table.ts";
import type { Rules } from "./rules.ts";

const LONG_S = "\u017f";

/** Who asks. Every part may be missing; a missing part matches only the star. */
export interface User {
  /** `DIRECTORY\id` on Windows, the subject of the identity provider in a cloud. */
  readonly userid?: string | undefined;
  readonly email?: string | undefined;
  readonly name?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly ntname?: string | undefined;
  readonly ntsid?: string | undefined;
  readonly ntdomainsid?: string | undefined;
  readonly password?: string | undefined;
  readonly serial?: string | undefined;
}

/**
 * Upper-cased attributes by column: a row needs one of them. The long s stays as it is: its capital is S, and whoever has
 * one in his name would be another user.
 */
export type Attributes = Readonly<Record<IdentityField, readonly string[]>>;

export function attributesOf(user: User, rules: Rules): Attributes {
  const some = (...values: readonly (string | undefined)[]): string[] => {
    return values.filter((v) => v !== undefined && v !== "").map((v) => v!.split(LONG_S).map(upper).join(LONG_S));
  };
  const groups = user.groups ?? [];
  return {
    USERID: some(user.userid),
    "USER.EMAIL": some(user.email),
    "USER.NAME": some(user.name),
    GROUP: some(...groups),
    // A Windows name or the name of a Windows group.
    NTNAME: some(user.ntname, ...groups),
    NTSID: some(user.ntsid),
    NTDOMAINSID: some(user.ntdomainsid),
    PASSWORD: some(user.password),
    // Sense has no licence number to compare: its own word passes, no number does.
    SERIAL: rules.serial === "sense" ? ["QLIKSENSE"] : some(user.serial),
  };
}

/**
 * True if the cell of an identification column is for this user: the star is for everybody, also for somebody without
 * that attribute (R3, R4); blank and NULL are for nobody (R5).
 */
export function isFor(cell: AccessCell, field: IdentityField, attributes: Attributes): boolean {
  if (cell === "any") return true;
  return cell !== null && cell.text !== "" && attributes[field].includes(cell.text);
}
