import { COLUMN_BYTES, type ColumnPlace, writeColumns } from "../../src/kernel/column.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { bitTableBytes, maskBytes, SLACK } from "../../src/kernel/sizes.ts";
import { createKernel } from "../../src/kernel/wasm.ts";
import { must, type Target } from "./target.ts";

/** What stands around every region: a byte that no call may have changed afterwards. */
const POISON = 0xa5;
const ARENA_BYTES = 2 * 1024 * 1024;
const MAX_ROWS = 2000;

let all: readonly Kernel[] | undefined;
const kernels = () =>
  (all ??= (["reference", "scalar", "simd"] as const).map((build) => createKernel({ build, arenaBytes: ARENA_BYTES })));

/** Regions of one run, the same in every kernel, each with poison before it and behind its slack. */
class Regions {
  readonly #kernel: Kernel;
  readonly #placed: { readonly at: number; readonly length: number; readonly compared: boolean }[] = [];

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    kernel.arena.wipe();
  }

  put(bytes: Uint8Array, compared = true): number {
    const { arena } = this.#kernel;
    const guard = arena.alloc(SLACK);
    arena.bytes(guard, SLACK).fill(POISON);
    const at = arena.alloc(bytes.byteLength);
    arena.bytes(at, bytes.byteLength).set(bytes);
    this.#placed.push({ at: guard, length: SLACK, compared: false }, { at, length: bytes.byteLength, compared });
    return at;
  }

  columns(places: readonly ColumnPlace[]): number {
    const at = writeColumns(this.#kernel.arena, places);
    this.#placed.push(...places.map((_, k) => ({ at: at + k * COLUMN_BYTES, length: 64, compared: true })));
    return at;
  }

  /** What is held against the other kernels. */
  content(): Uint8Array[] {
    const { arena } = this.#kernel;
    for (const { at, length, compared } of this.#placed) {
      if (compared || length !== SLACK) continue;
      must(
        arena.bytes(at, length).every((byte) => byte === POISON),
        `${this.#kernel.build}: a byte before a region was changed`,
      );
    }
    return this.#placed.filter((p) => p.compared).map(({ at, length }) => arena.bytes(at, length).slice());
  }
}

/** Runs the same on every build and holds results and regions against those of the reference. */
function compare(act: (kernel: Kernel, regions: Regions) => unknown): void {
  let expected: { readonly result: unknown; readonly content: readonly Uint8Array[] } | undefined;
  for (const kernel of kernels()) {
    const regions = new Regions(kernel);
    const result = act(kernel, regions);
    const content = regions.content();
    if (expected === undefined) {
      expected = { result, content };
      continue;
    }
    must(
      JSON.stringify(result) === JSON.stringify(expected.result),
      `${kernel.build} returns something else than the reference`,
    );
    content.forEach((bytes, i) => {
      must(
        Buffer.from(bytes).equals(expected!.content[i]!),
        `${kernel.build}: region ${i} is not that of the reference`,
      );
    });
  }
}

/** Bytes of the input taken one after the other; zeros behind its end. */
function feeder(data: Uint8Array) {
  let at = 0;
  const byte = () => data[at++] ?? 0;
  return {
    byte,
    word: () => byte() | (byte() << 8),
    rest: (length: number) => {
      const out = new Uint8Array(length);
      out.set(data.subarray(at, at + length));
      at += length;
      return out;
    },
  };
}

const OPS = ["unpack", "pack", "test", "refine", "scatter", "scatterAll", "renumber", "repack", "compact"] as const;

