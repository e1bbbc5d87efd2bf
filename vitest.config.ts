import { defineConfig } from "vitest/config";

/**
 * What needs a process of its own: native modules and tokens, a heap that is looked through, memory and time that are
 * measured, an environment that is changed. The others share a process, since most of their time would go into loading the
 * same modules again; there is no state in these modules that could pass from one to the other.
 */
const APART = [
  "test/crash/**/*.test.ts",
  "test/demo/**/*.test.ts",
  "test/fuzz/**/*.test.ts",
  "test/keys/**/*.test.ts",
  "test/kernel/**/*.test.ts",
  "test/leaks/**/*.test.ts",
  "test/seal/rotate-hsm.test.ts",
  "test/seal/rotate.test.ts",
];

export default defineConfig({
  test: {
    // Two cores are what the build machine has; child processes of the CLI tests share them.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: "apart", include: APART, sequence: { groupOrder: 0 } } },
      {
        extends: true,
        test: {
          name: "together",
          include: ["test/**/*.test.ts"],
          exclude: [...APART, "**/node_modules/**"],
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
