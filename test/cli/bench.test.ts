import { expect, it } from "vitest";
import { hostBench } from "../../bench/host.ts";
import { failure } from "../helpers/errors.ts";

it("stops where it is interrupted, before it makes a file", async () => {
  const steps: string[] = [];
  const signal = AbortSignal.abort();
  await failure("CANCELLED", () => hostBench({ quick: true, signal, onStep: (step) => steps.push(step) }));
  expect(steps).toEqual([]);
});

it.runIf(process.env.QVAULT_LONG)("names every figure with its ratio to a copy", async () => {
  const { figures, build, rows } = await hostBench({ quick: true });
  expect(rows).toBe(1_000_000);
  expect(["simd", "scalar", "reference"]).toContain(build);
  for (const { name, ms, bytes, ratioToCopy } of figures) {
    expect({ name, sound: ms > 0 && bytes > 0 }).toEqual({ name, sound: true });
    if (!/JavaScript|thread|memory\.copy/.test(name)) expect(ratioToCopy, name).toBeGreaterThan(0);
  }
});
