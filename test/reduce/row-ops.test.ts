import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BaseApp } from "../../src/engine/access-app.ts";
import { ARENA_BASE } from "../../src/kernel/arena.ts";
import { readCase } from "../../src/reduce/case-format.ts";
import { evaluateCase, runCase } from "../../src/reduce/case-run.ts";
import { KernelOps } from "../../src/reduce/kernel-ops.ts";
import { type RowOps, SCRIPT_OPS } from "../../src/reduce/semijoin.ts";
import { type Bits, hasBit, noValues, setBit } from "../../src/table/model-bits.ts";
import { modelOfCells } from "../../src/table/model-cells.ts";
import { Dice, randomCase } from "./random-case.ts";

const CASES = process.env.QVAULT_LONG === undefined ? 500 : 8_000;
const BUILDS: readonly (readonly [string, () => RowOps])[] = [
  ["TypeScript", () => SCRIPT_OPS],
  ["kernel in TypeScript", () => new KernelOps({ build: "reference" })],
  ["kernel, scalar", () => new KernelOps({ build: "scalar" })],
  ["kernel, SIMD", () => new KernelOps({ build: "simd" })],
  ["kernel, chunks of 64 rows", () => new KernelOps({ chunkRows: 64 })],
];

/** Every number of rows around the borders of words and chunks, with masks that are empty, thin, thick and full. */
const ROWS = [0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 200, 1000, 65_535, 65_536, 65_537, 131_100];
const DENSITIES = [0, 0.1, 0.9, 1];

function randomBits(dice: Dice, count: number, density: number): Bits {
  const out = new Uint32Array(Math.ceil(count / 32));
  for (let i = 0; i < count; i++) if (dice.next() < density) setBit(out, i);
  return out;
}

function randomIndex(dice: Dice, rows: number, size: number): Int32Array {
  return Int32Array.from({ length: rows }, () => (size === 0 || dice.chance(0.1) ? -1 : dice.below(size)));
}

describe.each(BUILDS)("the loops of the sweeps: %s", (_, make) => {
  it("TEST keeps the rows whose value is in the set, and no NULL", () => {
    const ops = make();
    const dice = new Dice(7);
    for (const rows of ROWS) {
      for (const density of DENSITIES) {
        const size = dice.pick([0, 1, 30, 31, 32, 63, 1000]);
        const index = randomIndex(dice, rows, size);
        const state = randomBits(dice, size + 1, 0.5);
        state[0]! &= ~1;
        const before = randomBits(dice, rows, density);
        const got = before.slice();
        const unchanged = state.slice();
        ops.test(index, state, got);
        expect(state).toEqual(unchanged);
        let wrong = 0;
        for (let r = 0; r < rows; r++) {
          const want = hasBit(before, r) && index[r]! >= 0 && hasBit(state, index[r]! + 1);
          if (hasBit(got, r) !== want) wrong++;
        }
        expect(wrong, `${rows} rows, ${size} values, ${density}`).toBe(0);
        expect(rows % 32 === 0 ? 0 : got.at(-1)! >>> (rows % 32), "bits behind the last row").toBe(0);
      }
    }
  });

  it("SCATTER adds the values of the rows, and bit 0 for NULL", () => {
    const ops = make();
    const dice = new Dice(8);
    for (const rows of ROWS) {
      for (const density of DENSITIES) {
        const size = dice.pick([0, 1, 30, 31, 32, 63, 1000]);
        const index = randomIndex(dice, rows, size);
        const mask = randomBits(dice, rows, density);
        const got = noValues(size);
        if (size > 0) setBit(got, size);
        const want = got.slice();
        for (let r = 0; r < rows; r++) if (hasBit(mask, r)) setBit(want, index[r]! + 1);
        const unchanged = mask.slice();
        ops.scatter(index, mask, got);
        expect(got, `${rows} rows, ${size} values, ${density}`).toEqual(want);
        expect(mask).toEqual(unchanged);
      }
    }
  });

  it("SCATTER sees nothing of the column before", () => {
    const ops = make();
    const index = Int32Array.from({ length: 64 }, (_, i) => i);
    ops.scatter(index, Uint32Array.of(0xffffffff, 0xffffffff), noValues(64));
    const got = noValues(64);
    ops.scatter(index.subarray(0, 20), Uint32Array.of(0b101), got);
    expect([...got]).toEqual([0b1010, 0, 0]);
  });

  it(`makes of ${CASES} random models what TypeScript makes of them`, { timeout: 600_000 }, () => {
    const ops = make();
    let reduced = 0;
    for (let seed = 500_001; seed <= 500_000 + CASES; seed++) {
      const policy = randomCase(seed);
      const got = evaluateCase(policy, ops);
      expect(got, `seed ${seed}`).toEqual(evaluateCase(policy, SCRIPT_OPS));
      if (!got.denied) reduced++;
    }
    expect(reduced).toBeGreaterThan(CASES / 3);
  });

  for (const folder of ["fixtures/section-access", "../shared/cases/section-access"]) {
    const there = existsSync(folder);
    if (!there) console.log(`skipped: ${folder} is not here, so its policy cases are not run`);
    it.skipIf(!there && process.env.CI !== "true")(`passes the policy cases of ${folder}`, () => {
      const ops = make();
      const files = readdirSync(folder).filter((f) => f.endsWith(".json"));
      expect(files.length).toBeGreaterThanOrEqual(46);
      for (const file of files) {
        expect(runCase(readCase(readFileSync(join(folder, file), "utf8")), ops).differences, file).toEqual([]);
      }
    });
  }
});

