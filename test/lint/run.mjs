// The security lint, if its packages are there: npm install --prefix test/lint. Under CI it must be.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL("./", import.meta.url));
const eslint = `${here}node_modules/eslint/bin/eslint.js`;
if (!existsSync(eslint)) {
  console.log("security lint left out: npm install --prefix test/lint --no-package-lock brings its packages");
  process.exit(process.env.CI === "true" ? 1 : 0);
}
const { status } = spawnSync(
  process.execPath,
  [eslint, "-c", `${here}eslint.config.js`, "--max-warnings", "0", "src", "bench"],
  { cwd: fileURLToPath(new URL("../../", import.meta.url)), stdio: "inherit" },
);
process.exit(status ?? 1);
