import type { Cell } from "../src/table/dual.ts";
import { UNKNOWN_FORMAT } from "../src/table/field.ts";
import { interner } from "../src/table/interner.ts";
import type { ColumnToWrite, TableToWrite } from "../src/table/qvd-write.ts";
import type { Batch } from "../src/table/table.ts";
import { seededRandom } from "./random.ts";

/** How many distinct values a column has, and what they look like. */
interface ColumnRecipe {
  readonly name: string;
  readonly distinct: (rows: number) => number;
  readonly value: (index: number) => Exclude<Cell, null>;
  /** Share of NULLs. */
  readonly nulls: number;
}

const word = (prefix: string) => (index: number) => `${prefix} ${index.toString(36).padStart(5, "0")}`;
const day = (index: number) => ({ number: 43_831 + index, text: isoDay(43_831 + index) });

function isoDay(serial: number): string {
  return new Date((serial - 25_569) * 86_400_000).toISOString().slice(0, 10);
}

/** Ten columns of a sales table: texts, duals, integers and doubles, from 10 distinct values to about one a row. */
const RECIPES: readonly ColumnRecipe[] = [
  { name: "Region", distinct: () => 10, value: word("region"), nulls: 0 },
  { name: "Channel", distinct: () => 50, value: word("channel"), nulls: 0.02 },
  { name: "Product", distinct: () => 2_000, value: word("product"), nulls: 0 },
  { name: "City", distinct: () => 10_000, value: word("città"), nulls: 0.05 },
  { name: "Customer", distinct: (rows) => rows / 5, value: word("customer"), nulls: 0 },
  { name: "OrderDate", distinct: () => 3_650, value: day, nulls: 0 },
  { name: "Quantity", distinct: () => 100, value: (i) => i + 1, nulls: 0 },
  { name: "OrderId", distinct: (rows) => rows, value: (i) => 1_000_000 + i, nulls: 0 },
  { name: "Price", distinct: (rows) => rows / 10, value: (i) => i / 100 + 0.005, nulls: 0 },
  { name: "Amount", distinct: (rows) => rows, value: (i) => i / 7, nulls: 0.01 },
];

/** Indexes are made in batches of this many rows; part of the recipe, since the random numbers are drawn in its order. */
const BATCH_ROWS = 65_536;

/**
 * A table of `rows` rows, the same for the same seed, as symbols and index columns in memory. With a million rows its
 * QVD has about 30 MB. Symbols are not in first-occurrence order, which no reader depends on.
 */
export function salesTable(rows: number, seed = 42): TableToWrite {
  const random = seededRandom(seed);
  const columns = RECIPES.map((recipe): ColumnToWrite => {
    const symbols = interner();
    const distinct = Math.max(1, Math.floor(recipe.distinct(rows)));
    for (let i = 0; i < distinct; i++) symbols.add(recipe.value(i));
    const { name } = recipe;
    return {
      name,
      numberFormat: UNKNOWN_FORMAT,
      comment: "",
      tags: [],
      symbols: symbols.table(),
      nullable: recipe.nulls > 0,
    };
  });
  const batches: Batch[] = [];
  for (let rowStart = 0; rowStart < rows; rowStart += BATCH_ROWS) {
    const count = Math.min(BATCH_ROWS, rows - rowStart);
    const indexes = RECIPES.map((recipe, k) => {
      const column = new Int32Array(count);
      const distinct = columns[k]!.symbols.count;
      for (let row = 0; row < count; row++) {
        column[row] = recipe.nulls > 0 && random() < recipe.nulls ? -2 : Math.floor(random() * distinct);
      }
      return column;
    });
    batches.push({ rowStart, rows: count, indexes });
  }
  return { name: "sales", columns, rows, batches, createdUtc: new Date(0) };
}
