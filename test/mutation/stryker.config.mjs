// Reads what to mutate and which tests to run from the environment; run.mjs sets both.
export default {
  mutate: (process.env.MUTATION_FILES ?? "").split(","),
  // Words of messages are not behaviour; codes are checked by the compiler, labels by vectors of others.
  mutator: { excludedMutations: ["StringLiteral"] },
  testRunner: "vitest",
  plugins: [new URL("node_modules/@stryker-mutator/vitest-runner/dist/src/index.js", import.meta.url).pathname],
  vitest: { configFile: "test/mutation/vitest.config.ts", related: false },
  coverageAnalysis: "perTest",
  concurrency: 1,
  timeoutMS: 20_000,
  tempDirName: "build/stryker",
  ignorePatterns: [
    "build",
    "dist",
    "coverage",
    "bench/results",
    "test/mutation/node_modules",
    "bench/peers/node_modules",
  ],
  reporters: ["json"],
  jsonReporter: { fileName: process.env.MUTATION_REPORT },
};
