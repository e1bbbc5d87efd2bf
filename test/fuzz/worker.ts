import { parentPort, workerData } from "node:worker_threads";
import { readCrashes, readPack } from "./corpus.ts";
import { Loop, type LoopResult } from "./loop.ts";
import { minimise } from "./minimise.ts";
import { randomOf } from "./random.ts";
import { findKey, outcomeOf } from "./target.ts";
import { TARGETS } from "./targets.ts";

/** What the thread that fuzzes is told. */
export interface Job {
  readonly target: string;
  readonly seconds: number;
  readonly seed: number;
  /** Packs to begin with. */
  readonly corpora: readonly string[];
  readonly crashes: string;
  /** Where the input that is being tried stands: u32 count, u32 length, bytes. */
  readonly current: SharedArrayBuffer;
  readonly root: string;
}

/** What it tells. */
export type Message =
  | { readonly kind: "find"; readonly key: string; readonly what: string; readonly data: Uint8Array }
  | { readonly kind: "end"; readonly result: LoopResult; readonly open: number };

const MINIMISE_SECONDS = 4;

async function main(job: Job): Promise<void> {
  const target = TARGETS.find((each) => each.name === job.target)!;
  const words = new Uint32Array(job.current, 0, 2);
  const room = new Uint8Array(job.current, 8);
  const tell = (message: Message) => parentPort!.postMessage(message);
  const known = new Set<string>();

  const loop = new Loop(target, randomOf(job.seed), job.root, {
    starting(data) {
      room.set(data.subarray(0, room.byteLength));
      words[1] = data.byteLength;
      Atomics.add(words, 0, 1);
    },
    async found(key, data, error) {
      if (known.has(key)) return;
      known.add(key);
      const still = async (smaller: Uint8Array) => {
        try {
          await outcomeOf(target, smaller);
          return false;
        } catch (again) {
          return findKey(again) === key;
        }
      };
      const small = key === "slow" || key === "memory" ? data : await minimise(data, still, MINIMISE_SECONDS);
      tell({ kind: "find", key, what: String((error as Error | undefined)?.stack ?? error), data: small });
    },
  });
  const crashes = readCrashes(job.crashes, target.name).map((crash) => crash.bytes);
  await loop.start([...(await target.seeds()), ...crashes, ...job.corpora.flatMap((f) => readPack(f, target.name))]);
  tell({ kind: "end", result: await loop.run(job.seconds), open: known.size });
}

await main(workerData as Job);
