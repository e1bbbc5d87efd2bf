import { numberIndex } from "../src/table/number-index.ts";
import type { BenchCase } from "./case.ts";
import { randomNumbers } from "./data.ts";

const ROWS = 2_000_000;

/** Finds a place for each of the numbers, one after the other; gives how many there are. */
type Places = (numbers: Float64Array) => number;

const byIndex: Places = (numbers) => {
  const index = numberIndex();
  let count = 0;
  for (const number of numbers) if (index.find(number) < 0) index.set(count++);
  return count;
};

const byMap: Places = (numbers) => {
  const places = new Map<number, number>();
  for (const number of numbers) if (!places.has(number)) places.set(number, places.size);
  return places.size;
};

const placing = (name: string, distinct: number, places: Places): BenchCase => ({
  name: `intern/${distinct.toLocaleString("en")} doubles, ${name}`,
  about: `a symbol for each of ${ROWS.toLocaleString("en")} values`,
  async prepare() {
    const next = randomNumbers(1);
    const numbers = Float64Array.from({ length: ROWS }, () => Math.floor((next() / 2 ** 32) * distinct) / 7 + 0.001);
    const expected = new Set(numbers).size;
    return {
      rows: ROWS,
      bytes: numbers.byteLength,
      async run() {
        if (places(numbers) !== expected) throw new Error("a number was lost");
      },
    };
  },
});

export const INTERN_CASES: readonly BenchCase[] = [1_000, 1_000_000].flatMap((distinct) => [
  placing("typed arrays", distinct, byIndex),
  placing("Map", distinct, byMap),
]);
