import { QErr } from "../errors.ts";
import type { ByteSink } from "../source/sink.ts";
import { checkScan, type ScanPlan } from "../table/scan-plan.ts";
import type { ScanOptions, Table } from "../table/table.ts";

/** Which side of a dual goes out. A number without a text of its own and a text are no duals: they stay what they are. */
export type DualSides = "text" | "number" | "both";

/** What every export writer takes. Fields, rows, progress and cancelling come in through `scan`. */
export interface ExportOptions {
  readonly scan?: ScanOptions | undefined;
  /** Each format has its own default. */
  readonly duals?: DualSides | undefined;
  /** Memory for symbols kept in their output form, bytes; 64 MiB if left out. A field beyond it is encoded cell by cell. */
  readonly cacheBytes?: number | undefined;
}

/** The sink of a writer: the caller commits or aborts it, so that output of damaged input never gets its name. */
export type ExportSink = Pick<ByteSink, "write">;

export const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;

/**
 * The fields and rows asked for.
 * @throws `TABLE_NO_FIELD`, `TABLE_ROWS`
 */
export function planExport(table: Table, options: ExportOptions): ScanPlan {
  return checkScan(table.fields.length, table.rows, options.scan ?? {});
}

/**
 * Names of output columns for formats that find a column by its name.
 * @throws `OUTPUT_VALUE` if two are alike (a field was asked for twice)
 */
export function distinctNames(names: readonly string[], format: string): readonly string[] {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) {
      throw new QErr("OUTPUT_VALUE", `${format} cannot hold two columns named "${name}"`, {
        hint: "ask for each field once, or export to json or csv",
      });
    }
    seen.add(name);
  }
  return names;
}

/** `name` with `suffix`, and more of it until no field of the table has the name. */
export function sideName(table: Table, name: string, suffix: string): string {
  let made = name + suffix;
  while (table.fields.some((field) => field.name === made)) made += suffix;
  return made;
}
