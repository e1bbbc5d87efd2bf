import { type Sweep, scatter, test } from "./sweep.ts";

/**
 * Rows of loosely coupled tables. No association passes through such a table, but a row of it must not show an
 * excluded value: it stays if every cell is possible (section access notes, part 3).
 *
 * The cells of a synthetic table are really those of the tables it was made for, so what a loose one loses, they lose.
 * Synthetic tables come in the order they were made, inner ones first.
 */
export function keepLoose(sweep: Sweep): void {
  const { graph, loose } = sweep.forest;
  const shrunk = new Set<number>();
  graph.tables.forEach((t, table) => {
    if (!loose[table]) return;
    for (const key of t.keys) {
      if (sweep.states[key.node] === undefined) continue;
      test(sweep, table, key);
      shrunk.add(table);
    }
  });
  graph.tables.forEach((t, table) => {
    if (t.numbers < 0 || !shrunk.has(table)) return;
    sweep.states[t.numbers] = scatter(sweep, table, t.keys.find((k) => k.node === t.numbers)!).slice();
    graph.tables.forEach((holder, other) => {
      const key = holder.keys.find((k) => k.node === t.numbers);
      if (other === table || key === undefined) return;
      test(sweep, other, key);
      shrunk.add(other);
    });
  });
}
