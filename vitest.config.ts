import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores are what the build machine has; child processes of the CLI tests share them.
    maxWorkers: 2,
  },
});
