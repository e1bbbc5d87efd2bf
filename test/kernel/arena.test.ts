import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { ARENA_BASE, Arena } from "../../src/kernel/arena.ts";
import {
  COLUMN_BYTES,
  getColumn,
  readSymbolBits,
  setColumn,
  storedCount,
  writeColumns,
  writeSymbolBits,
} from "../../src/kernel/column.ts";
import { bestBuild, kernelCode, sharedCode } from "../../src/kernel/module.ts";
import { bitTableBytes, maskBytes, SLACK } from "../../src/kernel/sizes.ts";
import { attachKernel, createKernel } from "../../src/kernel/wasm.ts";

describe("arena", () => {
  it("hands out buffers with their slack, up to its capacity", () => {
    const arena = new Arena(new ArrayBuffer(ARENA_BASE + 1024));
    const a = arena.alloc(1);
    const b = arena.alloc(100);
    expect(a).toBe(ARENA_BASE);
    expect(b - a).toBe(Arena.sizeOf(1));
    expect(Arena.sizeOf(1)).toBeGreaterThanOrEqual(1 + SLACK);
    expect(arena.used).toBe(Arena.sizeOf(1) + Arena.sizeOf(100));
    expect(() => arena.alloc(1024)).toThrow(RangeError);
    expect(() => arena.alloc(-1)).toThrow(RangeError);
    expect(() => arena.alloc(1.5)).toThrow(RangeError);
    const rest = arena.capacity - arena.used;
    expect(arena.alloc(rest - SLACK)).toBeGreaterThan(b);
  });

  it("gives back to a mark, and knows its marks", () => {
    const arena = new Arena(new ArrayBuffer(ARENA_BASE + 4096));
    arena.alloc(10);
    const mark = arena.mark();
    const a = arena.alloc(10);
    arena.release(mark);
    expect(arena.alloc(10)).toBe(a);
    arena.release(mark);
    expect(() => arena.release(a + 64)).toThrow(RangeError);
  });

  it("lengthens the last buffer where it lies", () => {
    const arena = new Arena(new ArrayBuffer(ARENA_BASE + 4096));
    const a = arena.alloc(0);
    arena.grow(a, 1000);
    arena.bytes(a, 1000).fill(7);
    expect(arena.used).toBe(Arena.sizeOf(1000));
    expect(() => arena.grow(a, 5000)).toThrow(RangeError);
    expect(arena.used).toBe(Arena.sizeOf(1000));
    arena.wipe();
    expect(arena.bytes(a, 1000).every((byte) => byte === 0)).toBe(true);
  });

  it.each(["reference", "scalar", "simd"] as const)("holds nothing after a wipe (%s)", (build) => {
    const k = createKernel({ build, arenaBytes: 1 << 20 });
    const rows = 1000;
    const records = k.arena.alloc(rows * 16);
    k.arena.bytes(records, rows * 16).fill(0xee);
    const mask = k.arena.alloc(maskBytes(rows));
    const table = k.arena.alloc(bitTableBytes(256));
    k.arena.bytes(table, 32).fill(0xff);
    const columns = writeColumns(k.arena, [
      { base: records, stride: 128, bitOffset: 3, bitWidth: 8, bias: 0, table, entries: 256 },
    ]);
    k.test(columns, 1, rows, mask, false);
    // What was given back counts too.
    const before = k.arena.mark();
    const out = k.arena.alloc(rows * 16);
    expect(k.compact(records, 16, rows, mask, out)).toBe(rows);
    k.arena.release(before);
    const used = () => new Uint8Array(k.arena.buffer, ARENA_BASE).some((byte) => byte !== 0);
    expect(used()).toBe(true);
    k.arena.wipe();
    expect(used()).toBe(false);
    expect(k.arena.used).toBe(0);
  });
});

