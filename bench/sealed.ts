import { createHash, createPrivateKey } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { argv, stderr, stdout } from "node:process";
import { DuckDBInstance } from "@duckdb/node-api";
import { openSealedQvd } from "../src/engine/open-sealed.ts";
import { sealQvd } from "../src/engine/seal-qvd.ts";
import { type KernelPool, kernelPool } from "../src/kernel/pool.ts";
import type { KeyHandle } from "../src/keys/keystore.ts";
import { generateKey } from "../src/keys/self-signed.ts";
import { softwareHandle } from "../src/keys/software.ts";
import { describeKey, publicHalf } from "../src/keys/thumbprint.ts";
import { MAX_KERNEL_BYTES } from "../src/limits.ts";
import { writeParquet } from "../src/output/parquet.ts";
import { recipientOf } from "../src/seal/recipient.ts";
import { fileSource } from "../src/source/file.ts";
import { fileSink } from "../src/source/file-sink.ts";
import { openQvdTable, type QvdTable } from "../src/table/qvd-table.ts";
import { reduceQvd } from "../src/table/reduce-table.ts";
import { machine } from "./measure.ts";
import { chunkFigures } from "./seal-chunks.ts";
import { allowedRegion, makeWideTable, plainFileSink, REGION, regionName } from "./wide-table.ts";

/**
 * `node dist/bench/sealed.js --make FOLDER [ROWS]` makes a table of 10 columns and ROWS rows (10 million) as a QVD, as a QVD
 * with every column sealed, and as a Parquet file that DuckDB encrypted with AES-256-GCM. `node dist/bench/sealed.js FOLDER`
 * then measures in turns, on one thread: sealing and opening chunks beside the bare cipher, and the rows of 20 of 200
 * regions, from each of the three files to a plain one without fsync. JSON on standard output.
 */
const ROUNDS = 3;
const OUTPUTS = ["out-plain.qvd", "out-sealed.qvd", "out.parquet"] as const;
const PARQUET_KEY = "0123456789abcdef0123456789abcdef";

const path = (folder: string, name: string) => join(folder, name);

function owner(folder: string): KeyHandle {
  const key = createPrivateKey(readFileSync(path(folder, "key.pem")));
  return softwareHandle(describeKey({ publicKey: publicHalf(key) }, "bench", true), key);
}

async function make(folder: string, rows: number): Promise<void> {
  writeFileSync(path(folder, "key.pem"), generateKey("rsa-3072").export({ type: "pkcs8", format: "pem" }), {
    mode: 0o600,
  });
  await makeWideTable(path(folder, "wide.qvd"), rows);
  const table = await openQvdTable(await fileSource(path(folder, "wide.qvd")));
  const sealed = await fileSink(path(folder, "sealed.qvd"), { force: true });
  const fields = table.fields.map((field) => field.name);
  await sealQvd(table, sealed, { slots: [{ name: "all", recipients: [recipientOf(owner(folder).info)], fields }] });
  await sealed.commit();
  const plain = await plainFileSink(path(folder, "plain.parquet"));
  await writeParquet(table, plain);
  await plain.commit();
  await table.close();
  const from = `read_parquet('${path(folder, "plain.parquet")}')`;
  await duckdb(`SELECT * FROM ${from}`, path(folder, "wide.parquet"), ", ENCRYPTION_CONFIG {footer_key: 'k'}");
}

/** A database of its own each time, as its opening is part of the job. Gives the rows written. */
async function duckdb(select: string, to: string, more = ""): Promise<number> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const db = await instance.connect();
  // Without its httpfs extension DuckDB encrypts only when told to trust its own cipher; reading needs no word.
  if (more !== "") await db.run("SET force_mbedtls_unsafe = 'true'");
  await db.run(`PRAGMA add_parquet_key('k', '${PARQUET_KEY}')`);
  const result = await db.runAndReadAll(`COPY (${select}) TO '${to}' (FORMAT parquet, COMPRESSION snappy${more})`);
  db.closeSync();
  instance.closeSync();
  return Number(result.getRows()[0]![0]);
}

