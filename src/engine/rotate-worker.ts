// The entry of a thread that rotates files: it reads and writes them, and asks the thread that has the keys for each use.

import { parentPort } from "node:worker_threads";
import type { KeyHandle } from "../keys/keystore.ts";
import type { FindKey } from "../seal/authenticate.ts";
import { rotateFile } from "./rotate-file.ts";
import {
  type FoundKey,
  type FromThread,
  type KeyAnswer,
  type KeyQuestion,
  type RotateJob,
  receivedError,
  sentError,
  type ToThread,
} from "./rotate-message.ts";

interface Waiting {
  readonly resolve: (answer: KeyAnswer) => void;
  readonly reject: (error: Error) => void;
}

const waiting = new Map<number, Waiting>();
let asked = 0;

const say = (message: FromThread) => parentPort?.postMessage(message);

function ask(question: KeyQuestion): Promise<KeyAnswer> {
  const number = asked++;
  return new Promise((resolve, reject) => {
    waiting.set(number, { resolve, reject });
    say({ kind: "question", number, question });
  });
}

function finder(among: "keys" | "new keys"): FindKey {
  return async (ref) => {
    const found = (await ask({ kind: "find", among, ref })) as FoundKey | undefined;
    return found && handleOf(found);
  };
}

function handleOf({ key, info }: FoundKey): KeyHandle {
  return {
    info,
    unwrap: async (request) => (await ask({ kind: "unwrap", key, request })) as Uint8Array,
    sign,
    async close() {
      await ask({ kind: "close", key });
    },
  };
}

const sign: KeyHandle["sign"] = async (alg, data) => (await ask({ kind: "sign", alg, data })) as Uint8Array;

async function work({ file, signer, confirm, ...options }: RotateJob): Promise<FromThread> {
  try {
    const plan = await rotateFile(file, finder("keys"), {
      ...options,
      signer: signer && { info: signer, unwrap: unused, sign, close: async () => {} },
      confirm: confirm ? finder("new keys") : undefined,
    });
    return { kind: "done", plan };
  } catch (error) {
    return { kind: "failed", error: sentError(error) };
  }
}

async function unused(): Promise<never> {
  throw new Error("a key that signs was asked to open something");
}

parentPort?.on("message", (message: ToThread) => {
  if (message.kind === "job") {
    void work(message.job).then(say);
    return;
  }
  const question = waiting.get(message.number);
  waiting.delete(message.number);
  if (message.kind === "answer") question?.resolve(message.answer);
  else question?.reject(receivedError(message.error));
});
say({ kind: "ready" });
