import { describe, expect, it } from "vitest";
import { kernelPool } from "../../src/kernel/pool.ts";

const MIB = 1024 * 1024;

describe.each(["simd", "scalar", "reference"] as const)("kernels used again, %s build", (build) => {
  it("lends the memory of the user before, and nothing of what was in it", async () => {
    const pool = kernelPool(64 * MIB, build);
    const first = await pool.use(async (take) => {
      const kernel = take(MIB);
      const at = kernel.arena.alloc(MIB);
      kernel.arena.bytes(at, MIB).fill(0xa5);
      return kernel;
    });
    const { second, used, sum } = await pool.use(async (take) => {
      const kernel = take(2 * MIB);
      const { used } = kernel.arena;
      const all = kernel.arena.bytes(kernel.arena.alloc(2 * MIB), 2 * MIB);
      return { second: kernel, used, sum: all.reduce((n, byte) => n + byte, 0) };
    });
    expect(second).toBe(first);
    expect(used).toBe(0);
    expect(sum).toBe(0);
  });

  it("wipes after a failure too, and passes the failure on", async () => {
    const pool = kernelPool(64 * MIB, build);
    let left: Uint8Array = new Uint8Array(0);
    const work = pool.use(async (take) => {
      const { arena } = take(100);
      left = arena.bytes(arena.alloc(100), 100).fill(7);
      throw new RangeError("broken");
    });
    await expect(work).rejects.toThrow("broken");
    expect([...left].every((byte) => byte === 0)).toBe(true);
  });

  it("gives two users at once two memories, and keeps no more than it was told", async () => {
    const pool = kernelPool(20 * MIB, build);
    const [a, b] = await pool.use(async (take) => [take(MIB), take(MIB)] as const);
    expect(a!.arena.buffer).not.toBe(b!.arena.buffer);
    // Each has 16 MiB and the page that is the kernel's own is not counted; two do not fit.
    expect(pool.idleBytes).toBe(a!.arena.capacity);
    pool.clear();
    expect(pool.idleBytes).toBe(0);
  });
});
