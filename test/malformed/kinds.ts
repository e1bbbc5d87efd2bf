import { FAULTS } from "../container/qvd-malformed.ts";
import { QVF_FAULTS } from "../container/qvf-malformed.ts";
import { CONFIG_KINDS } from "./config-faults.ts";
import type { FaultKind } from "./fault.ts";
import { KEY_KINDS } from "./key-faults.ts";
import { SEALED_KIND } from "./sealed-faults.ts";

/** Every kind of input but QVD and QVF, which have suites of their own. */
export const KINDS: readonly FaultKind[] = [SEALED_KIND, ...KEY_KINDS, ...CONFIG_KINDS];

/** Named faults per kind, for the table of what was tried (`counts.json`). */
export function faultCounts(): Readonly<Record<string, number>> {
  return Object.fromEntries([
    ["qvd", FAULTS.length],
    ["qvf", QVF_FAULTS.length],
    ...KINDS.map(({ kind, faults }) => [kind, faults.length] as const),
  ]);
}
