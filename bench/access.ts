import { stderr, stdout } from "node:process";
import { DuckDBInstance } from "@duckdb/node-api";
import { BaseApp } from "../src/engine/access-app.ts";
import type { AccessTable } from "../src/reduce/access-table.ts";
import { carryOut, decide } from "../src/reduce/admit.ts";
import { compact } from "../src/reduce/compact.ts";
import { rulesOf } from "../src/reduce/rules.ts";
import { SCRIPT_OPS } from "../src/reduce/semijoin.ts";
import { UNKNOWN_FORMAT } from "../src/table/field.ts";
import { type Model, modelBytes } from "../src/table/model.ts";
import { encodeSymbols } from "../src/table/model-cells.ts";
import type { SymbolTable } from "../src/table/symbols.ts";
import { seededRandom } from "./random.ts";

/**
 * `node dist/bench/access.js [FACTS]`: section access on a star of FACTS rows (10 million) with keys into dimensions of
 * 10 k, 100 k and 1 M rows. A user keeps 10 %; then 1,000 users with 50 distinct reductions; and the same semi-joins in
 * DuckDB on one thread in the same run. JSON on standard output.
 */
const FACTS = Number(process.argv[2] ?? 10_000_000);
const DIMENSIONS = [10_000, 100_000, 1_000_000] as const;
const REGIONS = 50;
const USERS = 1_000;
const RUNS = 7;

/** Symbols 0, 1, 2, … as int32. */
function numbers(count: number): SymbolTable {
  const bytes = new Uint8Array(5 * count);
  const view = new DataView(bytes.buffer);
  const starts = new Uint32Array(count + 1);
  for (let i = 0; i < count; i++) {
    bytes[5 * i] = 1;
    view.setInt32(5 * i + 1, i, true);
    starts[i + 1] = 5 * (i + 1);
  }
  return { bytes, starts, count };
}

function field(name: string) {
  return { name, numberFormat: UNKNOWN_FORMAT, tags: [], comment: "" };
}

/** Facts(K0, K1, K2, AMOUNT), Dim0(K0, REGION), Dim1(K1, NAME1), Dim2(K2, NAME2). */
function star(): Model {
  const random = seededRandom(5);
  const column = (count: number, below: number): Int32Array =>
    Int32Array.from({ length: count }, () => Math.floor(random() * below));
  const inOrder = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i);
  const regions = encodeSymbols(Array.from({ length: REGIONS }, (_, i) => `R${i}`));
  const domains = [
    ...DIMENSIONS.map(numbers),
    numbers(100_000),
    regions,
    numbers(DIMENSIONS[1]),
    numbers(DIMENSIONS[2]),
  ];
  const facts = [...DIMENSIONS, 100_000].map((below, i) => ({ field: i, domain: i, index: column(FACTS, below) }));
  const table = (name: string, columns: typeof facts) => {
    return { name, comment: "", rows: columns[0]!.index.length, columns, loose: false, synthetic: false };
  };
  return {
    fields: ["K0", "K1", "K2", "AMOUNT", "REGION", "NAME1", "NAME2"].map(field),
    domains,
    tables: [
      table("Facts", facts),
      table("Dim0", [
        { field: 0, domain: 0, index: inOrder(DIMENSIONS[0]) },
        { field: 4, domain: 4, index: Int32Array.from({ length: DIMENSIONS[0] }, (_, i) => i % REGIONS) },
      ]),
      ...[1, 2].map((d) => {
        const rows = DIMENSIONS[d]!;
        return table(`Dim${d}`, [
          { field: d, domain: d, index: inOrder(rows) },
          { field: 4 + d, domain: 4 + d, index: inOrder(rows) },
        ]);
      }),
    ],
  };
}

function access(): AccessTable {
  const rows = Array.from({ length: USERS }, (_, u) => [
    { text: "USER" },
    { text: `U${u}` },
    { text: `R${u % REGIONS}` },
  ]);
  for (const region of ["R1", "R2", "R3", "R4", "R5"]) rows.push([{ text: "USER" }, { text: "TEN" }, { text: region }]);
  return { name: "SA", fields: ["ACCESS", "USERID", "REGION"], rows };
}

