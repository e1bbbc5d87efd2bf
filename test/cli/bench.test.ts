import { expect, it } from "vitest";
import { T16 } from "../../bench/data.ts";
import { type HostBench, hostBench } from "../../bench/host.ts";
import { kernelFigures } from "../../bench/kernel.ts";
import { spawnCli } from "../helpers/cli.ts";
import { failure } from "../helpers/errors.ts";

it("stops where it is interrupted, before it makes a file", async () => {
  const steps: string[] = [];
  const signal = AbortSignal.abort();
  await failure("CANCELLED", () => hostBench({ quick: true, signal, onStep: (step) => steps.push(step) }));
  expect(steps).toEqual([]);
});

it("gives each kernel's figure its time, its bytes, and its ratios to a copy and to its JavaScript twin", () => {
  const figures = kernelFigures(T16, { rows: 65_536, rounds: 1 });
  const names = ["unpack 1 column", "unpack all columns", "filter 1 field to bitmap", "test and compact 10 %"];
  for (const what of names) {
    const figure = figures.find(({ name }) => name === `t16 ${what}`);
    const keys = ["name", "ms", "bytes", "ratioToCopy", "ratioToJs"];
    expect([what, Object.keys(figure ?? {})]).toEqual([what, keys]);
    expect(figure!.bytes).toBe(65_536 * 16);
    const twin = figures.find(({ name }) => name === `t16 ${what}, JavaScript`)!;
    expect(figure!.ratioToJs! / (twin.ms / figure!.ms)).toBeCloseTo(1, 1);
  }
});

it.runIf(process.env.QVAULT_LONG)("names every figure with its ratio to a copy", async () => {
  const { code, out, err } = await spawnCli(["bench", "--quick", "--json"]);
  expect([code, err]).toEqual([0, expect.not.stringContaining("error")]);
  const { figures, build, rows, otherCores } = JSON.parse(out) as HostBench;
  expect(otherCores).toBeGreaterThanOrEqual(0);
  expect(rows).toBe(1_000_000);
  expect(["simd", "scalar", "reference"]).toContain(build);
  for (const { name, ms, bytes, ratioToCopy } of figures) {
    expect(ms, name).toBeGreaterThan(0);
    if (/start of one/.test(name)) continue;
    expect(bytes, name).toBeGreaterThan(0);
    if (!/JavaScript|memory\.copy/.test(name)) expect(ratioToCopy, name).toBeGreaterThan(0);
  }
});
