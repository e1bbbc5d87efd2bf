// The entry of a scanning thread: waits for scans, and works on them beside the thread that asked for them.

import { parentPort, workerData } from "node:worker_threads";
import type { Kernel } from "../kernel/kernel.ts";
import { attachModule } from "../kernel/wasm.ts";
import { chunkScanner } from "./scan-chunk.ts";
import {
  CLOSED,
  chunksOf,
  claimChunk,
  GATE,
  NO_SLOT,
  NONE_LEFT,
  type ScanJob,
  TAKEN,
  type WorkerStart,
} from "./scan-job.ts";

/** Only `scan-pool.ts` starts this file, and it hands over nothing else. */
const { module, build } = workerData as WorkerStart;

parentPort?.on("message", (job: ScanJob) => {
  const { control } = job;
  if (!enter(control)) return;
  try {
    work(attachModule(job.memory, module, build), job, control);
  } finally {
    Atomics.sub(control, GATE, 1);
    Atomics.notify(control, GATE);
  }
});
parentPort?.postMessage("ready");

/** False if the scan is over: its memory may be used for something else by now. */
function enter(control: Int32Array): boolean {
  for (;;) {
    const gate = Atomics.load(control, GATE);
    if (gate & CLOSED) return false;
    if (Atomics.compareExchange(control, GATE, gate, gate + 1) === gate) return true;
  }
}

function work(kernel: Kernel, job: ScanJob, control: Int32Array): void {
  const scan = chunkScanner(kernel, job);
  const chunks = chunksOf(job);
  for (;;) {
    const taken = Atomics.load(control, TAKEN);
    const chunk = claimChunk(control, chunks, job.slots.length);
    if (chunk === NONE_LEFT) return;
    if (chunk === NO_SLOT) Atomics.wait(control, TAKEN, taken);
    else scan(chunk);
  }
}