/** First byte the call, then rows, shape and fields; what is left fills records, tables and mask. */
const columns: Target = {
  name: "kernel-columns",
  files: ["kernel/reference.ts", "kernel/wasm.ts", "kernel/column.ts"],
  maxBytes: 4096,
  mutators: [],
  seeds: async () =>
    OPS.flatMap((_, op) =>
      [0, 1, 7, 63, 64, 65, 513].flatMap((rows) =>
        [0, 1].map((vectors) =>
          Uint8Array.from(
            { length: 700 },
            (_, i) => [op, rows & 255, rows >> 8, vectors, 5, 2][i] ?? (i * 37 + op * 11 + rows) & 255,
          ),
        ),
      ),
    ),
  run(data) {
    const f = feeder(data);
    const op = OPS[f.byte() % OPS.length]!;
    const rows = f.word() % (MAX_ROWS + 1);
    const vectors = f.byte() % 2 === 1 && op !== "compact";
    const recordBytes = 1 + (f.byte() % 64);
    const count = 1 + (f.byte() % 6);
    let bit = 0;
    const fields = Array.from({ length: count }, () => {
      const bitWidth = f.byte() % 33;
      const gap = f.byte() % 16;
      const bias = [0, -2, 1, 300][f.byte() % 4]!;
      const entries = Math.min(2 ** bitWidth, f.word() % 3001);
      const bitOffset = vectors ? gap : bit + gap;
      bit += gap + bitWidth;
      return { bitWidth, bitOffset, bias, entries };
    }).filter((each) => vectors || each.bitOffset + each.bitWidth <= recordBytes * 8);
    const fill = f.rest(512);
    const bytes = (length: number, salt: number) =>
      Uint8Array.from({ length }, (_, i) => fill[(i + salt * 7) & 511]! & (salt % 3 === 0 ? 0xff : 0x3f));
    compare((kernel, regions) => {
      const zero = op === "pack";
      const record = regions.put(zero ? new Uint8Array(rows * recordBytes) : bytes(rows * recordBytes, 0));
      const maskContent = bytes(maskBytes(rows), 3);
      for (let row = rows; row < maskBytes(rows) * 8; row++) maskContent[row >> 3]! &= ~(1 << (row & 7));
      const mask = regions.put(maskContent);
      // Behind what it writes a kernel may leave anything, as far as the slack goes.
      const kept = maskContent.reduce((n, byte) => n + byte.toString(2).replaceAll("0", "").length, 0);
      const out = regions.put(new Uint8Array(op === "compact" ? kept * recordBytes : rows * (4 * count + 4)));
      let toOffset = 0;
      const places = fields.map((each, k): ColumnPlace => {
        const length = Math.ceil((each.bitOffset + rows * each.bitWidth) / 8);
        const base = vectors ? regions.put(zero ? new Uint8Array(length) : bytes(length, k + 1)) : record;
        const needs =
          op === "unpack" || op === "pack"
            ? rows * 4
            : op === "renumber" || op === "repack"
              ? each.entries * 4
              : bitTableBytes(each.entries);
        const table = regions.put(
          op === "pack" || op === "test" || op === "refine" ? bytes(needs, k + 5) : new Uint8Array(needs),
        );
        const order = regions.put(new Uint8Array(each.entries * 4));
        const toWidth = 32;
        const place = {
          ...each,
          base,
          stride: vectors ? each.bitWidth : recordBytes * 8,
          table,
          order,
          toOffset,
          toWidth,
        };
        toOffset += toWidth;
        return place;
      });
      const at = regions.columns(places);
      switch (op) {
        case "unpack":
          return kernel.unpack(at, places.length, rows);
        case "pack":
          return kernel.pack(at, places.length, rows);
        case "test":
        case "refine":
          return kernel.test(at, places.length, rows, mask, op === "refine");
        case "scatter":
        case "scatterAll":
          return kernel.scatter(at, places.length, rows, op === "scatter" ? mask : 0);
        case "renumber":
          return kernel.renumber(at, places.length, rows);
        case "repack":
          return kernel.repack(at, places.length, rows, out, Math.max(8, toOffset));
        case "compact":
          return [kernel.compact(record, recordBytes, rows, mask, out), kernel.countRows(mask, rows)];
      }
    });
  },
};

/** Two bytes of count, then text or a symbol table as it lies in a file. */
const bytesTarget: Target = {
  name: "kernel-bytes",
  files: ["kernel/reference-bytes.ts", "kernel/reference-symbols.ts", "kernel/wasm.ts"],
  maxBytes: 8192,
  mutators: [],
  words: [
    "\u0004a\u0000",
    "\u00e4",
    "\u20ac",
    "\ud83d\ude00",
    "\u0001\u0000\u0000\u0000\u0000",
    "\u0005\u0007\u0000\u0000\u00007\u0000",
    "\u0006\u0000\u0000\u0000\u0000\u0000\u0000\u00e0?x\u0000",
  ],
  seeds: async () => {
    const entries = [
      "\u0004abc\u0000",
      "\u0001\u0002\u0000\u0000\u0000",
      "\u0005\u0007\u0000\u0000\u00007\u0000",
      "\u0002\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000",
      "\u0004\u20ac\u0000",
    ];
    const table = (n: number) =>
      new TextEncoder().encode(Array.from({ length: n }, (_, i) => entries[i % entries.length]).join(""));
    return [0, 1, 5, 33, 200]
      .map((n) => Uint8Array.from([n & 255, n >> 8, ...table(n)]))
      .concat([new TextEncoder().encode(`xx${"plain text ".repeat(40)}\u00e4\u20ac\ud83d\ude00`)]);
  },
  run(data) {
    const count = Math.min(4000, (data[0] ?? 0) | ((data[1] ?? 0) << 8));
    const content = data.subarray(2);
    compare((kernel, regions) => {
      const at = regions.put(content);
      const starts = regions.put(new Uint8Array((count + 1) * 4));
      const report = regions.put(new Uint8Array(12));
      const fault = kernel.symbols(at, content.byteLength, count, starts, report);
      const found: unknown[] = [
        fault,
        kernel.utf8(at, content.byteLength),
        kernel.crc32c(at, content.byteLength, count),
      ];
      if (fault === 0) found.push(kernel.symbolsUtf8(at, starts, count));
      return found;
    });
  },
};

export const KERNEL_TARGETS: readonly Target[] = [columns, bytesTarget];