describe("runs of rows", () => {
  it("are gone through, passed over where no row is wanted, or gone through for nobody, and counted", () => {
    const ops = new KernelOps({ chunkRows: 64 });
    const counts = () => [ops.calls, ops.saved()];
    const [index, state] = [new Int32Array(192), noValues(1)];
    ops.scatter(index, Uint32Array.of(1, 0, 0, 0, 0, 1), state);
    expect(counts()).toEqual([2, 1]);
    ops.test(index, state, new Uint32Array(6));
    expect(counts()).toEqual([2, 4]);
    ops.test(index.subarray(0, 65), state, Uint32Array.of(0, 0, 1));
    expect(counts()).toEqual([3, 5]);
    ops.spend(3);
    expect(counts()).toEqual([6, 5]);
    ops.spend(0);
    expect(counts()).toEqual([6, 5]);
  });
});

describe("linear memory", () => {
  const rows = Array.from({ length: 3000 }, (_, i) => [i % 7, i]);
  const model = modelOfCells([
    { name: "Facts", fields: ["K", "N"], rows },
    { name: "Dim", fields: ["K", "ZONE"], rows: [0, 1, 2, 3, 4, 5, 6].map((k) => [k, k % 2 === 0 ? "EVEN" : "ODD"]) },
  ]);
  const access = [
    {
      name: "SA",
      fields: ["ACCESS", "USERID", "ZONE"],
      rows: [
        [{ text: "USER" }, { text: "EVA" }, { text: "EVEN" }],
        [{ text: "USER" }, { text: "LOST" }, { text: "NORTH" }],
      ],
    },
  ];
  const loaded = { name: "a", model, access, version: "v", syntheticKeys: [] };
  const held = (ops: KernelOps) => new Uint8Array(ops.memory!, ARENA_BASE).some((byte) => byte !== 0);

  it("holds nothing but zeros after a user was let in, and after one was denied", async () => {
    const ops = new KernelOps();
    let seen = 0;
    const watched: RowOps = {
      test: (index, state, bits) => ops.test(index, state, bits),
      scatter: (index, bits, state) => ops.scatter(index, bits, state),
      saved: () => ops.saved(),
      spend: (runs) => ops.spend(runs),
      wipe() {
        // The check would find what was there.
        if (ops.memory !== undefined && held(ops)) seen++;
        ops.wipe();
      },
    };
    const app = new BaseApp(loaded, { denyAfterMs: 0, ops: watched });
    const eva = await app.openAs({ user: { userid: "EVA" } });
    expect(eva.tables.map((t) => t.rows)).toEqual([rows.filter(([k]) => k! % 2 === 0).length, 4]);
    expect(seen).toBe(1);
    expect(held(ops)).toBe(false);
    await expect(app.openAs({ user: { userid: "LOST" } })).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    expect(held(ops)).toBe(false);
  });

  it("is wiped where a sweep fails", () => {
    const ops = new KernelOps();
    const broken: RowOps = {
      test(index, state, bits) {
        ops.test(index, state, bits);
        throw new Error("a sweep failed");
      },
      scatter: (index, bits, state) => ops.scatter(index, bits, state),
      saved: () => ops.saved(),
      spend: (runs) => ops.spend(runs),
      wipe: () => ops.wipe(),
    };
    const app = new BaseApp(loaded, { ops: broken });
    return expect(app.openAs({ user: { userid: "EVA" } }))
      .rejects.toThrow("a sweep failed")
      .then(() => expect(held(ops)).toBe(false));
  });

  it("is left behind empty when a larger set of values needs a new one", () => {
    const ops = new KernelOps({ chunkRows: 64 });
    const index = Int32Array.from({ length: 100 }, (_, i) => i);
    ops.scatter(index, new Uint32Array(4).fill(0xffffffff, 0, 3), noValues(100));
    const first = ops.memory!;
    ops.scatter(index, Uint32Array.of(1), noValues(10_000_000));
    expect(ops.memory).not.toBe(first);
    expect(new Uint8Array(first, ARENA_BASE).some((byte) => byte !== 0)).toBe(false);
  });

  it("is made when first used, and kept for as many values", () => {
    const ops = new KernelOps({ chunkRows: 64 });
    expect(ops.memory).toBeUndefined();
    ops.wipe();
    ops.scatter(new Int32Array(64), Uint32Array.of(1, 0), noValues(1000));
    const first = ops.memory;
    expect(first).toBeDefined();
    for (const values of [1000, 10]) ops.scatter(new Int32Array(64), Uint32Array.of(1, 0), noValues(values));
    expect(ops.memory).toBe(first);
  });

  it("is made anew only where there is no room, once for each of its pages", () => {
    const ops = new KernelOps({ chunkRows: 64 });
    const seen = new Set<unknown>();
    // By the 64 bytes that a set of values grows by, over the 64 KiB of a page.
    for (let step = 0; step < 1024; step++) {
      ops.scatter(new Int32Array(64), Uint32Array.of(1, 0), noValues(1000 + 512 * step));
      seen.add(ops.memory);
    }
    expect(seen.size).toBe(2);
  });

  it("takes chunks of whole mask words only", () => {
    for (const chunkRows of [0, -64, 65, 1.5]) expect(() => new KernelOps({ chunkRows })).toThrow(RangeError);
  });
});
