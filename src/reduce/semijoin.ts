import { type Bits, isSubset, noValues, setBit, wordsFor } from "../table/model-bits.ts";
import type { KeyProfile } from "../table/model-forest.ts";
import type { Key } from "../table/model-graph.ts";

/** The two loops that cost time, over one index column: in the kernel (kernel-ops.ts) or, as its slow twin, here. */
export interface RowOps {
  /** Clears the bit of every row whose value is not in `state`; NULL (-1) is in no state. */
  test(index: Int32Array, state: Bits, rows: Bits): void;
  /** Sets the bit of every value that a row of `rows` has; bit 0 stands for NULL. */
  scatter(index: Int32Array, rows: Bits, state: Bits): void;
  /** Runs of rows, of whatever length the loops go in, that were passed over until now because no row was left in them. */
  saved(): number;
  /** Goes through that many runs for nothing. */
  spend(runs: number): void;
  /** Called after each user: overwrites what the loops keep for themselves. */
  wipe(): void;
}

/** The loops in TypeScript: 32 rows a word, words without a row skipped. */
export const SCRIPT_OPS: RowOps = {
  test(index, state, rows) {
    for (let w = 0; w < rows.length; w++) {
      const word = rows[w]!;
      if (word === 0) continue;
      const base = w * 32;
      let keep = 0;
      if (word === 0xffffffff) {
        for (let b = 0; b < 32; b++) {
          const v = index[base + b]! + 1;
          keep |= ((state[v >>> 5]! >>> (v & 31)) & 1) << b;
        }
      } else {
        for (let rest = word; rest !== 0; rest &= rest - 1) {
          const b = 31 - Math.clz32(rest & -rest);
          const v = index[base + b]! + 1;
          keep |= ((state[v >>> 5]! >>> (v & 31)) & 1) << b;
        }
      }
      rows[w] = keep;
    }
  },
  scatter(index, rows, state) {
    for (let w = 0; w < rows.length; w++) {
      const base = w * 32;
      for (let rest = rows[w]!; rest !== 0; rest &= rest - 1) {
        const v = index[base + 31 - Math.clz32(rest & -rest)]! + 1;
        state[v >>> 5]! |= 1 << (v & 31);
      }
    }
  },
  saved: () => 0,
  spend() {
    // Saves nothing but words of 32 rows.
  },
  wipe() {
    // Keeps nothing.
  },
};

/** TEST of a key: `rows` loses the rows whose value is not in `state`. Skipped where it cannot exclude anything. */
export function testKey(ops: RowOps, key: Key, profile: KeyProfile, state: Bits, rows: Bits): void {
  if (!profile.hasNull && isSubset(profile.present, state)) return;
  ops.test(key.index, key.ids === undefined ? state : toSymbols(key.ids, state), rows);
}

/** SCATTER of a key: the values that the rows have; `rows` left out means all of them. NULL is left out. */
export function scatterKey(ops: RowOps, key: Key, profile: KeyProfile, size: number, rows: Bits | undefined): Bits {
  if (rows === undefined) return profile.present;
  const out = noValues(key.ids === undefined ? size : key.ids.length);
  ops.scatter(key.index, rows, out);
  out[0]! &= ~1;
  return key.ids === undefined ? out : toValues(key.ids, out, size);
}

/** A state over values as a state over the symbols of one domain. */
function toSymbols(ids: Int32Array, state: Bits): Bits {
  const out = new Uint32Array(wordsFor(ids.length + 1));
  for (let s = 0; s < ids.length; s++) {
    const v = ids[s]! + 1;
    const at = s + 1;
    out[at >>> 5]! |= ((state[v >>> 5]! >>> (v & 31)) & 1) << (at & 31);
  }
  return out;
}

function toValues(ids: Int32Array, symbols: Bits, size: number): Bits {
  const out = noValues(size);
  for (let s = 0; s < ids.length; s++) {
    const at = s + 1;
    if (((symbols[at >>> 5]! >>> (at & 31)) & 1) === 1) setBit(out, ids[s]! + 1);
  }
  return out;
}