describe("column", () => {
  it("is written and read by member", () => {
    const arena = new Arena(new ArrayBuffer(ARENA_BASE + 4096));
    const column = { base: 1, stride: 2, bitOffset: 3, bitWidth: 4, bias: -2, table: 5, entries: 6 };
    const at = writeColumns(arena, [column, { ...column, toOffset: 7, toWidth: 8, seen: 9 }]);
    const members = ["base", "stride", "bitOffset", "bitWidth", "table", "entries", "toOffset", "toWidth", "seen"];
    const read = (k: number) => members.map((member) => getColumn(arena, at + k * COLUMN_BYTES, member as "base"));
    expect(read(0)).toEqual([1, 2, 3, 4, 5, 6, 0, 0, 0]);
    expect(read(1)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(arena.view.getInt32(at + 16, true)).toBe(-2);
    setColumn(arena, at, "beyond", 77);
    expect(getColumn(arena, at, "beyond")).toBe(77);
  });

  it("keeps symbol sets in stored space, where NULL is never a member", () => {
    const arena = new Arena(new ArrayBuffer(ARENA_BASE + 4096));
    for (const bias of [-2, 0, 3]) {
      const table = arena.alloc(bitTableBytes(storedCount(10, bias)));
      writeSymbolBits(arena, table, 10, bias, (symbol) => symbol % 3 === 0);
      expect(readSymbolBits(arena, table, 10, bias)).toEqual(bias === 3 ? [3, 6, 9] : [0, 3, 6, 9]);
      const first = bias === -2 ? 0b100100 : bias === 0 ? 0b1001001 : 0b1001001;
      expect(arena.bytes(table, 1)[0]).toBe(first);
    }
  });
});

describe("kernel code", () => {
  it("is the best that runs", () => {
    expect(bestBuild()).toBe("simd");
    expect(createKernel({ arenaBytes: 1024 }).build).toBe("simd");
  });

  it("is the scalar one where SIMD is missing, and none without WebAssembly", () => {
    const real = globalThis.WebAssembly;
    const simd = kernelCode("simd").byteLength;
    const noSimd = { ...real, validate: (bytes: Uint8Array) => bytes.byteLength !== simd };
    try {
      Object.assign(globalThis, {
        WebAssembly: { ...noSimd, Memory: real.Memory, Module: real.Module, Instance: real.Instance },
      });
      expect(createKernel({ arenaBytes: 1024 }).build).toBe("scalar");
      Object.assign(globalThis, { WebAssembly: undefined });
      expect(createKernel({ arenaBytes: 1024 }).build).toBe("reference");
    } finally {
      Object.assign(globalThis, { WebAssembly: real });
    }
  });

  it("imports nothing but its memory", () => {
    for (const build of ["scalar", "simd"] as const) {
      const module = new WebAssembly.Module(kernelCode(build));
      expect(WebAssembly.Module.imports(module)).toEqual([{ module: "env", name: "memory", kind: "memory" }]);
    }
  });

  it("differs for a shared memory in one byte", () => {
    for (const build of ["scalar", "simd"] as const) {
      const code = kernelCode(build);
      const shared = sharedCode(code);
      expect(shared.filter((byte, i) => byte !== code[i]).length).toBe(1);
      expect(() => sharedCode(shared)).toThrow(TypeError);
    }
  });

  it("runs twice over one shared memory", () => {
    const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
    const [a, b] = [attachKernel(memory, "simd"), attachKernel(memory, "scalar")];
    const at = a.arena.alloc(64);
    a.arena.bytes(at, 64).fill(0x5a);
    expect(b.crc32c(at, 64, 0)).toBe(a.crc32c(at, 64, 0));
  });

  it("is what assembly/ makes now", async () => {
    const root = new URL("../../", import.meta.url);
    const script: { generate(): Promise<string> } = await import(new URL("assembly/embed.mjs", root).href);
    expect(await readFile(new URL("src/kernel/code.gen.ts", root), "utf8")).toBe(await script.generate());
  });
});
