// Mutates files one by one and notes which mutants no test finds: node test/mutation/run.mjs [part of a file's name …]
//
// Stryker makes the mutants, all of a file at once behind switches; the tests are loaded once and run by loop.mjs with one
// switch after the other, which costs milliseconds a mutant instead of seconds. Needs `npm install --prefix test/mutation`.
// Results go to test/mutation/results, one file a source file, with the survivors.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { GROUPS } from "./groups.mjs";
import { mutantsOf } from "./mutants.mjs";
import { transpileProject, transpileTo } from "./transpile.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const here = fileURLToPath(new URL("./", import.meta.url));
const wanted = process.argv.slice(2);
/** A run that says nothing for so long hangs in the mutant that it was at. */
const SILENCE_MS = 90_000;
mkdirSync(`${here}results`, { recursive: true });
transpileProject(root);

for (const { file, tests } of GROUPS) {
  if (wanted.length > 0 && !wanted.some((part) => file.includes(part))) continue;
  const present = tests.map((name) => `test/${name}.test.ts`).filter((path) => existsSync(root + path));
  const source = readFileSync(root + file, "utf8");
  const { code, mutants } = await mutantsOf(file, source);
  transpileTo(root, file, code);
  const states = await statesOf(mutants, present);
  transpileTo(root, file, source);
  writeResult(file, source, present, mutants, states);
}

/** What became of each mutant, by its number. */
async function statesOf(mutants, tests) {
  const states = new Map(mutants.filter((m) => m.ignored).map((m) => [m.id, "ignored"]));
  const left = () => mutants.map((m) => m.id).filter((id) => !states.has(id));
  const found = await loop({ tests, ids: left() });
  if (found.failed !== undefined) throw new Error(`a test fails without a mutant: ${found.failed}`);
  for (const state of found.states) states.set(...state);
  while (found.hung && left().length > 0) {
    states.set(found.hung, "timeout");
    Object.assign(found, { hung: undefined }, await loop({ tests, ids: left() }));
    for (const state of found.states) states.set(...state);
  }
  // What is done when modules are loaded needs a process of its own, with the switch thrown from the start.
  for (const id of found.fresh) {
    const { failed, hung } = await loop({ tests, ids: [], from: id });
    states.set(id, hung ? "timeout" : failed === undefined ? "survived" : "killed");
  }
  return states;
}

function loop({ from, ...job }) {
  const env = { ...process.env, ...(from === undefined ? {} : { __STRYKER_ACTIVE_MUTANT__: from }) };
  const child = spawn(process.execPath, [`${here}loop.mjs`, JSON.stringify(job)], { cwd: root, env });
  const result = { states: [], fresh: [], failed: undefined, hung: undefined };
  let at = from ?? "";
  const silent = () => {
    result.hung = at;
    child.kill("SIGKILL");
  };
  let watch = setTimeout(silent, SILENCE_MS);
  let errors = "";
  child.stderr.on("data", (data) => (errors += data));
  createInterface({ input: child.stdout }).on("line", (line) => {
    clearTimeout(watch);
    watch = setTimeout(silent, SILENCE_MS);
    const [, word, text] = /^#(\w+) (.*)$/.exec(line) ?? [];
    if (word === "at") at = text;
    else if (word === "fresh") result.fresh.push(text);
    else if (word === "failed") result.failed = text;
    else if (word !== undefined) result.states.push([text, word]);
  });
  return new Promise((resolve, reject) => {
    child.on("close", (code) => {
      clearTimeout(watch);
      // A module that cannot be loaded is found.
      if (code !== 0 && result.hung === undefined && from !== undefined) result.failed ??= errors;
      else if (code !== 0 && result.hung === undefined) reject(new Error(`loop.mjs ended with ${code}: ${errors}`));
      resolve(result);
    });
  });
}

function writeResult(file, source, tests, mutants, states) {
  const lines = source.split("\n");
  const count = (state) => mutants.filter((m) => states.get(m.id) === state).length;
  const survivors = mutants
    .filter((m) => ["survived", "uncovered"].includes(states.get(m.id)))
    .map(({ mutator, start, end, replacement }) => ({
      line: start.line + 1,
      mutator,
      from: cut(lines, start, end),
      to: replacement,
    }));
  const result = {
    schemaVersion: 1,
    file,
    tests,
    mutants: mutants.length,
    killed: count("killed"),
    timeout: count("timeout"),
    survived: count("survived"),
    uncovered: count("uncovered"),
    unusable: count("ignored"),
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0].model}, ${availableParallelism()} cores, Node ${process.version}`,
    survivors,
  };
  const name = file.replace(/^src\//, "").replaceAll("/", "-");
  writeFileSync(`${here}results/${basename(name, ".ts")}.json`, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`${file}: ${result.killed} killed, ${result.timeout} timed out, of ${mutants.length - result.unusable}`);
  for (const s of survivors) console.log(`  ${s.line}: ${s.from} -> ${s.to}`);
}

function cut(lines, start, end) {
  const text = lines.slice(start.line, end.line + 1);
  text[text.length - 1] = text.at(-1).slice(0, end.column);
  text[0] = text[0].slice(start.column);
  return text.join("\n");
}