function stats(times: readonly number[]) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (p: number): number =>
    Math.round(10 * sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))]!) / 10;
  return { min: at(0), median: at(0.5), p99: at(0.99) };
}

function repeat(runs: number, work: () => unknown): number[] {
  return Array.from({ length: runs }, () => {
    const from = performance.now();
    work();
    return performance.now() - from;
  });
}

async function duckdb(): Promise<number[]> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const db = await instance.connect();
  // Uniform keys as in the model, made by DuckDB itself: appending row by row would take longer than everything else.
  const keys = DIMENSIONS.map((n, d) => `(hash(i * 4 + ${d}) % ${n})::int as k${d}`).join(", ");
  await db.run(
    `create table facts as select ${keys}, (hash(i * 4 + 3) % 100000)::int as amount from range(${FACTS}) t(i)`,
  );
  await db.run(
    `create table dim0 as select i::int as k0, 'R' || (i % ${REGIONS}) as region from range(${DIMENSIONS[0]}) t(i)`,
  );
  for (const d of [1, 2])
    await db.run(`create table dim${d} as select i::int as k${d}, i::int as label from range(${DIMENSIONS[d]!}) t(i)`);
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const from = performance.now();
    await db.run("create or replace table d0 as select * from dim0 where region in ('R1','R2','R3','R4','R5')");
    await db.run("create or replace table f as select * from facts where k0 in (select k0 from d0)");
    for (const d of [1, 2])
      await db.run(`create or replace table d${d} as select * from dim${d} where k${d} in (select k${d} from f)`);
    times.push(performance.now() - from);
  }
  db.closeSync();
  return times;
}

const model = star();
const base = new BaseApp(
  { name: "star", model, access: [access()], version: "bench", syntheticKeys: [] },
  { cacheBytes: 2 ** 33, denyAfterMs: 0 },
);
const rules = rulesOf();
const app = base.reducible;
const prepared = repeat(1, () => app.forest("loosen"))[0]!;
const decision = decide(app, { userid: "TEN" }, rules);
if (decision.denied) throw new Error("denied");
const script = { ...app, ops: SCRIPT_OPS };
const propagationScript = repeat(RUNS, () => carryOut(script, decision, rules));
const propagation = repeat(RUNS, () => carryOut(app, decision, rules));
const outcome = carryOut(app, decision, rules);
if (outcome.denied) throw new Error("denied");
const keysOnly = new Set([3, 4, 5, 6]);
const withKeys = repeat(RUNS, () => {
  const again = carryOut(app, decision, rules);
  if (!again.denied) compact(model, again.kept.rows, keysOnly);
});
const inAll = repeat(RUNS, () => {
  const again = carryOut(app, decision, rules);
  if (!again.denied) compact(model, again.kept.rows, decision.omitted);
});
const kept = compact(model, outcome.kept.rows, decision.omitted).tables.map((t) => t.rows);
stderr.write(`prepared in ${Math.round(prepared)} ms, kept ${kept.join(", ")} rows\n`);

const openings: number[] = [];
for (let u = 0; u < USERS; u++) {
  const from = performance.now();
  await base.openAs({ user: { userid: `U${u}` } });
  openings.push(performance.now() - from);
}
const perReduction = Math.round(base.cache.bytes / base.cache.size / 1024);
const distinct = base.cache.size;
const baseBytes = modelBytes(model);
const duck = await duckdb();
const result = {
  facts: FACTS,
  keptRows: kept,
  prepareMs: Math.round(prepared),
  propagateMs: stats(propagation),
  propagateInTypeScriptMs: stats(propagationScript),
  propagateAndCompactKeysMs: stats(withKeys),
  reduceInAllMs: stats(inAll),
  duckdbMs: stats(duck),
  ratioToDuckdb: Math.round((100 * stats(duck).median) / stats(inAll).median) / 100,
  users: USERS,
  distinctReductions: distinct,
  openMs: stats(openings),
  kibibytesPerReduction: perReduction,
  baseMebibytes: Math.round(baseBytes / 2 ** 20),
};
stdout.write(`${JSON.stringify(result, null, 1)}\n`);
