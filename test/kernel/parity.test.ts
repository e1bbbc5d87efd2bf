import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COLUMN_BYTES, setColumn } from "../../src/kernel/column.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { crc32c } from "../../src/kernel/reference-bytes.ts";
import { bitTableBytes } from "../../src/kernel/sizes.ts";
import { BUILDS, compare, type FieldShape, layOut, pair, type Shape, shape, type World } from "./world.ts";

const RUNS = process.env.QVAULT_LONG ? 1500 : 150;

const bits = (f: FieldShape) => bitTableBytes(f.entries);
const words = (f: FieldShape) => f.entries * 4;

/** Lays one shape out in both kernels, runs `act` on both, and holds every buffer against the other. */
function same(
  kernels: readonly [Kernel, Kernel],
  lay: (kernel: Kernel) => World,
  act: (kernel: Kernel, world: World) => unknown,
): void {
  const [a, b] = kernels.map((kernel) => {
    const world = lay(kernel);
    return { kernel, world, result: act(kernel, world) };
  });
  expect(b!.result).toEqual(a!.result);
  compare(a!.kernel.arena, b!.kernel.arena, a!.world.buffers);
}

describe.each(BUILDS)("kernel, $name build, does what the reference does", ({ options }) => {
  const kernels = pair(options);
  // The shared builds are the same code: a look is enough.
  const property = (check: (s: Shape) => void, runs = "shared" in options ? RUNS / 5 : RUNS) =>
    fc.assert(fc.property(shape, check), { numRuns: runs, endOnFailure: false });

  it("is the build that was asked for", () => {
    expect(kernels[1].build).toBe(options.build);
    expect(kernels[1].arena.buffer instanceof SharedArrayBuffer).toBe("shared" in options);
  });

  it("unpacks", () => {
    property((s) =>
      same(
        kernels,
        (k) => layOut(k.arena, s, () => s.rows * 4, true),
        (k, w) => k.unpack(w.columns, s.fields.length, s.rows),
      ),
    );
  });

  it("unpacks where there is nothing to add and nothing to check", () => {
    property((s) => {
      const fields = s.fields.map((f) => ({ ...f, bias: 0, entries: Math.min(2 ** f.bitWidth, 0xffffffff) }));
      same(
        kernels,
        (k) => layOut(k.arena, { ...s, fields }, () => s.rows * 4, true),
        (k, w) => k.unpack(w.columns, fields.length, s.rows),
      );
    });
  });

  it("tests columns of up to 8 bits at every place of a byte, with sets of every size", () => {
    const shapes = [...Array(9 * 8 * 5).keys()].map((i): Shape => {
      const bitWidth = i % 9;
      const bitOffset = Math.floor(i / 9) % 8;
      const entries = Math.min(2 ** bitWidth, [0, 1, 9, 129, 256][Math.floor(i / 72)]!);
      const field = { bitOffset, bitWidth, bias: 0, entries };
      return { kind: "records", recordBytes: 2 + (i % 19), fields: [field], rows: i, seed: i, content: "random" };
    });
    for (const s of shapes) {
      same(
        kernels,
        (k) => layOut(k.arena, s, bits, true),
        (k, w) => k.test(w.columns, 1, s.rows, w.mask, false),
      );
    }
  });

  it("unpacks neighbours at every distance around a vector, as wide as vectors take and wider", () => {
    for (const distance of [...Array(56).keys()].map((k) => 80 + k)) {
      for (const [first, bitWidth] of [
        [0, 25],
        [3, 24],
        [7, 25],
        [7, 26],
      ] as const) {
        const fields = [first, first + distance].map((bitOffset) => ({ bitOffset, bitWidth, bias: 0, entries: 3 }));
        const s: Shape = { kind: "records", recordBytes: 22, fields, rows: 9, seed: distance, content: "random" };
        same(
          kernels,
          (k) => layOut(k.arena, s, () => s.rows * 4, true),
          (k, w) => k.unpack(w.columns, fields.length, s.rows),
        );
      }
    }
  });

  it("packs what was unpacked, and into bits that others own", () => {
    property((s) =>
      same(
        kernels,
        (k) => layOut(k.arena, { ...s, content: "zero" }, () => s.rows * 4, true),
        (k, w) => k.pack(w.columns, s.fields.length, s.rows),
      ),
    );
  });

  it("tests rows against symbol sets, all rows and refining", () => {
    for (const refine of [false, true]) {
      property((s) =>
        same(
          kernels,
          (k) => layOut(k.arena, s, bits, true),
          (k, w) => k.test(w.columns, s.fields.length, s.rows, w.mask, refine),
        ),
      );
    }
  });

  it("tests rows with everything and nothing allowed", () => {
    for (const byte of [0xff, 0]) {
      property(
        (s) =>
          same(
            kernels,
            (k) => {
              const w = layOut(k.arena, s, bits, true);
              s.fields.forEach((f, i) => {
                k.arena.bytes(w.tables[i]!, bits(f)).fill(byte);
              });
              return w;
            },
            (k, w) => k.test(w.columns, s.fields.length, s.rows, w.mask, false),
          ),
        50,
      );
    }
  });

  it("scatters masked rows and all rows", () => {
    for (const all of [false, true]) {
      property((s) =>
        same(
          kernels,
          (k) => layOut(k.arena, s, bits, false),
          (k, w) => k.scatter(w.columns, s.fields.length, s.rows, all ? 0 : w.mask),
        ),
      );
    }
  });

  it("numbers symbols by first use in two calls and repacks records and vectors", () => {
    property((s) => {
      const half = Math.floor(s.rows / 16) * 8;
      let toBit = 0;
      const places = s.fields.map((f) => {
        const toWidth = Math.min(32, f.bitWidth + (s.seed & 1));
        const toOffset = toBit;
        toBit += toWidth;
        return { toOffset, toWidth };
      });
      // An odd stride is a bit vector; a whole byte one is a record.
      const toStride = s.kind === "records" ? Math.ceil(toBit / 8) * 8 : toBit;
      const out: number[] = [];
      same(
        kernels,
        (k) => {
          const w = layOut(k.arena, s, words, false);
          const more: [number, number][] = [];
          s.fields.forEach((f, i) => {
            const at = w.columns + i * COLUMN_BYTES;
            // Every other field has the bits that a large one has.
            if ((s.seed + i) % 2 === 0) {
              const seen = k.arena.alloc(bits(f));
              k.arena.bytes(seen, bits(f)).fill(0);
              more.push([seen, bits(f)]);
              k.arena.view.setUint32(at + 40, seen, true);
            }
            k.arena.view.setUint32(at + 32, places[i]!.toOffset, true);
            k.arena.view.setUint32(at + 36, places[i]!.toWidth, true);
          });
          const length = Math.ceil((s.rows * toStride) / 8);
          out[0] = k.arena.alloc(length);
          k.arena.bytes(out[0], length + 64).fill(0);
          more.push([out[0], length]);
          return { ...w, buffers: [...w.buffers, ...more] };
        },
        (k, w) => {
          const count = s.fields.length;
          k.renumber(w.columns, count, half);
          const rest = s.fields.map((f, i) => {
            const at = w.columns + i * COLUMN_BYTES;
            const stride = s.kind === "records" ? s.recordBytes * 8 : f.bitWidth;
            const base = w.bases[i]! + (half * stride) / 8;
            k.arena.view.setUint32(at, base, true);
            return at;
          });
          k.renumber(w.columns, count, s.rows - half);
          rest.forEach((at, i) => {
            k.arena.view.setUint32(at, w.bases[i]!, true);
          });
          k.repack(w.columns, count, s.rows, out[0]!, toStride);
        },
      );
    });
  });

  it("numbers symbols without a change to the records, and repacks by the settled tables", () => {
    property((s) => {
      let toBit = 0;
      const places = s.fields.map((f) => {
        const toWidth = Math.min(32, f.bitWidth + (s.seed & 1));
        const toOffset = toBit;
        toBit += toWidth;
        return { toOffset, toWidth };
      });
      const toStride = s.kind === "records" ? Math.ceil(toBit / 8) * 8 : toBit;
      let out = 0;
      same(
        kernels,
        (k) => {
          const w = layOut(k.arena, s, words, false);
          s.fields.forEach((f, i) => {
            const at = w.columns + i * COLUMN_BYTES;
            // Some are looked at to the end, some no more from the first on.
            setColumn(k.arena, at, "left", ((s.seed + i) % 3) * f.entries);
            setColumn(k.arena, at, "map", w.tables[i]!);
            setColumn(k.arena, at, "toOffset", places[i]!.toOffset);
            setColumn(k.arena, at, "toWidth", places[i]!.toWidth);
          });
          const length = Math.ceil((s.rows * toStride) / 8);
          out = k.arena.alloc(length);
          k.arena.bytes(out, length + 64).fill(0);
          return { ...w, buffers: [...w.buffers, [out, length] as const] };
        },
        (k, w) => {
          const count = s.fields.length;
          k.number(w.columns, count, s.rows >> 1);
          k.number(w.columns, count, s.rows);
          for (let i = 0; i < count; i++) k.settle(w.columns + i * COLUMN_BYTES);
          k.repack(w.columns, count, s.rows, out, toStride);
        },
      );
    });
  });

  it("compacts records and counts rows", () => {
    property((s) => {
      const size = s.kind === "records" ? s.recordBytes : 4;
      same(
        kernels,
        (k) => {
          const w = layOut(k.arena, { ...s, kind: "records", recordBytes: size, fields: [] }, bits, true);
          if (s.seed % 5 === 0) k.arena.bytes(w.mask, Math.floor(s.rows / 8)).fill(0xff);
          const kept = k.countRows(w.mask, s.rows);
          return { ...w, tables: [k.arena.alloc(s.rows * size), kept] };
        },
        (k, { buffers, mask, tables: [out, kept] }) => {
          expect(k.compact(buffers[0]![0], size, s.rows, mask, out!)).toBe(kept);
          const copied = k.arena.bytes(out!, kept! * size);
          return [kept, crc32c(copied, 0, copied.byteLength, 0)];
        },
      );
    });
  });
});
