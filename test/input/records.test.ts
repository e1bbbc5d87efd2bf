import { describe, expect, it } from "vitest";
import { inputRecords, lineEnds } from "../../src/input/records.ts";

async function groupsOf(...pieces: readonly string[]) {
  const groups: string[][] = [];
  const places: number[][] = [];
  const stream = pieces.map((piece) => new TextEncoder().encode(piece));
  for await (const group of inputRecords(stream, lineEnds())) {
    groups.push(group.map((record) => new TextDecoder().decode(record.bytes)));
    places.push(...group.map((record) => [record.number, record.offset]));
  }
  return { groups, places };
}

describe("records of a stream", () => {
  it("come in groups of what ends in a piece, of 8,192 at the most, so that short lines do not pile up", async () => {
    const lines = (count: number) => "x\n".repeat(count);
    for (const [count, sizes] of [
      [8191, [8191]],
      [8192, [8192]],
      [8193, [8192, 1]],
      [20_000, [8192, 8192, 3616]],
    ] as const) {
      const { groups, places } = await groupsOf(lines(count));
      expect(groups.map((group) => group.length)).toEqual(sizes);
      expect(groups.flat().every((line) => line === "x\n")).toBe(true);
      expect(places).toEqual(Array.from({ length: count }, (_, i) => [i + 1, 2 * i]));
    }
  });

  it("are put together from pieces that end anywhere, also right behind a full group", async () => {
    const all = "x\n".repeat(8192);
    const { groups } = await groupsOf(`${all}a`, "b\n", `${all}`, "end");
    expect(groups.map((group) => group.length)).toEqual([8192, 1, 8192, 1]);
    expect([groups[1], groups[3]]).toEqual([["ab\n"], ["end"]]);
  });
});
