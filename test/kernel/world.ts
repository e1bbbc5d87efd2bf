import fc from "fast-check";
import type { Arena, Pointer } from "../../src/kernel/arena.ts";
import { COLUMN_BYTES, type ColumnPlace, writeColumns } from "../../src/kernel/column.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { maskBytes } from "../../src/kernel/sizes.ts";
import { createKernel, type KernelOptions } from "../../src/kernel/wasm.ts";

/** Every build that must do what the reference does. */
export const BUILDS = [
  { name: "scalar", options: { build: "scalar" } },
  { name: "simd", options: { build: "simd" } },
  { name: "scalar, shared", options: { build: "scalar", shared: true } },
  { name: "simd, shared", options: { build: "simd", shared: true } },
] as const satisfies readonly { name: string; options: Partial<KernelOptions> }[];

const ARENA_BYTES = 8 * 1024 * 1024;

/** A kernel of a build and the reference, with arenas of one size. */
export function pair(options: Partial<KernelOptions>): readonly [Kernel, Kernel] {
  return [
    createKernel({ build: "reference", arenaBytes: ARENA_BYTES }),
    createKernel({ ...options, arenaBytes: ARENA_BYTES }),
  ];
}

/** Bytes from a seed (xorshift32), the same for both kernels. */
export function randomBytes(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const next = random(seed);
  for (let i = 0; i < length; i++) bytes[i] = next() >>> 11;
  return bytes;
}

export function random(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

export interface FieldShape {
  readonly bitOffset: number;
  readonly bitWidth: number;
  readonly bias: number;
  /** Entries of its table. */
  readonly entries: number;
}

export interface Shape {
  readonly kind: "records" | "vectors";
  /** Of a record; unused for vectors. */
  readonly recordBytes: number;
  readonly fields: readonly FieldShape[];
  readonly rows: number;
  readonly seed: number;
  /** Bits of the content that are set: all sizes of index occur in wide fields only if most bits are 0. */
  readonly content: "random" | "sparse" | "zero";
}

/** The block sizes of the kernels, and of their inner loops. */
const BLOCKS = [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

const rowCount = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 200 }) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...BLOCKS), fc.integer({ min: -1, max: 1 }))
      .map(([block, around]) => block + around),
  },
);

/** Entries up to a cap that keeps the reference quick; often fewer than the width can say, so that damage is met. */
function entriesOf(width: number, pick: number): number {
  const all = Math.min(2 ** width, 3000);
  return pick % 3 === 0 ? Math.floor((pick / 0xffff) * (all + 1)) : all;
}

const field = fc.record({
  gap: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 63 })),
  bitWidth: fc.oneof(fc.integer({ min: 0, max: 32 }), fc.integer({ min: 0, max: 12 })),
  bias: fc.constantFrom(0, 0, -2, -2, 1, 516),
  pick: fc.integer({ min: 0, max: 0xffff }),
});

/** Fields laid one after the other with gaps, as many as fit the record, in any order. */
const records = fc
  .record({ recordBytes: fc.integer({ min: 1, max: 200 }), parts: fc.array(field, { minLength: 1, maxLength: 12 }) })
  .chain(({ recordBytes, parts }) => {
    const fields: FieldShape[] = [];
    let bit = 0;
    for (const { gap, bitWidth, bias, pick } of parts) {
      const bitOffset = bit + gap + bitWidth > recordBytes * 8 ? bit : bit + gap;
      if (bitOffset + bitWidth > recordBytes * 8) continue;
      fields.push({ bitOffset, bitWidth, bias, entries: entriesOf(bitWidth, pick) });
      bit = bitOffset + bitWidth;
    }
    return fc
      .shuffledSubarray(fields, { minLength: fields.length })
      .map((shuffled) => ({ kind: "records" as const, recordBytes, fields: shuffled }));
  });

const vectors = fc.array(field, { minLength: 1, maxLength: 3 }).map((parts) => ({
  kind: "vectors" as const,
  recordBytes: 0,
  fields: parts.map(({ gap, bitWidth, bias, pick }) => ({
    bitOffset: pick % 2 ? 0 : gap,
    bitWidth,
    bias,
    entries: entriesOf(bitWidth, pick),
  })),
}));

