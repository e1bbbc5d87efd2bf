import type { Cell } from "../table/dual.ts";
import type { Model } from "../table/model.ts";
import { type Bits, hasBit } from "../table/model-bits.ts";
import { symbolCell } from "../table/symbols.ts";
import type { Outcome } from "./admit.ts";

/** What one user sees beyond another. */
export interface AccessDiff {
  readonly tables: readonly {
    readonly table: string;
    readonly onlyA: number;
    readonly onlyB: number;
    readonly both: number;
  }[];
  /** Values of a field that only one of them sees, the first of them as examples. */
  readonly fields: readonly FieldDiff[];
}

export interface FieldDiff {
  readonly field: string;
  readonly onlyA: number;
  readonly onlyB: number;
  readonly examplesA: readonly Cell[];
  readonly examplesB: readonly Cell[];
}

/** What one side sees: an outcome and the omitted fields; `undefined` for somebody who is denied. */
export interface Side {
  readonly outcome: Outcome;
  readonly omitted: ReadonlySet<number>;
}

const EXAMPLES = 5;

export function diffAccess(model: Model, a: Side | undefined, b: Side | undefined): AccessDiff {
  const tables = model.tables.flatMap((t, i) => {
    if (t.synthetic) return [];
    let [onlyA, onlyB, both] = [0, 0, 0];
    for (let r = 0; r < t.rows; r++) {
      const inA = sees(a, i, r);
      const inB = sees(b, i, r);
      if (inA && inB) both++;
      else if (inA) onlyA++;
      else if (inB) onlyB++;
    }
    return [{ table: t.name, onlyA, onlyB, both }];
  });
  const fields = model.fields.flatMap((f, field): FieldDiff[] => {
    const mine = [new Set<string>(), new Set<string>()] as const;
    const cells = new Map<string, Cell>();
    model.tables.forEach((t, i) => {
      for (const c of t.columns) {
        if (c.field !== field || t.synthetic) continue;
        const seen = [a, b].map((side) => usedSymbols(c.index, side, i, field, model.domains[c.domain]!.count));
        seen.forEach((flags, which) => {
          flags.forEach((flag, s) => {
            if (flag === 0) return;
            const cell = symbolCell(model.domains[c.domain]!, s);
            const key = JSON.stringify(cell);
            cells.set(key, cell);
            mine[which]!.add(key);
          });
        });
      }
    });
    const onlyA = [...mine[0]].filter((k) => !mine[1].has(k));
    const onlyB = [...mine[1]].filter((k) => !mine[0].has(k));
    if (onlyA.length + onlyB.length === 0) return [];
    const show = (keys: readonly string[]): Cell[] => keys.slice(0, EXAMPLES).map((k) => cells.get(k)!);
    return [
      { field: f.name, onlyA: onlyA.length, onlyB: onlyB.length, examplesA: show(onlyA), examplesB: show(onlyB) },
    ];
  });
  return { tables, fields };
}

function sees(side: Side | undefined, table: number, row: number): boolean {
  if (side === undefined) return false;
  const bits: Bits | undefined = side.outcome.kept.rows[table];
  return bits === undefined || hasBit(bits, row);
}

function usedSymbols(
  index: Int32Array,
  side: Side | undefined,
  table: number,
  field: number,
  count: number,
): Uint8Array {
  const used = new Uint8Array(count);
  if (side === undefined || side.omitted.has(field)) return used;
  for (let r = 0; r < index.length; r++) {
    const s = index[r]!;
    if (s >= 0 && sees(side, table, r)) used[s] = 1;
  }
  return used;
}
