import { fieldNamed } from "../table/model.ts";
import { type Bits, noValues, setBit } from "../table/model-bits.ts";
import type { Allowed, ReducibleApp } from "./admit.ts";
import type { Rules } from "./rules.ts";

/**
 * A selection of one value in every reduction field: what is carried out, and thrown away, for somebody who is denied
 * before any data is touched, so that the work does not tell why.
 */
export function decoySelection(app: ReducibleApp, rules: Rules): Allowed {
  const { graph } = app.forest(rules.loops);
  const values = new Map<number, Bits>();
  for (const { field } of app.access?.columns ?? []) {
    const ordinal = fieldNamed(app.model, field);
    const node = ordinal < 0 ? -1 : graph.nodeOfField[ordinal]!;
    if (node < 0 || graph.nodes[node]!.size === 0) continue;
    const one = noValues(graph.nodes[node]!.size);
    setBit(one, 1);
    values.set(node, one);
  }
  return { denied: false, level: "USER", selections: [{ values }], omitted: new Set(), entitlement: undefined };
}
