import type { Spool } from "../source/spool.ts";

/**
 * The indexes of a column while its table is built, since a QVD needs every symbol and every width before its first
 * record. Each run of rows is kept as narrow as its greatest index allows; beyond a budget runs go to a spool.
 */
export interface IndexStore {
  /** Appends `rows` indexes; negative means NULL. */
  append(indexes: Int32Array, rows: number): Promise<void>;
  /** Fills `out` with run number `run` (in the order appended) and returns its rows; NULL comes back as -2. */
  load(run: number, out: Int32Array): Promise<number>;
}

interface Run {
  readonly rows: number;
  /** Bytes an index: 1, 2 or 4; 0 where all are {@link same}, as of a field that most rows do not have. */
  readonly step: 0 | 1 | 2 | 4;
  readonly same: number;
  readonly bytes: Uint8Array | undefined;
  readonly offset: number;
}

/** Memory that all stores of one table share. */
export interface IndexBudget {
  left: number;
  /** Opened when the budget is used up; without one, memory is all there is. */
  readonly spool: (() => Promise<Spool>) | undefined;
}

const NULL_INDEX = -2;

export function indexStore(budget: IndexBudget): IndexStore {
  const runs: Run[] = [];
  return {
    async append(indexes, rows) {
      const first = indexes[0]!;
      let greatest = first;
      let unlike = 0;
      for (let i = 0; i < rows; i++) {
        const index = indexes[i]!;
        unlike |= index ^ first;
        if (index > greatest) greatest = index;
      }
      if (unlike === 0) {
        runs.push({ rows, step: 0, same: first < 0 ? NULL_INDEX : first, bytes: undefined, offset: 0 });
        return;
      }
      const step = greatest < 0xfe ? 1 : greatest < 0xfffe ? 2 : 4;
      const array = step === 1 ? new Uint8Array(rows) : step === 2 ? new Uint16Array(rows) : new Int32Array(rows);
      // Stored + 2, so that NULL is 0 as in a QVD with bias -2.
      for (let i = 0; i < rows; i++) array[i] = indexes[i]! < 0 ? 0 : indexes[i]! + 2;
      const bytes = new Uint8Array(array.buffer);
      if (budget.spool !== undefined && bytes.byteLength > budget.left) {
        const offset = await (await budget.spool()).append(bytes);
        runs.push({ rows, step, same: 0, bytes: undefined, offset });
        return;
      }
      budget.left -= bytes.byteLength;
      runs.push({ rows, step, same: 0, bytes, offset: 0 });
    },
    async load(run, out) {
      const { rows, step, same, bytes, offset } = runs[run]!;
      if (step === 0) {
        out.fill(same, 0, rows);
        return rows;
      }
      let held = bytes;
      if (held === undefined) {
        held = new Uint8Array(rows * step);
        await (await budget.spool!()).readInto(offset, held);
      }
      const array =
        step === 1 ? held : step === 2 ? new Uint16Array(held.buffer, 0, rows) : new Int32Array(held.buffer, 0, rows);
      for (let i = 0; i < rows; i++) out[i] = array[i]! - 2;
      return rows;
    },
  };
}
