import type { Loops } from "../table/model-forest.ts";

/** Whose behaviour is followed; `strict` is our own (section access notes, part 8.4). */
export const MODES = ["qlik-sense", "qlikview", "qlikview-server", "strict"] as const;
export type Mode = (typeof MODES)[number];

/** The switches in which the modes differ. */
export interface Rules {
  /** A USER of whom some reduction field matches nothing is denied (R14); otherwise that field selects nothing. */
  readonly strictExclusion: boolean;
  /** Everybody counts as USER (R30). */
  readonly adminAsUser: boolean;
  /** Which level wins for somebody who is listed as both (R10). */
  readonly mixedLevel: "ADMIN" | "USER";
  /** An app field that differs from a reduction field in case only: nothing is reduced (R19), or nobody gets in. */
  readonly fieldCase: "compat" | "strict";
  /** Several rows of one user: pooled per field (R20), or each row for itself. */
  readonly combine: "pooled" | "tuples";
  /** Circular references. */
  readonly loops: Loops;
  /** A selection that leaves no row at all (R25). */
  readonly onEmpty: "deny" | "empty";
  /** OMIT of a field that the app does not have (R36). */
  readonly unknownOmit: "ignore" | "deny";
  /** What the SERIAL column is compared with (2.1). */
  readonly serial: "sense" | "licence";
}

const SENSE: Rules = {
  strictExclusion: true,
  adminAsUser: false,
  mixedLevel: "ADMIN",
  fieldCase: "compat",
  combine: "pooled",
  loops: "loosen",
  onEmpty: "deny",
  unknownOmit: "ignore",
  serial: "sense",
};

const RULES: Readonly<Record<Mode, Rules>> = {
  "qlik-sense": SENSE,
  // Strict exclusion is a document property there; the document without it is the case that differs from Sense.
  qlikview: { ...SENSE, strictExclusion: false, serial: "licence" },
  // The server denies the ADMIN without a match, which only happens under strict exclusion (case 46).
  "qlikview-server": { ...SENSE, adminAsUser: true, serial: "licence" },
  strict: { ...SENSE, mixedLevel: "USER", fieldCase: "strict", loops: "keep", unknownOmit: "deny" },
};

/** The rules of a mode, some of them replaced. */
export function rulesOf(mode: Mode = "qlik-sense", changed: Partial<Rules> = {}): Rules {
  return { ...RULES[mode], ...changed };
}
