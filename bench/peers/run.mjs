// `npm install && npm run bench [-- --quick]` in this folder, after `npm run build` in the project: the same job by qvault,
// DuckDB and Polars, on one thread, each in a process of its own: of 10 columns the rows of 20 of 200 regions, file to file, no fsync.
// Polars has builds for Node 22 and later only, and is left out, with a word, where it is not installed.
// qvault reads and writes QVD, the peers Parquet (Snappy) that DuckDB wrote. The formats' work differs, the job does not.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, execPath, resourceUsage, stderr, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { machine } from "../../dist/bench/measure.js";
import { reduceFile } from "../../dist/bench/reduce.js";
import { allowedRegion, makeWideTable, regionName } from "../../dist/bench/wide-table.js";
import { kernelPool } from "../../dist/src/kernel/pool.js";

const SCRIPT = fileURLToPath(import.meta.url);
const QVAULT = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));
const NAMES = ["qvault", "duckdb", "polars"];
const OUTPUTS = ["out.qvd", "out-duckdb.parquet", "out-polars.parquet"];
const REGIONS = Array.from({ length: 200 }, (_, i) => i)
  .filter(allowedRegion)
  .map(regionName);

const pool = kernelPool(2 ** 32);

/** Each does the job once and returns how many rows it kept. */
const JOBS = {
  qvault: async (folder) => (await reduceFile(join(folder, "wide.qvd"), join(folder, "out.qvd"), pool)).kept,
  duckdb: (folder) => {
    const where = `REGION IN (${REGIONS.map((name) => `'${name}'`).join(", ")})`;
    const from = `read_parquet('${join(folder, "wide.parquet")}')`;
    return copyByDuckdb(`SELECT * FROM ${from} WHERE ${where}`, join(folder, "out-duckdb.parquet"), "1");
  },
  polars: async (folder) => {
    const { default: pl } = await import("nodejs-polars");
    const kept = await pl.scanParquet(join(folder, "wide.parquet")).filter(pl.col("REGION").isIn(REGIONS)).collect();
    kept.writeParquet(join(folder, "out-polars.parquet"), { compression: "snappy" });
    return kept.height;
  },
};

/** A database of its own each time, as its opening is part of the job. */
async function copyByDuckdb(select, path, threads) {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const instance = await DuckDBInstance.create(":memory:", { threads });
  const connection = await instance.connect();
  const result = await connection.runAndReadAll(`COPY (${select}) TO '${path}' (FORMAT parquet, COMPRESSION snappy)`);
  connection.closeSync();
  instance.closeSync();
  return Number(result.getRows()[0][0]);
}

async function measureOne(name, folder, rounds) {
  try {
    await JOBS[name](folder);
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND" && error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    return { name, missing: error.message.split("\n")[0] };
  }
  const samples = [];
  let kept = 0;
  for (let round = 0; round < rounds; round++) {
    for (const out of OUTPUTS) rmSync(join(folder, out), { force: true });
    const start = performance.now();
    kept = await JOBS[name](folder);
    samples.push(performance.now() - start);
  }
  samples.sort((a, b) => a - b);
  const [ms, median] = [samples[0], samples[samples.length >> 1]].map((value) => Math.round(value * 10) / 10);
  return { name, ms, median, rounds, kept, peakMegabytes: Math.round(resourceUsage().maxRSS / 1024) };
}

async function makeFiles(folder, rows) {
  const [qvd, plain, parquet] = ["wide.qvd", "plain.parquet", "wide.parquet"].map((name) => join(folder, name));
  await makeWideTable(qvd, rows);
  execFileSync(execPath, [QVAULT, "export", qvd, "-o", plain], { stdio: ["ignore", "ignore", "inherit"] });
  await copyByDuckdb(`SELECT * FROM read_parquet('${plain}')`, parquet, "2");
  rmSync(plain);
  return { rows, qvdBytes: statSync(qvd).size, parquetBytes: statSync(parquet).size };
}

function child(...args) {
  // One thread for Polars, whose pool is as large as it is told when it is loaded; DuckDB is told by its option.
  const env = { ...process.env, POLARS_MAX_THREADS: "1" };
  return JSON.parse(
    execFileSync(execPath, [SCRIPT, ...args], { encoding: "utf8", env, stdio: ["ignore", "pipe", "inherit"] }),
  );
}

function runAll(quick) {
  const folder = mkdtempSync(join(tmpdir(), "qvault-peers-"));
  try {
    const data = child("--make", folder, quick ? "1000000" : "10000000");
    const all = NAMES.map((name) => child("--measure", name, folder, "5"));
    const missing = all.filter((each) => each.missing !== undefined);
    for (const each of missing) stderr.write(`${each.name.padEnd(8)} was not measured: ${each.missing}\n`);
    const found = all.filter((each) => each.missing === undefined);
    if (new Set(found.map(({ kept }) => kept)).size !== 1) throw new Error("they did not keep as many rows");
    const ours = found[0].ms;
    const results = found.map((each) => ({ ...each, ratioToQvault: Math.round((each.ms / ours) * 100) / 100 }));
    for (const { name, ms, median, peakMegabytes, ratioToQvault } of results) {
      stderr.write(`${name.padEnd(8)} ${ms} ms (median ${median})  x ${ratioToQvault}  peak ${peakMegabytes} MB\n`);
    }
    stdout.write(
      `${JSON.stringify({ schemaVersion: 1, machine: machine(), data, threads: 1, results, missing }, undefined, 2)}\n`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [step, ...rest] = argv.slice(2);
if (step === "--make") stdout.write(JSON.stringify(await makeFiles(rest[0], Number(rest[1]))));
else if (step === "--measure") stdout.write(JSON.stringify(await measureOne(rest[0], rest[1], Number(rest[2]))));
else runAll(step === "--quick");
