import { describe, expect, it } from "vitest";
import { associationGraph, drawGraph } from "../../src/engine/app-graph.ts";
import { MAX_ASSOCIATIONS, MAX_DRAWN_TABLES } from "../../src/limits.ts";
import { memorySink } from "../../src/source/sink.ts";
import { failure } from "../helpers/errors.ts";

/** Tables of which each has the fields of its place. */
const appOf = (fields: readonly (readonly string[])[]) => ({
  tables: fields.map((names, t) => ({ name: `T${t}`, rows: 1, fields: names, kind: "table" as const })),
  hasSectionAccess: false,
});

describe("the associations of an app", () => {
  it("are listed up to a number of pairs, and counted before any is made", async () => {
    // 362 tables of one field have 65,341 pairs; each of the others has two more.
    const tables = (more: number) => [
      ...Array.from({ length: 362 }, () => ["A"]),
      ...Array.from({ length: 2 * more }, (_, k) => [`B${k >> 1}`]),
    ];
    const rest = MAX_ASSOCIATIONS - (362 * 361) / 2;
    expect(associationGraph(appOf(tables(rest))).edges).toHaveLength(MAX_ASSOCIATIONS);
    const error = await failure("LIMIT_EXCEEDED", async () => associationGraph(appOf(tables(rest + 1))));
    expect(error.message).toContain(`${MAX_ASSOCIATIONS + 1} associations`);
    // Sixteen thousand tables have 134 million.
    await failure("LIMIT_EXCEEDED", async () => associationGraph(appOf(new Array(16_384).fill(["A"]))));
  });

  it("of two fields are one edge", () => {
    const { edges, tables } = associationGraph(appOf([["A", "B", "C"], ["B", "A"], ["C"]]));
    expect(edges).toEqual([
      { from: 0, to: 1, fields: ["A", "B"] },
      { from: 0, to: 2, fields: ["C"] },
    ]);
    expect(tables.map((table) => table.keys)).toEqual([["A", "B", "C"], ["B", "A"], ["C"]]);
  });

  it("are drawn of so many tables and no more", async () => {
    const graph = (count: number) => associationGraph(appOf(Array.from({ length: count }, (_, t) => [`F${t}`])));
    const sink = memorySink();
    await drawGraph(graph(MAX_DRAWN_TABLES), sink);
    await sink.commit();
    expect(sink.result().byteLength).toBeGreaterThan(MAX_DRAWN_TABLES);
    await failure("LIMIT_EXCEEDED", () => drawGraph(graph(MAX_DRAWN_TABLES + 1), memorySink()));
  });
});
