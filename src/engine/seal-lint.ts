import type { QvdTable } from "../table/qvd-table.ts";
import { ordinalsOf } from "../table/scan-plan.ts";
import { type SymbolTable, symbolTextBytes } from "../table/symbols.ts";
import type { Table } from "../table/table.ts";
import type { SealOptions } from "./seal-plan.ts";

/** Something that the plain rest of a sealed file gives away. Never quotes a value. */
export interface LeakFinding {
  readonly kind: "one-to-one" | "determines" | "coarser" | "quoted" | "unguarded";
  readonly sealed: string;
  /** The plain field, or the place in the header. */
  readonly by: string;
  readonly message: string;
}

/** Rows looked at; a dependency that holds for so many and fails later is not of the kind that matters. */
const MAX_ROWS = 5_000_000;
/** Texts shorter than this are found everywhere. */
export const MIN_TEXT = 4;
/** Header bytes that are searched, and texts that are searched for. */
export const MAX_TEXTS = 20_000;

/**
 * Looks for what a plain reader still learns of sealed fields:
 * - `one-to-one`: a plain field takes the sealed one's place; equal values and frequencies are as plain as before
 * - `determines`: with the plain field repeated in many rows, each of its values stands for one sealed value
 * - `coarser`: the sealed value settles the plain one, so the plain field groups sealed values
 * - `quoted`: a text of the field stands in lineage or comment that stay, or in a plain object of an app
 * - `unguarded`: section access of an app is sealed, fields that it is about are not
 */
export async function leakFindings(table: QvdTable, options: SealOptions): Promise<readonly LeakFinding[]> {
  if (options.mode === "closed") return [];
  const sealed = [...new Set(options.slots.flatMap((s) => ordinalsOf(table.fields, s.fields)))];
  const findings = [...(await tableLeaks(table, sealed, options.signal))];
  const kept: (readonly [string, string])[] = [];
  if (options.keepLineage)
    kept.push(["lineage", table.header.lineage.map((l) => `${l.discriminator}\n${l.statement}`).join("\n")]);
  if (options.keepComment) kept.push(["comment", table.comment]);
  for (const [by, text] of kept) {
    for (const ordinal of sealed) {
      if (text === "" || !quotes(text, await table.symbols(ordinal))) continue;
      const name = table.fields[ordinal]!.name;
      findings.push({
        kind: "quoted",
        sealed: name,
        by,
        message: `the ${by} quotes a value of the sealed field "${name}"`,
      });
    }
  }
  return findings;
}

/** What the plain fields of a table tell of its sealed ones, whose ordinals are given. */
export async function tableLeaks(
  table: Table,
  sealed: readonly number[],
  signal: AbortSignal | undefined,
): Promise<readonly LeakFinding[]> {
  const plain = [...table.fields.keys()].filter((ordinal) => !sealed.includes(ordinal));
  const pairs = sealed.flatMap((s) => plain.map((p) => new Pair(table, s, p)));
  if (pairs.length > 0) {
    for await (const batch of table.scan({ to: MAX_ROWS, signal })) {
      for (const pair of pairs) pair.see(batch.indexes[pair.sealed]!, batch.indexes[pair.plain]!, batch.rows);
    }
  }
  return pairs.flatMap((pair) => pair.finding() ?? []);
}

function quotes(text: string, symbols: SymbolTable): boolean {
  const haystack = Buffer.from(text);
  for (let i = 0; i < Math.min(symbols.count, MAX_TEXTS); i++) {
    const bytes = symbolTextBytes(symbols, i);
    if (bytes && bytes.byteLength >= MIN_TEXT && haystack.includes(Buffer.from(bytes))) return true;
  }
  return false;
}

const UNSEEN = -3;

/** One sealed and one plain field: does either settle the other? NULL counts as a value. */
class Pair {
  readonly sealed: number;
  readonly plain: number;
  private readonly table: Table;
  /** By index + 2, so that NULL (-2) has a place. */
  private readonly sealedOf: Int32Array;
  private readonly plainOf: Int32Array;
  private plainSettles = true;
  private sealedSettles = true;
  private rows = 0;

  constructor(table: Table, sealed: number, plain: number) {
    this.table = table;
    this.sealed = sealed;
    this.plain = plain;
    this.sealedOf = new Int32Array(table.fields[plain]!.symbolCount + 2).fill(UNSEEN);
    this.plainOf = new Int32Array(table.fields[sealed]!.symbolCount + 2).fill(UNSEEN);
  }

  see(sealed: Int32Array, plain: Int32Array, rows: number): void {
    this.rows += rows;
    for (let row = 0; row < rows && (this.plainSettles || this.sealedSettles); row++) {
      const s = Math.max(-2, sealed[row]!);
      const p = Math.max(-2, plain[row]!);
      const sBefore = this.sealedOf[p + 2]!;
      if (sBefore === UNSEEN) this.sealedOf[p + 2] = s;
      else if (sBefore !== s) this.plainSettles = false;
      const pBefore = this.plainOf[s + 2]!;
      if (pBefore === UNSEEN) this.plainOf[s + 2] = p;
      else if (pBefore !== p) this.sealedSettles = false;
    }
  }

  finding(): LeakFinding | undefined {
    const count = (seen: Int32Array) => seen.reduce((n, value) => n + (value === UNSEEN ? 0 : 1), 0);
    const plainValues = count(this.sealedOf);
    const sealedValues = count(this.plainOf);
    // A constant tells nothing, and a key with a value for every row has no pattern to give away.
    if (plainValues < 2 || sealedValues < 2) return undefined;
    const sealed = this.table.fields[this.sealed]!.name;
    const by = this.table.fields[this.plain]!.name;
    const repeats = plainValues < this.rows;
    if (this.plainSettles && this.sealedSettles && repeats) {
      return {
        kind: "one-to-one",
        sealed,
        by,
        message: `"${by}" is plain and has exactly one value for each of the sealed field "${sealed}"`,
      };
    }
    if (this.plainSettles && repeats)
      return {
        kind: "determines",
        sealed,
        by,
        message: `"${by}" is plain, and each of its values goes with one value of the sealed field "${sealed}"`,
      };
    if (this.sealedSettles && repeats)
      return {
        kind: "coarser",
        sealed,
        by,
        message: `"${by}" is plain, and groups the values of the sealed field "${sealed}"`,
      };
    return undefined;
  }
}
