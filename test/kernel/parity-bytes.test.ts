import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isUtf8 } from "../../src/bytes/utf8.ts";
import { type Kernel, SYMBOL_FAULT } from "../../src/kernel/kernel.ts";
import { BUILDS, pair, randomBytes } from "./world.ts";

const RUNS = process.env.QVAULT_LONG ? 10_000 : 1000;

/** Puts bytes at an odd address, with garbage behind them. */
function put(k: Kernel, bytes: Uint8Array, shift = 3): number {
  k.arena.wipe();
  const at = k.arena.alloc(bytes.byteLength + shift) + shift;
  k.arena.bytes(at, bytes.byteLength + 64).fill(0x84);
  k.arena.bytes(at, bytes.byteLength).set(bytes);
  return at;
}

/** Mostly well-formed text, long enough for several vectors, with a few bytes changed. */
const nearlyUtf8 = fc
  .tuple(
    fc.array(fc.string({ unit: "binary", maxLength: 12 }), { maxLength: 20 }),
    fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 0x41, 0x80, 0xbf, 0xc0, 0xc3, 0xe0, 0xed, 0xf0, 0xf4, 0xff)), {
      maxLength: 2,
    }),
    fc.constantFrom(0, 0, 1, 40, 130),
  )
  .map(([texts, faults, ascii]) => {
    const bytes = new TextEncoder().encode("a".repeat(ascii) + texts.join("").replace(/\p{Surrogate}/gu, ""));
    for (const [at, byte] of faults) if (bytes.length > 0) bytes[at % bytes.length] = byte;
    return bytes;
  });

const entry = fc.oneof(
  { weight: 3, arbitrary: fc.string({ maxLength: 30 }).map((text) => [4, ...text8(text), 0]) },
  { weight: 1, arbitrary: fc.string({ minLength: 100, maxLength: 300 }).map((text) => [4, ...text8(text), 0]) },
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((number) => [1, ...number]),
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((number) => [2, ...number]),
  fc.tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.string()).map(([n, t]) => [5, ...n, ...text8(t), 0]),
  fc.tuple(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.string()).map(([n, t]) => [6, ...n, ...text8(t), 0]),
);

function text8(text: string): Uint8Array {
  return new TextEncoder().encode(text.replaceAll("\0", ""));
}

const runOfTexts = fc.array(
  fc.string({ maxLength: 5 }).map((text) => [4, ...text8(text), 0]),
  { maxLength: 100 },
);

const table = fc
  .oneof(fc.array(entry, { maxLength: 40 }), runOfTexts)
  .map((entries) => ({ bytes: Uint8Array.from(entries.flat()), count: entries.length }));

/** Faults in some tables: a byte changed, a cut, a wrong count. */
const damagedTable = fc
  .tuple(table, fc.integer({ min: 0, max: 5 }), fc.nat(), fc.integer({ min: 0, max: 255 }))
  .map(([{ bytes, count }, how, at, byte]) => {
    if (how === 1 && bytes.length > 0) bytes[at % bytes.length] = byte;
    if (how === 2) return { bytes: bytes.slice(0, at % (bytes.length + 1)), count };
    if (how === 3) return { bytes, count: count + 1 };
    if (how === 4) return { bytes, count: Math.max(0, count - 1) };
    return { bytes, count };
  });

/** Everything a walk says, as plain numbers. */
function walk(k: Kernel, bytes: Uint8Array, count: number) {
  const at = put(k, bytes);
  const starts = k.arena.alloc((count + 1) * 4);
  const report = k.arena.alloc(12);
  const fault = k.symbols(at, bytes.byteLength, count, starts, report);
  const [whole, offset, types] = k.arena.uint32(report, 3);
  return { at, starts, fault, whole: whole!, offset, types, begins: [...k.arena.uint32(starts, whole! + 1)] };
}

