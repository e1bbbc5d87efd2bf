import { expect, it } from "vitest";
import { type DataSet, fillRandom, placesOf, T16, T60 } from "../../bench/data.ts";
import {
  filterFourJs,
  filterJs,
  testEightJs,
  testJs,
  unpackAllJs,
  unpackFourJs,
  unpackJs,
} from "../../bench/kernel-js.ts";
import { writeColumns } from "../../src/kernel/column.ts";
import { bitTableBytes, maskBytes } from "../../src/kernel/sizes.ts";
import { createKernel } from "../../src/kernel/wasm.ts";

const ROWS = 5_000;

it.each<[string, DataSet]>([
  ["t16", T16],
  ["t60", T60],
])("the JavaScript that %s is measured against does the same work as the kernel", (_name, data) => {
  const { recordBytes } = data;
  const fields = placesOf(data);
  const key = fields.find((f) => f.bitWidth === 8)!;
  const kernel = createKernel({ arenaBytes: 1 << 22 });
  const { arena } = kernel;
  const records = arena.alloc(ROWS * recordBytes);
  fillRandom(arena.uint32(records, (ROWS * recordBytes) / 4), data.seed);
  const at = { words: arena.int32(records, (ROWS * recordBytes) / 4), step: recordBytes / 4 };
  const stride = recordBytes * 8;
  const tables = fields.map(() => arena.alloc(4 * ROWS));
  const place = (f: (typeof fields)[number], table: number) => {
    return { base: records, stride, ...f, bias: 0, table, entries: 2 ** f.bitWidth };
  };
  kernel.unpack(
    writeColumns(
      arena,
      fields.map((f, k) => place(f, tables[k]!)),
    ),
    fields.length,
    ROWS,
  );
  const columns = tables.map((table) => [...arena.int32(table, ROWS)]);
  for (const unpack of [unpackJs, unpackFourJs]) {
    const outs = fields.map(() => new Int32Array(ROWS));
    unpackAllJs(unpack, at, 0, ROWS, fields, outs);
    expect(outs.map((out) => [...out])).toEqual(columns);
  }

  const allowed = Uint8Array.from({ length: 256 }, (_, i) => (i % 10 === 3 ? 1 : 0));
  const table = arena.alloc(bitTableBytes(256));
  allowed.forEach((yes, i) => {
    arena.bytes(table, 32)[i >> 3]! |= yes << (i & 7);
  });
  const mask = arena.alloc(maskBytes(ROWS));
  kernel.test(writeColumns(arena, [place(key, table)]), 1, ROWS, mask, false);
  for (const test of [testJs, testEightJs]) {
    const found = new Uint8Array(maskBytes(ROWS));
    test(at, 0, ROWS, key, allowed, found);
    expect(found).toEqual(arena.bytes(mask, maskBytes(ROWS)).slice());
  }
  const out = arena.alloc(ROWS * recordBytes);
  const kept = kernel.compact(records, recordBytes, ROWS, mask, out);
  expect(kept).toBeGreaterThan(ROWS / 20);
  for (const filter of [filterJs, filterFourJs]) {
    const copied = new Int32Array((ROWS * recordBytes) / 4 + 1);
    expect(filter(at, 0, ROWS, key, allowed, new Int32Array(ROWS + 4), copied, 1)).toBe(kept);
    expect(copied.slice(1, 1 + kept * at.step)).toEqual(arena.int32(out, kept * at.step).slice());
  }
});
