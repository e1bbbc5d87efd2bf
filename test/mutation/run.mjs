// Mutates files one by one and notes which mutants no test finds: node test/mutation/run.mjs [part of a file's name …]
//
// Needs `npm ci --prefix test/mutation`. Results go to test/mutation/results, one file a source file, with the survivors.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { GROUPS } from "./groups.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const here = fileURLToPath(new URL("./", import.meta.url));
const wanted = process.argv.slice(2);
const report = `${root}build/mutation.json`;
mkdirSync(`${here}results`, { recursive: true });

for (const { file, tests } of GROUPS) {
  if (wanted.length > 0 && !wanted.some((part) => file.includes(part))) continue;
  const present = tests.map((name) => `test/${name}.test.ts`).filter((path) => existsSync(root + path));
  const { status } = spawnSync(
    process.execPath,
    [`${here}node_modules/@stryker-mutator/core/bin/stryker.js`, "run", `${here}stryker.config.mjs`],
    {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, MUTATION_FILES: file, MUTATION_TESTS: present.join(","), MUTATION_REPORT: report },
    },
  );
  if (status !== 0) throw new Error(`${file}: Stryker ended with ${status}`);
  const { mutants, source } = Object.values(JSON.parse(readFileSync(report, "utf8")).files)[0];
  const lines = source.split("\n");
  const count = (...states) => mutants.filter((m) => states.includes(m.status)).length;
  const survivors = mutants
    .filter((m) => m.status === "Survived" || m.status === "NoCoverage")
    .map(({ mutatorName, location: { start, end }, replacement }) => ({
      line: start.line,
      mutator: mutatorName,
      from: cut(lines, start, end),
      to: replacement,
    }));
  const result = {
    schemaVersion: 1,
    file,
    tests: present,
    mutants: mutants.length,
    killed: count("Killed"),
    timeout: count("Timeout"),
    survived: count("Survived"),
    uncovered: count("NoCoverage"),
    unusable: count("CompileError", "RuntimeError", "Ignored"),
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0].model}, ${availableParallelism()} cores, Node ${process.version}`,
    survivors,
  };
  const name = file.replace(/^src\//, "").replaceAll("/", "-");
  writeFileSync(`${here}results/${basename(name, ".ts")}.json`, `${JSON.stringify(result, null, 2)}\n`);
}

function cut(lines, start, end) {
  const text = lines.slice(start.line - 1, end.line);
  text[text.length - 1] = text.at(-1).slice(0, end.column - 1);
  text[0] = text[0].slice(start.column - 1);
  return text.join("\n");
}