describe.each(BUILDS)("kernel, $name build, bytes and symbols", ({ options }) => {
  const [a, b] = pair(options);
  const both = [a, b] as const;
  const runs = "shared" in options ? RUNS / 5 : RUNS;

  it("computes CRC-32C: the examples of RFC 3720 B.4", () => {
    for (const k of both) {
      const of = (bytes: Uint8Array) => k.crc32c(put(k, bytes), bytes.byteLength, 0);
      expect(of(new Uint8Array(32))).toBe(0x8a9136aa);
      expect(of(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
      expect(of(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
      expect(of(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe(0x113fdb5c);
      expect(of(new Uint8Array(0))).toBe(0);
    }
  });

  it("computes CRC-32C of anything, in pieces too", () => {
    const check = (bytes: Uint8Array, cut: number) => {
      const first = cut % (bytes.byteLength + 1);
      const [whole, pieces] = [a, b].map((k) => {
        const at = put(k, bytes);
        return k.crc32c(at + first, bytes.byteLength - first, k.crc32c(at, first, 0));
      });
      expect(pieces).toBe(whole);
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), check), { numRuns: runs });
  });

  it("validates UTF-8 as TextDecoder does, and finds where it ends", () => {
    const check = (bytes: Uint8Array) => {
      const [expected, found] = [a, b].map((k) => k.utf8(put(k, bytes), bytes.byteLength));
      expect(found).toBe(expected);
      expect(found === bytes.byteLength).toBe(isUtf8(bytes));
      expect(isUtf8(bytes.subarray(0, found))).toBe(true);
    };
    fc.assert(fc.property(nearlyUtf8, check), { numRuns: 3 * runs });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), check), { numRuns: runs });
  });

  it("validates every pair and triple of bytes that can matter, at every place of a vector", () => {
    const leads = [
      0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf3, 0xf4,
    ];
    const all = [...leads, 0xf5, 0xff, 0x8f, 0x90, 0x9f, 0xa0];
    const bytes = new Uint8Array(80);
    let wrong = 0;
    for (const x of all) {
      for (const y of all) {
        for (const z of all) {
          const place = (x * 7 + y * 3 + z) % 60;
          bytes.fill(0x61).set([x, y, z, 0x80], place);
          const found = b.utf8(put(b, bytes), 80);
          if ((found === 80) !== isUtf8(bytes) || found !== a.utf8(put(a, bytes), 80)) wrong += 1;
        }
      }
    }
    expect(wrong).toBe(0);
  });

  it("walks symbol tables, sound and damaged", () => {
    const check = ({ bytes, count }: { bytes: Uint8Array; count: number }) => {
      const { at: _a, starts: _s, ...expected } = walk(a, bytes, count);
      const { at: _b, starts: _t, ...found } = walk(b, bytes, count);
      expect(found).toEqual(expected);
    };
    fc.assert(fc.property(damagedTable, check), { numRuns: 2 * runs });
  });

  it("names each fault of a symbol table", () => {
    const faultOf = (bytes: number[], count: number) => {
      const faults = both.map((k) => walk(k, Uint8Array.from(bytes), count).fault);
      expect(faults[1]).toBe(faults[0]);
      return faults[0];
    };
    expect(faultOf([], 0)).toBe(SYMBOL_FAULT.NONE);
    expect(faultOf([4, 0, 1, 1, 2, 3, 4], 2)).toBe(SYMBOL_FAULT.NONE);
    expect(faultOf([3, 0], 1)).toBe(SYMBOL_FAULT.TYPE);
    expect(faultOf([4, 0, 0, 0], 2)).toBe(SYMBOL_FAULT.TYPE);
    expect(faultOf([1, 1, 2, 3], 1)).toBe(SYMBOL_FAULT.CUT);
    expect(faultOf([6, 1, 2, 3], 1)).toBe(SYMBOL_FAULT.CUT);
    expect(faultOf([4, 65], 1)).toBe(SYMBOL_FAULT.OPEN);
    expect(faultOf([5, 1, 2, 3, 4], 1)).toBe(SYMBOL_FAULT.OPEN);
    expect(faultOf([4, 0], 2)).toBe(SYMBOL_FAULT.MISSING);
    expect(faultOf([4, 0, 4, 0], 1)).toBe(SYMBOL_FAULT.LEFT);
  });

  it("finds the first symbol whose text is not UTF-8", () => {
    const check = (t: { bytes: Uint8Array; count: number }, where: number, byte: number) => {
      const bytes = t.bytes.slice();
      const before = walk(a, bytes, t.count);
      // A byte inside a text, if there is one: numbers may hold anything.
      const texts = before.begins
        .slice(0, t.count)
        .filter((begin, i) => bytes[begin] === 4 && before.begins[i + 1]! - begin > 2);
      const begin = texts[where % Math.max(1, texts.length)];
      if (begin !== undefined) bytes[begin + 1] = byte;
      const [expected, found] = both.map((k) => {
        const { at, starts } = walk(k, bytes, t.count);
        return k.symbolsUtf8(at, starts, t.count);
      });
      expect(found).toBe(expected);
      if (begin !== undefined) expect(found).toBe(before.begins.indexOf(begin));
    };
    fc.assert(fc.property(table, fc.nat(), fc.constantFrom(0x80, 0xff, 0xc0), check), { numRuns: runs });
  });

  it("places numbered symbols in the order of their numbers, and touches nothing around them", () => {
    const check = (t: { bytes: Uint8Array; count: number }, seed: number, parts: number) => {
      if (t.count === 0) return;
      // Some entries, in an order by chance, have the numbers from 1 on.
      const dice = randomBytes(seed, 2 * t.count);
      const order = [...Array(t.count).keys()].filter((i) => dice[i]! % 3 > 0);
      order.sort((x, y) => dice[t.count + x]! - dice[t.count + y]!);
      const numbers = new Uint32Array(t.count);
      order.forEach((i, number) => {
        numbers[i] = number + 1;
      });
      const [expected, found] = both.map((k) => {
        const { at, starts } = walk(k, t.bytes, t.count);
        const table = k.arena.alloc(4 * t.count);
        k.arena.uint32(table, t.count).set(numbers);
        const offsets = k.arena.alloc(4 * order.length);
        const cut = parts % (t.count + 1);
        k.numberedLengths(starts, cut, table, offsets);
        k.numberedLengths(starts + 4 * cut, t.count - cut, table + 4 * cut, offsets);
        const size = k.offsetsOf(offsets, order.length);
        const even = k.evenLength(starts, t.count);
        return [false, ...(even > 0 ? [true] : [])].map((byLength) => {
          const out = k.arena.alloc(size + 32);
          k.arena.bytes(out, size + 32).fill(0xa5);
          const place = (from: number, to: number) =>
            k.placeEntries(
              byLength ? at + even * from : at,
              byLength ? 0 : starts + 4 * from,
              to - from,
              table + 4 * from,
              byLength ? 0 : offsets,
              byLength ? even : 0,
              out + 16,
            );
          place(cut, t.count);
          place(0, cut);
          return [...k.arena.bytes(out, size + 32)];
        });
      });
      const starts = walk(a, t.bytes, t.count).begins;
      const pieces = order.map((i) => [...t.bytes.subarray(starts[i], starts[i + 1])]);
      const around = [...new Uint8Array(16).fill(0xa5)];
      for (const each of found!) expect(each).toEqual([...around, ...pieces.flat(), ...around]);
      expect(found!.length).toBe(expected!.length);
      expect(expected![0]).toEqual(found![0]);
      const lengths = new Set([...Array(t.count).keys()].map((i) => starts[i + 1]! - starts[i]!));
      expect(found!.length).toBe(lengths.size === 1 ? 2 : 1);
    };
    fc.assert(fc.property(table, fc.integer(), fc.nat(), check), { numRuns: runs / 2 });
    const evenTable = fc
      .tuple(fc.integer({ min: 2, max: 300 }), fc.integer({ min: 1, max: 40 }))
      .map(([length, count]) => {
        const bytes = new Uint8Array(length * count).map((_, i) =>
          i % length === 0 ? 4 : i % length === length - 1 ? 0 : 1 + ((i * 7) % 255),
        );
        return { bytes, count };
      });
    fc.assert(fc.property(evenTable, fc.integer(), fc.nat(), check), { numRuns: runs / 2 });
  });

  it("zeroes and copies", () => {
    for (const k of both) {
      const at = put(k, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), 0);
      k.copy(at + 2, at, 4);
      k.zero(at + 7, 1);
      expect([...k.arena.bytes(at, 8)]).toEqual([1, 2, 1, 2, 3, 4, 7, 0]);
    }
  });
});
