import { describe, expect, it } from "vitest";
import { graphSvg } from "../../src/output/graph-svg.ts";

const boxesOf = (svg: string) =>
  [...svg.matchAll(/<rect x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)" rx/g)].map((m) => m.slice(1).map(Number));

describe("the picture of a graph", () => {
  it("has every box and link, no box upon another, all inside", () => {
    const boxes = Array.from({ length: 40 }, (_, i) => ({ title: `Table ${i}`, lines: [`${i} rows`, "key"] }));
    const links = boxes.slice(1).map((_, i) => ({ from: Math.floor(i / 3), to: i + 1, label: `key ${i}` }));
    const svg = graphSvg({ boxes, links });
    const places = boxesOf(svg);
    expect(places.length).toBe(40);
    expect(svg.match(/<line /g)!.length).toBe(39);
    const [width, height] = /width="(\d+)" height="(\d+)"/.exec(svg)!.slice(1).map(Number);
    places.forEach(([x, y, w, h], i) => {
      expect(x! >= 0 && y! >= 0 && x! + w! <= width! && y! + h! <= height!).toBe(true);
      for (const [x2, y2, w2, h2] of places.slice(i + 1)) {
        expect(x! + w! <= x2! || x2! + w2! <= x! || y! + h! <= y2! || y2! + h2! <= y!).toBe(true);
      }
    });
    expect(graphSvg({ boxes, links })).toBe(svg);
  });

  it("escapes names, and cuts long ones", () => {
    const svg = graphSvg({ boxes: [{ title: '<script>"&\u0001', lines: ["x".repeat(100)] }], links: [] });
    expect(svg).toContain("&lt;script&gt;&quot;&amp;\ufffd");
    expect(svg).not.toContain("<script");
    expect(svg).toContain(`${"x".repeat(39)}…`);
  });

  it("of no tables is an empty picture", () => {
    expect(graphSvg({ boxes: [], links: [] })).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  });
});
