import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kernelSymbols, parseSymbols, scriptSymbols } from "../../src/table/symbol-parse.ts";
import { failure } from "../helpers/errors.ts";
import { entry } from "../helpers/raw-qvd.ts";

const text = fc.string({ maxLength: 20 }).map((s) => s.replaceAll("\0", ""));
const one = fc.oneof(
  fc.integer({ min: -5, max: 5 }).map((n) => entry.int(n)),
  fc.double({ noNaN: true }).map((n) => entry.double(n)),
  text.map((s) => entry.text(s)),
);

function join(entries: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(entries.flatMap((e) => [...e]));
}

describe("parsing a symbol table", () => {
  it.each(["reference", "scalar", "simd"] as const)("is the same in TypeScript and in the %s kernel", (build) => {
    fc.assert(
      fc.property(fc.array(one, { maxLength: 60 }), fc.integer({ min: 30, max: 200 }), (entries, windowBytes) => {
        const bytes = join(entries);
        const script = scriptSymbols(bytes, entries.length, "symbols", 0);
        const lengths = Array.from(script.starts.subarray(1), (next, i) => next - script.starts[i]!);
        expect([script.starts[0], ...lengths]).toEqual([0, ...entries.map((e) => e.byteLength)]);
        const kernel = kernelSymbols(bytes, entries.length, { build, windowBytes });
        // A window holds 30 bytes at least; only longer entries are left to the script.
        if (entries.every((e) => e.byteLength <= windowBytes)) expect(kernel).toEqual(script);
        else expect(kernel === undefined || kernel.starts.every((s, i) => s === script.starts[i])).toBe(true);
      }),
    );
  });

  it.each(["reference", "scalar", "simd"] as const)("is refused by both where it is damaged, %s", (build) => {
    const check = (entries: Uint8Array[], at: number, byte: number, more: number, windowBytes: number) => {
      const bytes = join(entries);
      if (bytes.byteLength > 0) bytes[at % bytes.byteLength] = byte;
      const count = entries.length + more;
      let script: ReturnType<typeof scriptSymbols> | undefined;
      try {
        script = scriptSymbols(bytes, count, "symbols", 0);
      } catch (error) {
        expect(error).toMatchObject({ code: "QVD_SYMBOL" });
      }
      const kernel = kernelSymbols(bytes, count, { build, windowBytes });
      if (script === undefined) expect(kernel).toBeUndefined();
      else if (kernel !== undefined) expect(kernel).toEqual(script);
    };
    const nothing = fc.constantFrom(-1, 0, 0, 0, 1);
    const entries = fc.array(one, { minLength: 1, maxLength: 40 });
    fc.assert(fc.property(entries, fc.nat(), fc.nat(255), nothing, fc.integer({ min: 30, max: 150 }), check));
  });

  it("names the damage in a table that is large enough for the kernel", async () => {
    const entries = Array.from({ length: 60_000 }, (_, i) => entry.text(`value ${i}`));
    const bytes = join(entries);
    expect(bytes.byteLength).toBeGreaterThan(512 * 1024);
    const starts = parseSymbols(bytes, entries.length, "symbols", 0).starts;
    expect(starts).toEqual(scriptSymbols(bytes, entries.length, "symbols", 0).starts);
    const bad = starts[50_000]!;
    bytes[bad] = 9;
    const error = await failure("QVD_SYMBOL", () => parseSymbols(bytes, entries.length, "symbols", 1000));
    expect(error.offset).toBe(1000 + bad);
  });

  it("takes an entry that is longer than a window", () => {
    const entries = [entry.text("a".repeat(300_000)), entry.text("b"), entry.text("c".repeat(300_000))];
    const bytes = join(entries);
    expect([...parseSymbols(bytes, 3, "symbols", 0).starts]).toEqual([0, 300_002, 300_005, 600_007]);
  });
});
