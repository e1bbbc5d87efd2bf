import type { Rules } from "./rules.ts";

/** Something that an owner should look at (section access notes, part 8.3). For owners: it quotes section access. */
export interface Finding {
  readonly code: FindingCode;
  /** `error`: somebody sees too much or nobody can work · `warning`: probably not meant · `info`: good to know. */
  readonly severity: "error" | "warning" | "info";
  readonly message: string;
  /** Field, table or identity that it is about. */
  readonly about: string;
  /** How many values, rows or combinations. */
  readonly count?: number | undefined;
}

export type FindingCode =
  | "NO_RELOADER"
  | "LOCKED_OUT"
  | "NARROW_STAR"
  | "STAR_IN_LINK"
  | "STAR_IN_ACCESS"
  | "INVALID_LEVEL"
  | "FIELD_CASE"
  | "NO_FIELD"
  | "VALUE_CASE"
  | "VALUE_ALIKE"
  | "VALUE_UNMATCHED"
  | "UPPER_LENGTH"
  | "BLANK_MATCHES"
  | "BLANK_IDENTITY"
  | "TEXT_NUMBER"
  | "CROSS_PRODUCT"
  | "UNSEEN_ROWS"
  | "UNREDUCED_TABLE"
  | "LOOSE_TABLE"
  | "OMIT_KEY"
  | "OMIT_REDUCING"
  | "OMIT_UNKNOWN"
  | "ADMIN_LIMITED"
  | "WILDCARD_IDENTITY"
  | "UNKNOWN_IDENTITY"
  | "ACCESS_IN_APP";

export interface LintOptions {
  readonly rules: Rules;
  /** Names that the directory knows, upper case; without it identities are not looked up. */
  readonly directory?: ReadonlySet<string> | undefined;
  /** Combinations of one user that are counted one by one; `MAX_LINT_COMBINATIONS` if left out. */
  readonly maxCombinations?: number | undefined;
}
