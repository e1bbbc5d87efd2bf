import { copyFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argv, stderr, stdout } from "node:process";
import { openKeys } from "../src/engine/key-access.ts";
import { keyUse, rotateBatch } from "../src/engine/rotate.ts";
import { openRotateCrew } from "../src/engine/rotate-crew.ts";
import { sealQvd } from "../src/engine/seal-qvd.ts";
import { generateKey, type NewKeyType, selfSigned } from "../src/keys/self-signed.ts";
import { describeKey } from "../src/keys/thumbprint.ts";
import { recipientOf } from "../src/seal/recipient.ts";
import { fileSink } from "../src/source/file-sink.ts";
import { memorySource } from "../src/source/memory.ts";
import { memorySink } from "../src/source/sink.ts";
import { memoryTable } from "../src/table/memory-table.ts";
import { openQvdTable } from "../src/table/qvd-table.ts";
import { writeSelected } from "../src/table/qvd-write.ts";
import { machine, watchOthers } from "./measure.ts";
import { makeStores, type Pair, type Store } from "./rotate-stores.ts";

/**
 * `node dist/bench/rotate.js [FILES] [KEY]`: gives FILES sealed files (100) of one slot from one key of kind KEY (rsa-3072)
 * to another and back, in place, with a journal and every fsync, a file at a time in one thread and then by several threads. The keys are in
 * a file, in SoftHSM and in an NSS database. Then asks of all files which certificate they need. JSON on standard output.
 */
const FILES = Number(argv[2] ?? 100);
const TYPE = (argv[3] ?? "rsa-3072") as NewKeyType;
const JOBS = [1, 2, 4];
const STATUS_FILES = 3000;
const ROUNDS = 2;
const ROWS = 1000;
const COLUMNS = 4;

interface RotateFigure {
  readonly store: string;
  readonly jobs: number;
  readonly filesPerSecond: number;
  /** Against one file at a time. */
  readonly ratioToOne: number;
}

const infoOf = ({ certificate }: Pair) => describeKey({ certificate }, "bench", false);
const recipient = (pair: Pair) => recipientOf(infoOf(pair), { oaepSha1: TYPE.startsWith("rsa") });

/** A table of 1000 rows whose last three columns are sealed. */
async function makeSealed(folder: string, owner: Pair): Promise<string> {
  const columns = Array.from({ length: COLUMNS }, (_, k) =>
    Array.from({ length: ROWS }, (_, i) => `cell ${(i * 7) % 10 ** k}`),
  );
  const names = columns.map((_, k) => `c${k}`);
  const plain = memorySink();
  await writeSelected(plain, memoryTable("bench", names, columns));
  await plain.commit();
  const table = await openQvdTable(memorySource(plain.result()));
  const sealed = join(folder, "sealed.qvd");
  const sink = await fileSink(sealed);
  await sealQvd(table, sink, { slots: [{ name: "all", recipients: [recipient(owner)], fields: names.slice(1) }] });
  await sink.commit();
  await table.close();
  return sealed;
}

function copies(file: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => {
    const copy = join(file, "..", `f${i}.qvd`);
    copyFileSync(file, copy);
    return copy;
  });
}

async function measureStore(
  { name, reference }: Store,
  files: readonly string[],
  pairs: readonly [Pair, Pair],
): Promise<readonly RotateFigure[]> {
  const journal = join(files[0]!, "..", `${name}.jsonl`);
  const best = JOBS.map(() => 0);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [k, jobs] of JOBS.entries()) {
      let ms = 0;
      // There and back, so that the next measurement finds the files as this one did.
      for (const [from, to] of [pairs, [...pairs].reverse()] as [Pair, Pair][]) {
        const ring = openKeys([reference!]);
        const crew = jobs > 1 ? await openRotateCrew(jobs) : undefined;
        const start = performance.now();
        const rotation = {
          from: { spkiS256: infoOf(from).spkiS256 },
          to: [recipient(to)],
          journal,
          jobs,
          rotate: crew?.rotate,
        };
        const results = await rotateBatch(files, ring.find, rotation);
        ms += performance.now() - start;
        await crew?.close();
        await ring.close();
        const failed = results.find(({ state }) => state !== "done");
        if (failed) throw new Error(`${failed.file} was not rotated: ${failed.error?.message ?? failed.state}`);
      }
      best[k] = Math.max(best[k]!, (2 * files.length) / (ms / 1000));
    }
  }
  return JOBS.map((jobs, k) => {
    const figure = {
      store: name,
      jobs,
      filesPerSecond: Math.round(best[k]!),
      ratioToOne: Math.round((100 * best[k]!) / best[0]!) / 100,
    };
    stderr.write(
      `${name.padEnd(10)} jobs ${jobs}  ${String(figure.filesPerSecond).padStart(6)} files/s  x ${figure.ratioToOne}\n`,
    );
    return figure;
  });
}

async function status(files: readonly string[], owner: Pair): Promise<number> {
  const ref = { spkiS256: infoOf(owner).spkiS256 };
  const start = performance.now();
  for (const file of files) {
    const { slots } = await keyUse(file, ref);
    if (slots.length !== 1) throw new Error(`${file} does not name its key`);
  }
  return Math.round(files.length / ((performance.now() - start) / 1000));
}

const folder = mkdtempSync(join(tmpdir(), "qvault-bench-"));
try {
  const [old, next] = ["old", "next"].map((name): Pair => {
    const key = generateKey(TYPE);
    return { name, key, certificate: selfSigned(key, name, 30) };
  }) as [Pair, Pair];
  const stores = makeStores(folder, [old, next]);
  const sealed = await makeSealed(folder, old);
  const files = copies(sealed, FILES);
  const otherCores = watchOthers();
  const figures: RotateFigure[] = [];
  for (const store of stores) {
    if (store.reference === undefined) stderr.write(`${store.name} is left out: ${store.absent}\n`);
    else figures.push(...(await measureStore(store, files, [old, next])));
  }
  const statusPerSecond = await status(copies(sealed, STATUS_FILES), old);
  stderr.write(`status     ${statusPerSecond} files/s\n`);
  const about = {
    files: FILES,
    fileBytes: statSync(files[0]!).size,
    key: TYPE,
    machine: machine(),
    otherCores: otherCores(),
  };
  stdout.write(`${JSON.stringify({ schemaVersion: 1, ...about, figures, statusPerSecond }, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