export const shape: fc.Arbitrary<Shape> = fc
  .tuple(
    fc.oneof({ weight: 3, arbitrary: records }, { weight: 2, arbitrary: vectors }),
    rowCount,
    fc.integer(),
    fc.constantFrom("random" as const, "sparse" as const, "sparse" as const, "zero" as const),
  )
  .map(([layout, rows, seed, content]) => ({ ...layout, rows, seed, content }));

export const strideOf = (s: Shape, f: FieldShape) => (s.kind === "records" ? s.recordBytes * 8 : f.bitWidth);

/** What the kernels are given, and where it lies: the same addresses in every kernel. */
export interface World {
  readonly columns: Pointer;
  readonly bases: readonly Pointer[];
  readonly tables: readonly Pointer[];
  readonly mask: Pointer;
  /** Buffers to be compared afterwards, without their slack. */
  readonly buffers: readonly (readonly [at: Pointer, length: number])[];
}

/**
 * Lays a shape out in an arena that held other things before.
 * @param tableBytes of each column's table
 * @param filled whether tables and mask hold random bytes; else zeros
 */
export function layOut(
  arena: Arena,
  s: Shape,
  tableBytes: (f: FieldShape) => number,
  filled: boolean,
  more: (f: FieldShape, k: number) => Partial<ColumnPlace> = () => ({}),
): World {
  arena.wipe();
  arena.bytes(arena.mark(), 65_536).fill(0xa5);
  const buffers: [Pointer, number][] = [];
  const put = (bytes: Uint8Array): Pointer => {
    const at = arena.alloc(bytes.byteLength);
    arena.bytes(at, bytes.byteLength).set(bytes);
    buffers.push([at, bytes.byteLength]);
    return at;
  };
  const content = (length: number, k: number): Uint8Array => {
    const bytes = randomBytes(s.seed + k, length);
    if (s.content === "zero") return bytes.fill(0);
    if (s.content === "random") return bytes;
    const other = randomBytes(s.seed + k + 77, length);
    return bytes.map((byte, i) => byte & other[i]! & (i % 3 ? 0x11 : 0xff));
  };
  const one = s.kind === "records" ? put(content(s.rows * s.recordBytes, 0)) : 0;
  const bases = s.fields.map((f, k) =>
    s.kind === "records" ? one : put(content(Math.ceil((f.bitOffset + s.rows * f.bitWidth) / 8), k)),
  );
  const tables = s.fields.map((f, k) => {
    const length = tableBytes(f);
    return put(filled ? randomBytes(s.seed - k - 1, length) : new Uint8Array(length));
  });
  const mask = put(randomBytes(s.seed + 5, maskBytes(s.rows)));
  clearTail(arena, mask, s.rows);
  const columns = writeColumns(
    arena,
    s.fields.map((f, k) => ({
      ...f,
      base: bases[k]!,
      stride: strideOf(s, f),
      table: tables[k]!,
      ...more(f, k),
    })),
  );
  // Behind the first half is what a kernel keeps there while it runs.
  s.fields.forEach((_, k) => {
    buffers.push([columns + k * COLUMN_BYTES, 64]);
  });
  return { columns, bases, tables, mask, buffers };
}

export function clearTail(arena: Arena, mask: Pointer, rows: number): void {
  const bytes = arena.bytes(mask, maskBytes(rows));
  for (let row = rows; row < maskBytes(rows) * 8; row++) bytes[row >> 3]! &= ~(1 << (row & 7));
}

/** Throws, naming the buffer, unless both kernels hold the same bytes in it. */
export function compare(a: Arena, b: Arena, buffers: World["buffers"]): void {
  buffers.forEach(([at, length], i) => {
    const left = a.bytes(at, length);
    const right = b.bytes(at, length);
    for (let k = 0; k < length; k++) {
      if (left[k] !== right[k]) {
        throw new Error(`buffer ${i} (${length} bytes) differs at byte ${k}: ${left[k]} and ${right[k]}`);
      }
    }
  });
}
