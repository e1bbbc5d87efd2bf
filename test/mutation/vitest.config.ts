import { defineConfig } from "vitest/config";

/** The few tests that are to find the mutants of one file, instead of all that there are. */
const tests = (process.env.MUTATION_TESTS ?? "").split(",").filter((path) => path !== "");

export default defineConfig({
  test: { include: tests, testTimeout: 30_000, maxWorkers: 1, fileParallelism: false },
});
