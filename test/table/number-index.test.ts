import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { numberIndex } from "../../src/table/number-index.ts";

const number = fc.oneof(
  fc.double(),
  fc.integer({ min: -50, max: 50 }),
  fc.integer(),
  fc.constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, Number.MAX_VALUE),
);

describe("numbers to places", () => {
  it("are what a Map has of them", () => {
    const check = (numbers: number[]) => {
      const [index, twin] = [numberIndex(), new Map<number, number>()];
      for (const value of numbers) {
        expect(index.find(value)).toBe(twin.get(value) ?? -1);
        if (twin.has(value)) continue;
        index.set(twin.size);
        twin.set(value, twin.size);
      }
      for (const [value, place] of twin) expect(index.find(value)).toBe(place);
    };
    fc.assert(fc.property(fc.array(number, { maxLength: 1500 }), check), { numRuns: 100 });
  });

  it("stay where they are while the index grows", () => {
    const index = numberIndex();
    for (let i = 0; i < 100_000; i++) {
      expect(index.find(i / 7)).toBe(-1);
      index.set(i);
    }
    let wrong = 0;
    for (let i = 0; i < 100_000; i++) if (index.find(i / 7) !== i) wrong += 1;
    expect(wrong).toBe(0);
    expect(index.find(0.5)).toBe(-1);
  });
});
