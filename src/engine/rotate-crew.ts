import { Worker } from "node:worker_threads";
import type { KeyHandle } from "../keys/keystore.ts";
import type { FindKey } from "../seal/authenticate.ts";
import type { FilePlan, RotateOptions } from "./rotate-file.ts";
import {
  type FromThread,
  type KeyAnswer,
  type KeyQuestion,
  type RotateJob,
  receivedError,
  sentError,
  type ToThread,
} from "./rotate-message.ts";

/** Rotates one file, as `rotateFile` does. */
export type RotateOne = (file: string, find: FindKey, options: RotateOptions) => Promise<FilePlan>;

/** Threads that rotate files, each one at a time. */
export interface RotateCrew {
  /**
   * Rotates a file in a thread that is free, or will be. Keys, tokens and their sessions stay in the thread that calls:
   * what a thread gets of them is the one unwrapped key of each slot that it works on.
   * @throws what `rotateFile` throws
   */
  readonly rotate: RotateOne;
  close(): Promise<void>;
}

/**
 * Starts threads and waits until they are ready.
 * @param worker the file a thread starts with; the built one beside this file if left out
 */
export async function openRotateCrew(
  threads: number,
  worker: URL = new URL("./rotate-worker.js", import.meta.url),
): Promise<RotateCrew> {
  const idle: Thread[] = [];
  const queue: ((thread: Thread) => void)[] = [];
  const all = Array.from({ length: threads }, () => new Thread(worker));
  const close = async () => {
    await Promise.all(all.map((thread) => thread.end()));
  };
  const release = (thread: Thread) => {
    const next = queue.shift();
    if (next) next(thread);
    else idle.push(thread);
  };
  try {
    await Promise.all(all.map((thread) => thread.ready));
  } catch (error) {
    await close();
    throw error;
  }
  idle.push(...all);
  return {
    async rotate(file, find, options) {
      const thread = idle.pop() ?? (await new Promise<Thread>((resolve) => queue.push(resolve)));
      try {
        return await thread.rotate(file, find, options);
      } finally {
        release(thread);
      }
    },
    close,
  };
}

interface Job {
  readonly find: FindKey;
  readonly options: RotateOptions;
  readonly keys: Map<number, KeyHandle>;
  readonly resolve: (plan: FilePlan) => void;
  readonly reject: (error: unknown) => void;
}

class Thread {
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  #job: Job | undefined;
  /** Why there is no thread any more. */
  #lost: unknown;
  #keys = 0;

  constructor(file: URL) {
    const worker = new Worker(file);
    this.#worker = worker;
    this.ready = new Promise((resolve, reject) => {
      worker.once("message", () => {
        worker.on("message", (message: FromThread) => this.#receive(message));
        resolve();
      });
      worker.on("error", reject);
    });
    worker.on("error", (error) => this.#lose(error));
    worker.on("exit", () => this.#lose(new Error("a thread of the rotation ended before its time")));
  }

  rotate(file: string, find: FindKey, options: RotateOptions): Promise<FilePlan> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    const { from, to, add, rekey, reseal, signature, signer, confirm } = options;
    const change = { from, to, add, rekey, reseal, signature };
    const job: RotateJob = { file, ...change, signer: signer?.info, confirm: confirm !== undefined };
    return new Promise((resolve, reject) => {
      this.#job = { find, options, keys: new Map(), resolve, reject };
      this.#send({ kind: "job", job });
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #receive(message: FromThread): void {
    const job = this.#job;
    if (job === undefined || message.kind === "ready") return;
    if (message.kind === "question") {
      void this.#answer(job, message.number, message.question);
      return;
    }
    this.#job = undefined;
    if (message.kind === "done") job.resolve(message.plan);
    else job.reject(receivedError(message.error));
  }

  async #answer(job: Job, number: number, question: KeyQuestion): Promise<void> {
    let answer: KeyAnswer;
    try {
      answer = await this.#ask(job, question);
    } catch (error) {
      this.#send({ kind: "refusal", number, error: sentError(error) });
      return;
    }
    if (!(answer instanceof Uint8Array)) {
      this.#send({ kind: "answer", number, answer });
      return;
    }
    // Handed over, not copied: nothing of the key is left in this thread.
    const own = answer.slice();
    answer.fill(0);
    this.#send({ kind: "answer", number, answer: own }, [own.buffer]);
  }

  async #ask(job: Job, question: KeyQuestion): Promise<KeyAnswer> {
    if (question.kind === "find") {
      const find = question.among === "keys" ? job.find : job.options.confirm!;
      const handle = await find(question.ref);
      if (handle === undefined) return undefined;
      const key = this.#keys++;
      job.keys.set(key, handle);
      return { key, info: handle.info };
    }
    if (question.kind === "sign") return job.options.signer!.sign(question.alg, question.data);
    const handle = job.keys.get(question.key);
    if (handle === undefined) throw new Error("a thread asked for a key that was not opened for it");
    if (question.kind === "unwrap") return handle.unwrap(question.request);
    job.keys.delete(question.key);
    await handle.close();
    return undefined;
  }

  #lose(error: unknown): void {
    this.#lost ??= error;
    this.#job?.reject(this.#lost);
    this.#job = undefined;
  }
}
