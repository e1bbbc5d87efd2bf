import type { Allowed, ReducibleApp } from "./admit.ts";
import type { Rules } from "./rules.ts";

/**
 * What a reduction depends on besides the app, as 32-bit words: users with equal keys see the same and may share one
 * reduced model. It holds selections as numbers of the prepared app, no value; hash it together with the app version.
 */
export function reductionKey(app: ReducibleApp, allowed: Allowed, rules: Rules): Uint32Array {
  const words: number[] = [rules.loops === "keep" ? 1 : 0, rules.onEmpty === "empty" ? 1 : 0];
  const omitted = [...allowed.omitted].sort((a, b) => a - b);
  words.push(omitted.length, ...omitted, allowed.selections.length);
  const nodes = allowed.selections.length === 0 ? 0 : app.forest(rules.loops).graph.nodes.length;
  const tuples = allowed.selections.map((s) => {
    const out: number[] = [];
    for (let n = 0; n < nodes; n++) {
      const bits = s.values.get(n);
      if (bits !== undefined) for (const w of [n, bits.length, ...bits]) out.push(w);
    }
    return out;
  });
  // The order in which tuples are listed makes no difference to what stays.
  tuples.sort((a, b) => compare(a, b));
  for (const t of tuples) {
    words.push(t.length);
    for (const w of t) words.push(w);
  }
  return Uint32Array.from(words);
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
