// Stands in for vitest where a mutant's tests are run again and again within one process: collects suites and tests
// instead of running them. The matchers are vitest's own.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// As vitest finds them, whose they are.
const vitest = createRequire(
  createRequire(new URL("../../package.json", import.meta.url)).resolve("vitest/package.json"),
);
const kit = await import(pathToFileURL(vitest.resolve("@vitest/expect")).href);
const { chai, JestChaiExpect, JestExtend, JestAsymmetricMatchers, ASYMMETRIC_MATCHERS_OBJECT, GLOBAL_EXPECT } = kit;

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);
export const expect = Object.assign(
  (value, message) => chai.expect(value, message),
  chai.expect,
  globalThis[ASYMMETRIC_MATCHERS_OBJECT],
);
kit.setState({ assertionCalls: 0, isExpectingAssertions: false }, expect);
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect, writable: true, configurable: true });

const newSuite = (parent) => ({
  parent,
  beforeAll: [],
  beforeEach: [],
  afterAll: [],
  afterEach: [],
  id: suites.length,
});
const suites = [];
suites.push(newSuite(undefined));
export const tests = [];
let current = suites[0];

/** Names and hooks of the next files go into a suite of their own. */
export function beginFile() {
  current = newSuite(suites[0]);
  suites.push(current);
}

/** Suites round a test, outermost first. */
export function chainOf(suite) {
  return suite === undefined ? [] : [...chainOf(suite.parent), suite];
}

const bodyOf = (args) => args.find((arg) => typeof arg === "function");
const skipping = () => {};

function variants(work) {
  const each =
    (cases) =>
    (name, ...args) => {
      const body = bodyOf(args);
      for (const one of cases) work(name, () => (Array.isArray(one) ? body(...one) : body(one)));
    };
  return Object.assign((name, ...args) => work(name, bodyOf(args)), {
    each,
    for: each,
    skip: Object.assign(skipping, { each: () => skipping }),
    skipIf: (no) => (no ? Object.assign(() => {}, { each: () => skipping }) : variants(work)),
    runIf: (yes) => (yes ? variants(work) : Object.assign(() => {}, { each: () => skipping })),
  });
}

export const it = variants((name, body) =>
  tests.push({ name: String(name), body, suite: current, id: `t${tests.length}` }),
);
export const test = it;
export const describe = variants((_, body) => {
  const outer = current;
  current = newSuite(outer);
  suites.push(current);
  body();
  current = outer;
});
export const beforeAll = (hook) => void current.beforeAll.push(hook);
export const beforeEach = (hook) => void current.beforeEach.push(hook);
export const afterAll = (hook) => void current.afterAll.push(hook);
export const afterEach = (hook) => void current.afterEach.push(hook);

const finished = [];
export const onTestFinished = (hook) => void finished.push(hook);

/** Runs some of the tests in their order, until one fails: gives its name, or nothing. `enter` learns what is run. */
export async function runTests(chosen, enter = () => {}) {
  let open = [];
  const close = async (chain) => {
    for (const suite of open.filter((s) => !chain.includes(s)).reverse())
      for (const hook of suite.afterAll) await hook();
    open = open.filter((s) => chain.includes(s));
  };
  for (const one of chosen) {
    const chain = chainOf(one.suite);
    try {
      await close(chain);
      for (const suite of chain) {
        if (open.includes(suite)) continue;
        open.push(suite);
        enter(`s${suite.id}`);
        for (const hook of suite.beforeAll) await hook();
      }
      enter(one.id);
      for (const suite of chain) for (const hook of suite.beforeEach) await hook();
      await one.body();
      for (const suite of chain.toReversed()) for (const hook of suite.afterEach) await hook();
    } catch (error) {
      await close([]).catch(() => {});
      return `${one.name}: ${error?.message ?? error}`;
    } finally {
      enter("");
      for (const hook of finished.splice(0)) await hook();
    }
  }
  await close([]);
  return undefined;
}
