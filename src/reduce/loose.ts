import { countBits } from "../table/model-bits.ts";
import { type Sweep, scatter, test } from "./sweep.ts";

/**
 * Rows of loosely coupled tables. No association passes through such a table, but a row of it must not show an
 * excluded value: it stays if every cell is possible (section access notes, part 3).
 *
 * The cells of a synthetic table are really those of the tables that carry its key, so what a loose one loses, they lose:
 * among them may be synthetic tables again, made of more fields, whose holders lose it as well.
 */
export function keepLoose(sweep: Sweep): void {
  const { graph, loose } = sweep.forest;
  const shrunk: number[] = [];
  graph.tables.forEach((t, table) => {
    const asked = loose[table] ? t.keys.filter((key) => sweep.states[key.node] !== undefined) : [];
    for (const key of asked) test(sweep, table, key);
    if (asked.length > 0) shrunk.push(table);
  });
  for (const table of shrunk) for (const holder of takenFromHolders(sweep, table)) shrunk.push(holder);
}

/** Takes from the holders of a synthetic table's key the rows whose combination it lost; gives those that lost some. */
function takenFromHolders(sweep: Sweep, table: number): number[] {
  const { tables } = sweep.forest.graph;
  const { numbers, keys } = tables[table]!;
  if (numbers < 0) return [];
  sweep.states[numbers] = scatter(sweep, table, keys.find((k) => k.node === numbers)!);
  return [...tables.keys()].filter((other) => {
    const key = tables[other]!.keys.find((k) => k.node === numbers);
    if (key === undefined) return false;
    const before = sweep.rows[other];
    const rows = before === undefined ? tables[other]!.rows : countBits(before);
    test(sweep, other, key);
    return countBits(sweep.rows[other]!) < rows;
  });
}
