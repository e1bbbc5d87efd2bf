import { describe, expect, it } from "vitest";
import { verifyGraph } from "../../src/reduce/verify-graph.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";
import { buildForest, type Forest } from "../../src/table/model-forest.ts";
import type { Graph, GraphTable, Key } from "../../src/table/model-graph.ts";

/** Two tables that share A and B, NULLs among them, and one more that hangs at C; ZONE may be selected. */
const MODEL = modelOfCells([
  {
    name: "Left",
    fields: ["A", "B", "C"],
    rows: [
      ["x", 1, "c1"],
      ["y", 2, "c2"],
      [null, 1, "c1"],
    ],
  },
  {
    name: "Right",
    fields: ["B", "A", "R"],
    rows: [
      [1, "x", 7],
      [2, "y", 8],
      [1, null, 9],
    ],
  },
  {
    name: "More",
    fields: ["C", "ZONE"],
    rows: [
      ["c2", "EAST"],
      ["c1", "WEST"],
    ],
  },
]);
const FOREST = buildForest(MODEL, { selectable: ["ZONE"] });
const MADE = FOREST.graph.tables.findIndex((t) => t.table < 0);
const SYN = FOREST.graph.tables[MADE]!.numbers;

const nodeNamed = (name: string) => FOREST.graph.nodes.findIndex((n) => n.name === name);
const fieldAt = (name: string) => MODEL.fields.findIndex((f) => f.name === name);

function withGraph(changed: Partial<Graph>): Forest {
  return { ...FOREST, graph: { ...FOREST.graph, ...changed } };
}

function withTable(table: number, changed: (t: GraphTable) => Partial<GraphTable>): Forest {
  return withGraph({ tables: FOREST.graph.tables.map((t, i) => (i === table ? { ...t, ...changed(t) } : t)) });
}

function withKey(table: number, node: number, changed: (key: Key) => Partial<Key>): Forest {
  return withTable(table, (t) => ({ keys: t.keys.map((k) => (k.node === node ? { ...k, ...changed(k) } : k)) }));
}

function withCell(table: number, node: number, row: number, value: number): Forest {
  return withKey(table, node, (key) => ({ index: key.index.with(row, value) }));
}

function withNodeOf(field: string, node: number): Forest {
  return withGraph({ nodeOfField: FOREST.graph.nodeOfField.with(fieldAt(field), node) });
}

