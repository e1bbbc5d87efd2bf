// npm run trust-report: makes the table of SECURITY.md from the results that runs left; with --check only compares.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const BEGIN = "<!-- trust-report: npm run trust-report writes what follows -->";
const END = "<!-- end of trust-report -->";

const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));
const result = (name) => {
  const path = `${root}test/trust/results/${name}.json`;
  return existsSync(path) ? readJson(path) : undefined;
};
const resultsIn = (folder) =>
  existsSync(root + folder)
    ? readdirSync(root + folder)
        .filter((name) => name.endsWith(".json"))
        .sort()
        .map((name) => readJson(`${root}${folder}/${name}`))
    : [];
const number = (n) => n.toLocaleString("en");
const NOT_RUN = "not run";

export function reportText() {
  return [
    "| what | tried | escaped | again with |",
    "|---|---|---|---|",
    ...corpusRows(),
    ...fuzzRows(),
    ...nativeRows(),
    ...crashRows(),
    ...flipRows(),
    ...accessRows(),
    ...mutationRows(),
  ].join("\n");
}

function corpusRows() {
  const corpus = result("corpus");
  if (corpus === undefined) return [`| malformed files, each with its code | ${NOT_RUN} | | |`];
  return Object.entries(corpus.faults).map(
    ([kind, count]) =>
      `| malformed ${kind.toUpperCase()}, each fault with its code | ${number(count)} faults | 0: a test for each | \`${corpus.command}\` |`,
  );
}

function fuzzRows() {
  const all = resultsIn("test/fuzz/results").filter((r) => typeof r.executions === "number");
  if (all.length === 0) return [`| fuzzing of every parser | ${NOT_RUN} | | |`];
  return all.map((r) => {
    const hours = r.seconds >= 3600 ? `${(r.seconds / 3600).toFixed(1)} h` : `${Math.round(r.seconds)} s`;
    const tried = `${number(r.executions)} inputs in ${hours}, ${r.coverage.toFixed(1)} % of the code`;
    const escaped = `${r.crashes.open}; ${r.crashes.found} found and kept`;
    return `| fuzzing: ${r.target} | ${tried} | ${escaped} | \`${r.command}\` |`;
  });
}

function nativeRows() {
  const r = result("kernel-native");
  if (r === undefined) return [`| fuzzing the kernel as C, with AddressSanitizer | ${NOT_RUN} | | |`];
  const tried = `${number(r.executions)} inputs in ${r.seconds} s, ${number(r.edges)} of ${number(r.edgesOfAll)} edges, harness and other calls of the kernel counted in`;
  return [`| fuzzing the kernel as C, with AddressSanitizer | ${tried} | ${r.crashes} | \`${r.command}\` |`];
}

function crashRows() {
  const rows = [];
  const faults = result("faults");
  if (faults === undefined) rows.push(`| faults at each file operation, in process | ${NOT_RUN} | | |`);
  else {
    const parts = Object.values(faults.parts);
    const byKind = {};
    for (const part of parts)
      for (const [kind, n] of Object.entries(part.byKind)) byKind[kind] = (byKind[kind] ?? 0) + n;
    const kinds = Object.entries(byKind).map(([kind, n]) => `${kind} ${number(n)}`);
    const runs = Object.values(byKind).reduce((sum, n) => sum + n, 0);
    const points = parts.reduce((sum, part) => sum + part.points, 0);
    const tried = `${number(runs)} faults at ${number(points)} operations of ${parts.length} commands (${kinds.join(", ")})`;
    rows.push(`| faults at each file operation, in process | ${tried} | ${escapedOf(parts)} | \`${faults.command}\` |`);
  }
  const kills = result("kills");
  if (kills === undefined) rows.push(`| system calls killed or failed by strace | ${NOT_RUN} | | |`);
  else {
    const parts = Object.values(kills.parts);
    const sum = (of) => number(parts.reduce((n, part) => n + of(part), 0));
    const tried = `${sum((p) => p.killed)} kills and ${sum((p) => p.failed)} failed runs of ${parts.length} commands`;
    rows.push(`| system calls killed or failed by strace | ${tried} | ${escapedOf(parts)} | \`${kills.command}\` |`);
  }
  const moments = result("moments");
  if (moments !== undefined) {
    const parts = Object.entries(moments.parts);
    const tried = parts.map(
      ([kind, { killed, runs }]) => `${number(killed)} of ${number(runs)} rotations of sealed ${kind}s`,
    );
    const open = escapedOf(parts.map(([, part]) => part));
    rows.push(`| rotations killed at any moment | ${tried.join(", ")} | ${open} | \`${moments.command}\` |`);
  }
  const hsm = result("hsm");
  if (hsm !== undefined) {
    const tried = Object.entries(hsm.parts).map(
      ([kind, { files, slots, derives, decrypts, logins }]) =>
        `${number(files)} files of ${slots} slots of one ${kind.toUpperCase()} key: ${number(derives + decrypts)} uses of it, ${logins} login`,
    );
    rows.push(
      `| what a rotation asks of SoftHSM, counted in front of it | ${tried.join("; ")} | 0 | \`${hsm.command}\` |`,
    );
  }
  return rows;
}

