import { describe, expect, it } from "vitest";
import { discard } from "../../src/seal/discard.ts";

describe("bytes that are discarded", () => {
  it("are overwritten, and their memory is given back at once", () => {
    const bytes = new Uint8Array(20_000).fill(7);
    const { buffer } = bytes;
    discard(bytes);
    expect(bytes.byteLength).toBe(0);
    expect(buffer.byteLength).toBe(0);
  });

  it("are only overwritten where others have a part of the buffer, or threads have it", () => {
    const all = new Uint8Array(32).fill(7);
    discard(all.subarray(4, 8));
    expect([...all]).toEqual([7, 7, 7, 7, 0, 0, 0, 0, ...new Array(24).fill(7)]);
    const shared = new Uint8Array(new SharedArrayBuffer(4)).fill(7);
    discard(shared);
    expect([...shared]).toEqual([0, 0, 0, 0]);
  });

  it("takes memory no longer than it is used: a thousand megabytes one after the other leave none behind", () => {
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 1000; i++) discard(new Uint8Array(1024 * 1024));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
  });
});
