/**
 * Numbers of the connected components of the association graph, by field: fields of one table are connected, and so are
 * tables with a common field. Components are numbered by their first field, as Qlik numbers them.
 */
export function fieldComponents(fieldCount: number, tables: readonly (readonly number[])[]): Int32Array {
  const tablesOf: number[][] = Array.from({ length: fieldCount }, () => []);
  tables.forEach((fields, t) => {
    for (const field of fields) tablesOf[field]!.push(t);
  });
  const component = new Int32Array(fieldCount).fill(-1);
  const visited = new Uint8Array(tables.length);
  let count = 0;
  for (let start = 0; start < fieldCount; start++) {
    if (component[start]! >= 0) continue;
    const open = [start];
    component[start] = count;
    for (let field = open.pop(); field !== undefined; field = open.pop()) {
      for (const t of tablesOf[field]!) {
        if (visited[t] === 1) continue;
        visited[t] = 1;
        for (const next of tables[t]!) {
          if (component[next]! >= 0) continue;
          component[next] = count;
          open.push(next);
        }
      }
    }
    count += 1;
  }
  return component;
}

/** How many components {@link fieldComponents} found. */
export function componentCount(components: Int32Array): number {
  let most = -1;
  for (const component of components) most = Math.max(most, component);
  return most + 1;
}
