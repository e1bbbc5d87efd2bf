/** Numbers from a seed (xorshift32), so that a run can be repeated. */
export interface Random {
  /** A whole number below 2^32. */
  next(): number;
  /** A whole number below `n`; 0 if `n` is 0. */
  below(n: number): number;
  pick<T>(from: readonly T[]): T;
  /** True once in `n`. */
  oneIn(n: number): boolean;
}

export function randomOf(seed: number): Random {
  let state = (seed ^ 0x9e3779b9) | 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  // The first numbers of neighbouring seeds are alike.
  for (let i = 0; i < 8; i++) next();
  const below = (n: number) => (n <= 1 ? 0 : next() % n);
  return { next, below, pick: (from) => from[below(from.length)]!, oneIn: (n) => below(n) === 0 };
}
