import { needs } from "../errors.ts";
import { MAX_MODEL_ROWS } from "../limits.ts";
import type { Model, ModelColumn, ModelField, ModelTable } from "./model.ts";
import type { ScanProgress } from "./qvd-write.ts";
import type { SymbolTable } from "./symbols.ts";
import type { Table } from "./table.ts";

/** A table to take into a model, with what its app says of it. */
export interface TableToLoad {
  readonly table: Table;
  readonly loose?: boolean | undefined;
  readonly synthetic?: boolean | undefined;
}

export interface LoadOptions extends ScanProgress {
  /** Rows of one table; {@link MAX_MODEL_ROWS} if left out. */
  readonly maxRows?: number | undefined;
}

/**
 * Reads whole tables into a model. Columns that share a symbol table (the same object, as tables of one QVF do) share a
 * domain. What is said of a field that several tables have is taken from the first.
 * @throws `LIMIT_EXCEEDED` for more than `maxRows` rows, `MODEL_SHAPE` if a table has a field twice, and
 *   what reading throws
 */
export async function loadModel(tables: readonly TableToLoad[], options: LoadOptions = {}): Promise<Model> {
  const most = options.maxRows ?? MAX_MODEL_ROWS;
  const fields: ModelField[] = [];
  const byName = new Map<string, number>();
  const domains: SymbolTable[] = [];
  const known = new Map<SymbolTable, number>();
  const loaded: ModelTable[] = [];
  for (const { table, loose, synthetic } of tables) {
    needs(table.rows <= most, "LIMIT_EXCEEDED", `"${table.name}" has ${table.rows} rows, at most ${most}`);
    const columns: ModelColumn[] = [];
    for (const [ordinal, f] of table.fields.entries()) {
      let field = byName.get(f.name);
      if (field === undefined) {
        const { name, numberFormat, tags, comment } = f;
        field = fields.push({ name, numberFormat, tags, comment }) - 1;
        byName.set(name, field);
      }
      needs(!columns.some((c) => c.field === field), "MODEL_SHAPE", `table "${table.name}" has a field twice`);
      const symbols = await table.symbols(ordinal);
      let domain = known.get(symbols);
      if (domain === undefined) {
        domain = domains.push(symbols) - 1;
        known.set(symbols, domain);
      }
      columns.push({ field, domain, index: new Int32Array(table.rows) });
    }
    for await (const batch of table.scan(options)) {
      columns.forEach((c, k) => {
        const from = batch.indexes[k]!;
        for (let r = 0; r < batch.rows; r++) c.index[batch.rowStart + r] = Math.max(from[r]!, -1);
      });
    }
    const { name, comment, rows } = table;
    loaded.push({ name, comment, rows, columns, loose: loose === true, synthetic: synthetic === true });
  }
  return { fields, domains, tables: loaded };
}