describe("the check of the association graph", () => {
  it("has nothing to say about what is right", () => {
    expect(MADE).toBe(3);
    expect(verifyGraph(FOREST)).toEqual([]);
  });

  const damaged: readonly (readonly [string, () => Forest])[] = [
    ['field "C" links tables but is no node', () => withNodeOf("C", -1)],
    ['field "C" has more than one node', () => withNodeOf("C", nodeNamed("A"))],
    [
      'values of "C" are numbered wrongly',
      () => {
        const [field, own] = [fieldAt("C"), FOREST.graph.ids.get(fieldAt("C"))!];
        const ofDomain = new Map([...own.ofDomain].map(([d, ids]) => [d, ids?.toReversed()]));
        // One of the two tables may need no numbers of its own: the other one's are turned round.
        expect([...ofDomain.values()].some((ids) => ids !== undefined)).toBe(true);
        return withGraph({ ids: new Map(FOREST.graph.ids).set(field, { ...own, ofDomain }) });
      },
    ],
    [
      'the node of "ZONE" has not as many values as symbols',
      () => withGraph({ nodes: FOREST.graph.nodes.map((n) => (n.name === "ZONE" ? { ...n, size: n.size + 1 } : n)) }),
    ],
    ['table "More" has another number of rows in the graph', () => withTable(2, () => ({ rows: 1 }))],
    ['a key of "More" is not its column', () => withKey(2, nodeNamed("C"), (k) => ({ index: k.index.toReversed() }))],
    ['field "C" of "More" is not linked', () => withTable(2, (t) => ({ keys: t.keys.slice(1) }))],
    ['a synthetic key of "Left" is not what its row shows', () => withCell(0, SYN, 0, 1)],
    [
      'a synthetic key of "More" has a field that the table has not',
      () => withTable(2, (t) => ({ keys: [...t.keys, { node: SYN, index: new Int32Array(2), ids: undefined }] })),
    ],
    [
      '"$Syn 1 Table" has no key of its own',
      () => withTable(MADE, (t) => ({ keys: t.keys.filter((k) => k.node !== SYN) })),
    ],
    ['rows of "$Syn 1 Table" are numbered wrongly', () => withCell(MADE, SYN, 0, 1)],
    [
      '"$Syn 1 Table" has a combination twice',
      () => {
        const { keys } = FOREST.graph.tables[MADE]!;
        const again = keys.map((k) => (k.node === SYN ? k : { ...k, index: k.index.with(1, k.index[0]!) }));
        return withTable(MADE, () => ({ keys: again }));
      },
    ],
    [
      '"$Syn 1 Table" links NULL with NULL',
      () => {
        const row = FOREST.graph.tables[0]!.keys.find((k) => k.node === SYN)!.index[2]!;
        return withCell(1, SYN, 2, row);
      },
    ],
  ];
  it.each(damaged)("says: %s", (what, make) => {
    const said = verifyGraph(make());
    expect(said).toContain(what);
    expect(new Set(said).size).toBe(said.length);
  });

  it("looks at the first field and the first node as at the others", () => {
    const first = FOREST.graph.nodes[0]!;
    expect([MODEL.fields[0]!.name, first.field]).toEqual(["A", 0]);
    expect(verifyGraph(withNodeOf("A", nodeNamed("C")))).toContain('field "A" has more than one node');
    const own = FOREST.graph.ids.get(0)!;
    const ids = new Map([...own.ofDomain].map(([d]) => [d, Int32Array.of(0, 0)]));
    const wrong = withGraph({ ids: new Map(FOREST.graph.ids).set(0, { ...own, ofDomain: ids }) });
    expect(verifyGraph(wrong)).toContain('values of "A" are numbered wrongly');
    // Keys of the synthetic table are its own; a table with the field and no key at all lacks it.
    expect(verifyGraph(withTable(0, (t) => ({ keys: t.keys.filter((k) => k.node !== SYN) })))).toContain(
      'field "A" of "Left" is not linked',
    );
  });

  it("does not take a field that a table has not for a key of it", () => {
    const strange = { node: nodeNamed("A"), index: new Int32Array(2), ids: undefined };
    expect(verifyGraph(withTable(2, (t) => ({ keys: [...t.keys, strange] })))).toContain(
      'a key of "More" is not its column',
    );
  });

  it("reads keys of a synthetic table through their numbers, if they have some", () => {
    const turned = withKey(MADE, nodeNamed("A"), (k) => ({
      index: k.index.map((v) => (v < 0 ? v : 1 - v)),
      ids: Int32Array.of(1, 0),
    }));
    expect(turned.graph.tables[MADE]!.keys.some((k) => k.ids !== undefined && k.index.includes(-1))).toBe(true);
    expect(verifyGraph(turned)).toEqual([]);
    const half = withKey(MADE, nodeNamed("A"), () => ({ ids: Int32Array.of(1, 0) }));
    expect(verifyGraph(half)).toContain('a synthetic key of "Left" is not what its row shows');
  });

  describe("wants equal values to have equal numbers, others other ones, all of them inside the node", () => {
    const table = (name: string, ...values: readonly (string | number)[]) => ({
      name,
      fields: ["K"],
      rows: values.map((value) => [value]),
    });
    const forest = buildForest(modelOfCells([table("One", "a", "b"), table("Two", "b", "a", "c")]), { selectable: [] });
    const own = forest.graph.ids.get(0)!;
    const { size } = forest.graph.nodes[0]!;
    const domainOf = (t: number) => forest.graph.model.tables[t]!.columns[0]!.domain;
    const numbered = (one: readonly number[], two: readonly number[], values = size) => {
      const ofDomain = new Map([
        [domainOf(0), Int32Array.from(one)],
        [domainOf(1), Int32Array.from(two)],
      ]);
      const nodes = forest.graph.nodes.map((n) => ({ ...n, size: values }));
      const { graph } = forest;
      const keys = (t: number) => graph.tables[t]!.keys.map((k) => ({ ...k, ids: ofDomain.get(domainOf(t)) }));
      const tables = graph.tables.map((t, i) => ({ ...t, keys: keys(i) }));
      return verifyGraph({ ...forest, graph: { ...graph, nodes, tables, ids: new Map([[0, { ...own, ofDomain }]]) } });
    };

    it.each([
      ["as they are", [0, 1], [1, 0, 2], 3],
      ["in another order", [2, 1], [1, 2, 0], 3],
      ["with room left", [0, 1], [1, 0, 3], 4],
    ])("and has nothing to say: %s", (_, one, two, values) => expect(numbered(one, two, values)).toEqual([]));

    it.each([
      ["a value with two numbers", [0, 1], [3, 0, 2], 4],
      ["two values with one number", [0, 1], [1, 0, 1], 3],
      ["two of one table with one number", [0, 0], [0, 0, 2], 3],
      ["a number below zero", [0, 1], [1, 0, -1], 3],
      ["a number as great as the node", [0, 1], [1, 0, 3], 3],
    ])("and finds %s", (_, one, two, values) =>
      expect(numbered(one, two, values)).toEqual(['values of "K" are numbered wrongly']),
    );
  });

  it("finds a circle that no loose table breaks", () => {
    const ring = [
      ["A", "B"],
      ["B", "C"],
      ["C", "A"],
    ].map((fields, i) => ({ name: `T${i}`, fields, rows: [[1, 1]] }));
    const forest = buildForest(modelOfCells(ring), { selectable: [] });
    expect(verifyGraph(forest)).toEqual([]);
    const tight = { ...forest, loose: forest.loose.map(() => false) };
    expect(verifyGraph(tight)).toEqual(["associations run in a circle that no loose table breaks"]);
    expect(verifyGraph({ ...tight, loops: "keep" })).toEqual([]);
  });
});
