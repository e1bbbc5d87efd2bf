import type { Allowed } from "./admit.ts";
import type { Rules } from "./rules.ts";

/**
 * What a reduction depends on besides the app, as 32-bit words: users with equal keys see the same and may share one
 * reduced model. It holds selections as numbers of the prepared app, no value; hash it together with the app version.
 */
export function reductionKey(allowed: Allowed, rules: Rules): Uint32Array {
  const words: number[] = [rules.loops === "keep" ? 1 : 0, rules.onEmpty === "empty" ? 1 : 0];
  words.push(allowed.omitted.size, ...allowed.omitted, allowed.selections.length);
  // Nodes come in the order of the columns of section access, omitted fields in that of the model: the same for all.
  const tuples = allowed.selections.map(({ values }) => [...values].flatMap(([n, bits]) => [n, bits.length, ...bits]));
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
