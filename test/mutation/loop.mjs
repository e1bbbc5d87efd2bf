// Runs the tests of a mutated file once for each mutant, in this process, and says what became of each; see run.mjs.
import { pathToFileURL } from "node:url";
import { beginFile, chainOf, runTests, tests } from "./collect.mjs";

const job = JSON.parse(process.argv[2]);
const stryker = (globalThis.__stryker__ ??= {});
const say = (word, text) => process.stdout.write(`#${word} ${text}\n`);
// What a test prints would be taken for what is said here.
console.log = console.info = console.warn = () => {};
/** So many times as often as without it may a mutant be come by, before it is taken for an endless loop. */
const HITS = 200;
const ALL_MS = 60_000;
const TOO_LONG = "too long";

process.on("unhandledRejection", () => {});
for (const file of job.tests) {
  beginFile();
  await import(pathToFileURL(`build/mutation/${file.replace(/\.ts$/, ".js")}`).href);
}
const own = tests;
const failed = await timed(own, (id) => {
  stryker.currentTestId = id;
});
stryker.currentTestId = "";
if (failed !== undefined) say("failed", failed.replaceAll("\n", " "));
else await eachMutant();
process.exit(0);

async function eachMutant() {
  // A copy: what the runs below come by is counted on as if it had been loaded.
  const { static: loaded, perTest } = structuredClone(stryker.mutantCoverage ?? { static: {}, perTest: {} });
  const coverers = (id) =>
    own.filter((t) => [t.id, ...chainOf(t.suite).map((s) => `s${s.id}`)].some((part) => perTest[part]?.[id]));
  for (const id of job.ids) {
    say("at", id);
    const by = coverers(id);
    const usual = Object.values(perTest).reduce((sum, covered) => sum + (covered[id] ?? 0), 0);
    Object.assign(stryker, { activeMutant: id, hitCount: 0, hitLimit: HITS * usual + 1000 });
    const why = by.length === 0 ? undefined : await timed(by);
    Object.assign(stryker, { activeMutant: undefined, hitCount: undefined });
    if (why !== undefined) say(why === TOO_LONG || /Hit count limit/.test(why) ? "timeout" : "killed", id);
    // What is done when modules are loaded has been done by now, without the mutant.
    else if (loaded[id] !== undefined) say("fresh", id);
    else say(by.length === 0 ? "uncovered" : "survived", id);
  }
}

/** Why they fail, if they do; a mutant may also make them wait for what never comes. */
async function timed(chosen, enter) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve(TOO_LONG), ALL_MS);
  });
  const why = await Promise.race([runTests(chosen, enter), late]);
  clearTimeout(timer);
  return why;
}