/** The memory is that of the job before, wiped, as in an engine that runs on. */
async function reduce(pool: KernelPool, table: QvdTable, to: string): Promise<number> {
  const sink = await plainFileSink(to);
  const allowed = [{ ordinal: REGION, allows: allowedRegion }];
  const { kept } = await pool.use((kernel) => reduceQvd(sink, table, { allowed, kernel }));
  await sink.commit();
  await table.close();
  return kept;
}

function jobs(folder: string): readonly (readonly [string, () => Promise<number>])[] {
  const handle = owner(folder);
  const regions = Array.from({ length: 200 }, (_, i) => i).filter(allowedRegion);
  const where = `REGION IN (${regions.map((i) => `'${regionName(i)}'`).join(", ")})`;
  const from = `read_parquet('${path(folder, "wide.parquet")}', encryption_config = {footer_key: 'k'})`;
  const pool = kernelPool(MAX_KERNEL_BYTES);
  const source = (name: string) => fileSource(path(folder, name));
  return [
    ["plain", async () => reduce(pool, await openQvdTable(await source("wide.qvd")), path(folder, OUTPUTS[0]))],
    [
      "sealed",
      async () =>
        reduce(pool, await openSealedQvd(await source("sealed.qvd"), async () => handle), path(folder, OUTPUTS[1])),
    ],
    ["duckdb", () => duckdb(`SELECT * FROM ${from} WHERE ${where}`, path(folder, OUTPUTS[2]))],
  ];
}

/** Of what qvault wrote; undefined for what DuckDB did. */
function digestOf(folder: string, job: string): string | undefined {
  const name = { plain: OUTPUTS[0], sealed: OUTPUTS[1] }[job];
  return name === undefined
    ? undefined
    : createHash("sha256")
        .update(readFileSync(path(folder, name)))
        .digest("hex");
}

async function measure(folder: string) {
  const chunks = await chunkFigures();
  for (const { name, gigabytesPerSecond, ratioToBare } of chunks) {
    stderr.write(`${name.padEnd(28)} ${gigabytesPerSecond.toFixed(2)} GB/s  x ${ratioToBare} of bare\n`);
  }
  const all = jobs(folder).map(([name, work]) => ({
    name,
    work,
    samples: [] as number[],
    kept: 0,
    digest: undefined as string | undefined,
  }));
  for (let round = -1; round < ROUNDS; round++) {
    for (const job of all) {
      // Each writes a new file, as to take away an old one is no part of the job.
      for (const name of OUTPUTS) rmSync(path(folder, name), { force: true });
      const start = performance.now();
      job.kept = await job.work();
      if (round >= 0) job.samples.push(performance.now() - start);
      else job.digest = digestOf(folder, job.name);
    }
  }
  if (new Set(all.map(({ kept }) => kept)).size !== 1) throw new Error("they did not keep as many rows");
  const median = ({ samples }: { readonly samples: readonly number[] }) =>
    Math.round([...samples].sort((a, b) => a - b)[ROUNDS >> 1]!);
  const [plain, sealed, duck] = all.map(median) as [number, number, number];
  if (new Set(all.flatMap(({ digest }) => digest ?? [])).size !== 1)
    throw new Error("the sealed table was reduced to something else");
  return {
    chunks,
    filterToATenth: { kept: all[0]!.kept, plainMs: plain, sealedMs: sealed, duckdbMs: duck },
    ratios: {
      sealedToPlain: Math.round((100 * plain) / sealed) / 100,
      duckdbToSealed: Math.round((10 * duck) / sealed) / 10,
    },
  };
}

const [step, ...rest] = argv.slice(2);
if (step === "--make") await make(rest[0]!, Number(rest[1] ?? 10_000_000));
else if (step === undefined) throw new Error("name the folder that --make filled");
else
  stdout.write(
    `${JSON.stringify({ schemaVersion: 1, machine: machine(), threads: 1, ...(await measure(step)) }, null, 2)}\n`,
  );