/** A command stops at its first fault that escapes. */
function escapedOf(parts) {
  const finished = parts.filter((part) => part.finished).length;
  return finished === parts.length ? "0" : `in ${parts.length - finished} of ${parts.length} commands`;
}

function flipRows() {
  return [
    ["flips", "single bits of a sealed QVD flipped, the file verified whole"],
    ["flips-parts", "single bits of a sealed QVD flipped behind header and head, each held to the part that it is in"],
    ["flips-app", "single bits of a sealed app flipped, each held to the part that it is in"],
    ["flips-app-whole", "single bits of a sealed app flipped, the file verified whole"],
  ].map(([name, what]) => {
    const flips = result(name);
    if (flips === undefined) return `| ${what} | ${NOT_RUN} | | |`;
    const tried = `${number(flips.flips)} of the ${number(8 * flips.bytes)} bits of a file`;
    return `| ${what} | ${tried} | 0 | \`${flips.command}\` |`;
  });
}

function accessRows() {
  const rows = [
    [
      "access-differential",
      "random apps reduced, against brute force",
      (r) => `${number(r.models)} models, seeds ${number(r.seeds[0])} to ${number(r.seeds[1])}`,
    ],
    [
      "access-checker",
      "reductions with one row too many or too few, shown to the checker of `--prove`",
      (r) => `${number(r.flipped)} of ${number(r.models)} models, ${number(r.inCircles)} with circles kept`,
    ],
    [
      "access-interference",
      "hidden content of random apps changed, bytes compared",
      (r) => `${number(r.compared)} of ${number(r.models)} models, ${number(r.inCircles)} with circles kept`,
    ],
    [
      "access-real",
      "real apps reduced, proved and scanned; their hidden content changed",
      (r) => `${number(r.reduced)} apps, ${number(r.changes)} changes`,
    ],
    [
      "access-mutants",
      "one-rule mutants of the evaluator, against the policy cases",
      (r) => `${number(r.found)} of ${number(r.mutants)} caught`,
    ],
  ];
  return rows.map(([name, what, tried]) => {
    const found = result(name);
    if (found === undefined) return `| ${what} | ${NOT_RUN} | | |`;
    // A run that lets one through fails and leaves no record.
    return `| ${what} | ${tried(found)} | 0 | \`${found.command}\` |`;
  });
}

/** Survivors that no test can tell from the original, with the reason. */
const EQUIVALENT = existsSync(`${root}test/mutation/equivalents.json`)
  ? readJson(`${root}test/mutation/equivalents.json`)
  : [];

export function openSurvivors({ file, survivors }) {
  return survivors.filter((s) => !EQUIVALENT.some((e) => e.file === file && e.from === s.from && e.to === s.to));
}

function mutationRows() {
  const all = resultsIn("test/mutation/results");
  if (all.length === 0) return [`| mutation testing | ${NOT_RUN} | | |`];
  return ["seal", "reduce", "container"].map((folder) => {
    const files = all.filter((r) => r.file.startsWith(`src/${folder}/`));
    if (files.length === 0) return `| mutants of \`${folder}\` | ${NOT_RUN} | | |`;
    const sum = (of) => files.reduce((n, f) => n + of(f), 0);
    const found = sum((f) => f.killed + f.timeout);
    const counted = sum((f) => f.mutants - f.unusable);
    const open = sum((f) => openSurvivors(f).length);
    const names = files.map((f) => f.file.replace(`src/${folder}/`, "").replace(".ts", "")).join(", ");
    const score = `${((100 * found) / counted).toFixed(1)} %: ${number(found)} of ${number(counted)} mutants found, in ${names}`;
    const same = sum((f) => f.survivors.length) - open;
    return `| mutants of \`${folder}\` | ${score} | ${open}; ${same} more mean the same | \`node test/mutation/run.mjs src/${folder}\` |`;
  });
}

const path = `${root}SECURITY.md`;
const text = readFileSync(path, "utf8");
const [before, rest] = text.split(BEGIN);
const after = rest?.split(END)[1];
if (after === undefined) throw new Error("SECURITY.md has lost the marks of the report");
const wanted = `${before}${BEGIN}\n${reportText()}\n${END}${after}`;
if (process.argv.includes("--check")) {
  if (wanted !== text) {
    console.error("SECURITY.md is not what the results say: run npm run trust-report");
    process.exitCode = 1;
  }
} else {
  writeFileSync(path, wanted);
  console.log(reportText());
}
