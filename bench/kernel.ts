import { Arena } from "../src/kernel/arena.ts";
import { COLUMN_BYTES, type ColumnPlace, writeColumns } from "../src/kernel/column.ts";
import type { Kernel } from "../src/kernel/kernel.ts";
import { bitTableBytes, maskBytes } from "../src/kernel/sizes.ts";
import { createKernel, type KernelOptions } from "../src/kernel/wasm.ts";
import { type DataSet, type FieldPlace, fillRandom, placesOf, randomNumbers } from "./data.ts";
import {
  type FilterJs,
  filterFourJs,
  filterJs,
  type TestJs,
  testEightJs,
  testJs,
  type UnpackJs,
  unpackAllJs,
  unpackFourJs,
  unpackJs,
} from "./kernel-js.ts";
import { type Case, type Figure, measure } from "./measure.ts";

export interface KernelBenchOptions {
  readonly rows: number;
  readonly rounds: number;
  readonly build?: KernelOptions["build"];
}

/** Record bytes a call, about: they stay in the second-level cache, and V8 can change to its better code in between. */
const CALL_BYTES = 256 * 1024;

/** Share of a field's symbols that is allowed, per reduction field. */
const ONE_FIELD = 0.1;
const FOUR_FIELDS = [0.1, 0.5, 0.5, 0.5];

