import { stderr, stdout } from "node:process";
import { BaseApp } from "../src/engine/access-app.ts";
import type { AccessTable } from "../src/reduce/access-table.ts";
import { UNKNOWN_FORMAT } from "../src/table/field.ts";
import type { Model } from "../src/table/model.ts";
import { encodeSymbols } from "../src/table/model-cells.ts";
import { machine } from "./measure.ts";
import { seededRandom } from "./random.ts";

/**
 * `node dist/bench/deny.js [ROUNDS]`: how long a denial takes, by its reason, on 2 M facts between two dimensions; the
 * reasons take turns in an order drawn anew each round. For each pair of reasons the probability is printed that one
 * attempt of the one takes longer than one of the other: 0.5 tells nothing apart, and `z` says how far off chance it is.
 * JSON on standard output.
 */
const ROUNDS = Number(process.argv[2] ?? 60);
const FACTS = 2_000_000;
const SIDE = 10_000;

function model(): Model {
  const random = seededRandom(11);
  const symbols = encodeSymbols(Array.from({ length: SIDE }, (_, i) => `s${i}`));
  const groups = encodeSymbols(Array.from({ length: 50 }, (_, i) => `G${i}`));
  const field = (name: string) => ({ name, numberFormat: UNKNOWN_FORMAT, tags: [], comment: "" });
  const draw = (below: number) => Int32Array.from({ length: FACTS }, () => Math.floor(random() * below));
  const inOrder = Int32Array.from({ length: SIDE }, (_, i) => i);
  const grouped = inOrder.map((i) => i % 50);
  const table = (name: string, columns: Model["tables"][number]["columns"]) => {
    return { name, comment: "", rows: columns[0]!.index.length, columns, loose: false, synthetic: false };
  };
  // The facts know only the first 9,000 symbols of B, so a selection among the others meets no fact.
  return {
    fields: ["A", "B", "LAND", "KIND"].map(field),
    domains: [symbols, symbols, groups, groups],
    tables: [
      table("Facts", [
        { field: 0, domain: 0, index: draw(SIDE) },
        { field: 1, domain: 1, index: draw(9_000) },
      ]),
      table("As", [
        { field: 0, domain: 0, index: inOrder },
        { field: 2, domain: 2, index: grouped },
      ]),
      table("Bs", [
        { field: 1, domain: 1, index: inOrder },
        { field: 3, domain: 3, index: inOrder.map((i) => (i < 9_000 ? i % 49 : 49)) },
      ]),
    ],
  };
}

const USERS: readonly (readonly string[])[] = [
  ["USER", "no match", "NOWHERE", "G1"],
  ["USER", "never meet", "G1", "G49"],
  ["GUEST", "no level", "G1", "G1"],
];
const REASONS = ["not listed", ...USERS.map((user) => user[1]!)];

function access(): AccessTable {
  const rows = USERS.map((user) => user.map((text) => ({ text: text.toUpperCase() })));
  return { name: "SA", fields: ["ACCESS", "USERID", "LAND", "KIND"], rows };
}

/** P(a > b) over all pairs, and the z of Mann and Whitney. */
function compare(a: readonly number[], b: readonly number[]) {
  let longer = 0;
  for (const x of a) for (const y of b) longer += x > y ? 1 : x === y ? 0.5 : 0;
  const pairs = a.length * b.length;
  const sd = Math.sqrt((pairs * (a.length + b.length + 1)) / 12);
  return { probability: round(longer / pairs), z: round((longer - pairs / 2) / sd) };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

const app = new BaseApp({ name: "deny", model: model(), access: [access()], version: "bench", syntheticKeys: [] });
const random = seededRandom(3);
const times = new Map(REASONS.map((reason) => [reason, [] as number[]]));
for (let n = -2; n < ROUNDS; n++) {
  const turn = REASONS.map((reason) => ({ reason, at: random() })).sort((x, y) => x.at - y.at);
  for (const { reason } of turn) {
    const from = performance.now();
    const opened = await app.openAs({ user: { userid: reason } }).then(
      () => true,
      () => false,
    );
    if (opened) throw new Error(`${reason} got in`);
    if (n >= 0) times.get(reason)!.push(performance.now() - from);
  }
}
const reasons = REASONS.map((reason) => {
  const sorted = times.get(reason)!.toSorted((x, y) => x - y);
  const at = (p: number) => round(sorted[Math.floor(p * (sorted.length - 1))]!);
  return { reason, attempts: sorted.length, min: at(0), median: at(0.5), p99: at(0.99) };
});
const pairs = REASONS.flatMap((a, i) =>
  REASONS.slice(i + 1).map((b) => ({ a, b, ...compare(times.get(a)!, times.get(b)!) })),
);
for (const { reason, median, p99 } of reasons)
  stderr.write(`${reason.padEnd(12)} median ${median} ms, p99 ${p99} ms\n`);
stdout.write(`${JSON.stringify({ schemaVersion: 1, machine: machine(), facts: FACTS, reasons, pairs }, null, 1)}\n`);