/** Everything of one data set in one memory, and what to run over it. */
export function kernelFigures(data: DataSet, options: KernelBenchOptions): Figure[] {
  const { rows } = options;
  const { recordBytes, name } = data;
  const fields = placesOf(data);
  const bytes = rows * recordBytes;
  const chunk = 2 ** Math.floor(Math.log2(CALL_BYTES / recordBytes));
  const outBytes = chunk * 4;
  const kernel = createKernel({
    build: options.build,
    arenaBytes: 2 * Arena.sizeOf(bytes) + fields.length * (Arena.sizeOf(outBytes) + (1 << 20)) + (1 << 24),
  });
  const { arena } = kernel;
  const records = arena.alloc(bytes);
  fillRandom(arena.uint32(records, bytes / 4), data.seed);
  const copyTo = arena.alloc(bytes);
  arena.bytes(copyTo, bytes).fill(1);
  const mask = arena.alloc(maskBytes(rows));

  const forChunks = (run: (row: number, n: number) => void) => {
    for (let row = 0; row < rows; row += chunk) run(row, Math.min(chunk, rows - row));
  };
  const place = (f: FieldPlace, table: number, entries: number): ColumnPlace => {
    return { base: records, stride: recordBytes * 8, ...f, bias: 0, table, entries };
  };
  /** Descriptors that point to one chunk after the other. */
  const moving = (places: readonly ColumnPlace[]) => {
    const columns = writeColumns(arena, places);
    return (row: number) => {
      for (let k = 0; k < places.length; k++) {
        arena.view.setUint32(columns + k * COLUMN_BYTES, records + row * recordBytes, true);
      }
      return columns;
    };
  };
  const outs = fields.map(() => arena.alloc(outBytes));
  const outArrays = outs.map((out) => arena.int32(out, chunk));
  const wordsOf = { words: arena.int32(records, bytes / 4), step: recordBytes / 4 };
  const copied = arena.int32(copyTo, bytes / 4);
  const chosen = new Int32Array(chunk + 4);

  const byWidth = (width: number) => fields.find((f) => f.bitWidth === width)!;
  const narrow = byWidth(10);
  const key = byWidth(8);
  const keyBits = bits(kernel, key, ONE_FIELD);
  const wide = byWidth(20);
  const wideBits = bits(kernel, wide, ONE_FIELD);
  const reducing = [key, ...fields.filter((f) => [7, 9, 10].includes(f.bitWidth)).slice(0, 3)];
  const sets = reducing.map((f, k) => bits(kernel, f, FOUR_FIELDS[k]!));

  const one = moving([place(narrow, outs[0]!, 2 ** narrow.bitWidth)]);
  const all = moving(fields.map((f, k) => place(f, outs[k]!, 2 ** f.bitWidth)));
  const nullable = moving(fields.map((f, k) => ({ ...place(f, outs[k]!, 2 ** f.bitWidth - 1), bias: -2 })));
  const oneKey = moving([place(key, keyBits.table, 2 ** key.bitWidth)]);
  const oneWide = moving([place(wide, wideBits.table, 2 ** wide.bitWidth)]);
  const four = moving(reducing.map((f, k) => place(f, sets[k]!.table, 2 ** f.bitWidth)));
  const copyName = `${name} memory.copy`;
  const unpackOne = (unpack: UnpackJs) => () =>
    forChunks((row, n) => unpack(wordsOf, row, n, narrow, outArrays[0]!, 0));
  const unpackAll = (unpack: UnpackJs) => () =>
    forChunks((row, n) => unpackAllJs(unpack, wordsOf, row, n, fields, outArrays));
  const toBitmap = (test: TestJs) => () =>
    forChunks((row, n) => test(wordsOf, row, n, key, keyBits.allowed, arena.bytes(mask, maskBytes(n))));
  const filter = (filterRows: FilterJs) => () => {
    let kept = 0;
    forChunks((row, n) => {
      kept += filterRows(wordsOf, row, n, key, keyBits.allowed, chosen, copied, kept * wordsOf.step);
    });
  };
  const tested = (columns: (row: number) => number) => () =>
    forChunks((row, n) => kernel.test(columns(row), 1, n, mask + row / 8, false));
  const compacted = (columns: (row: number) => number, count: number) => () =>
    compactAll(kernel, forChunks, columns, count, records, recordBytes, mask, copyTo);
  /** The kernel against its twins. */
  const against = (what: string, run: () => void, plain: () => void, unrolled: () => void): Case[] => [
    { name: `${name} ${what}, JavaScript`, bytes, run: plain },
    { name: `${name} ${what}, JavaScript unrolled by hand`, bytes, run: unrolled },
    { name: `${name} ${what}`, bytes, copy: copyName, js: `${name} ${what}, JavaScript`, run },
  ];
  const alone = (what: string, run: () => void): Case => ({ name: `${name} ${what}`, bytes, copy: copyName, run });
  const cases: Case[] = [
    { name: copyName, bytes, run: () => kernel.copy(copyTo, records, bytes) },
    ...against(
      "unpack 1 column",
      () => forChunks((row, n) => kernel.unpack(one(row), 1, n)),
      unpackOne(unpackJs),
      unpackOne(unpackFourJs),
    ),
    ...against(
      "unpack all columns",
      () => forChunks((row, n) => kernel.unpack(all(row), fields.length, n)),
      unpackAll(unpackJs),
      unpackAll(unpackFourJs),
    ),
    alone("unpack all columns, NULLs and fewer symbols than bits", () =>
      forChunks((row, n) => kernel.unpack(nullable(row), fields.length, n)),
    ),
    ...against("filter 1 field to bitmap", tested(oneKey), toBitmap(testJs), toBitmap(testEightJs)),
    alone(`filter 1 field of ${2 ** 20} symbols to bitmap`, tested(oneWide)),
    ...against("test and compact 10 %", compacted(oneKey, 1), filter(filterJs), filter(filterFourJs)),
    alone("test 4 columns and compact", compacted(four, reducing.length)),
  ];
  return measure(cases, options.rounds, 2);
}

function compactAll(
  kernel: Kernel,
  forChunks: (run: (row: number, n: number) => void) => void,
  columns: (row: number) => number,
  count: number,
  records: number,
  recordBytes: number,
  mask: number,
  out: number,
): void {
  let kept = 0;
  forChunks((row, n) => {
    kernel.test(columns(row), count, n, mask, false);
    kept += kernel.compact(records + row * recordBytes, recordBytes, n, mask, out + kept * recordBytes);
  });
}

/** A random set of a field's symbols, as the bit table of the kernel and the byte table of its twin. */
function bits(kernel: Kernel, f: FieldPlace, share: number) {
  const entries = 2 ** f.bitWidth;
  const next = randomNumbers(entries + 7);
  const allowed = Uint8Array.from({ length: entries }, () => (next() / 2 ** 32 < share ? 1 : 0));
  const table = kernel.arena.alloc(bitTableBytes(entries));
  const view = kernel.arena.bytes(table, bitTableBytes(entries));
  allowed.forEach((yes, i) => {
    view[i >> 3]! |= yes << (i & 7);
  });
  return { allowed, table };
}
