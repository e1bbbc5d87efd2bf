// Rotates the files of a folder in a process of its own, which the test kills; from the built package.

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { rotateBatch } from "../../dist/src/engine/rotate.js";
import { fileStore } from "../../dist/src/keys/file-store.js";
import { describeKey } from "../../dist/src/keys/thumbprint.js";
import { recipientOf } from "../../dist/src/seal/recipient.js";
import { SYSTEM_OPERATIONS, withFileOperations } from "../../dist/src/source/file-operations.js";

const { files, key, from, to, journal, rekey, dieAt } = JSON.parse(process.argv[2]);
const store = fileStore(key);
const certificate = new X509Certificate(readFileSync(to));
const recipient = recipientOf(describeKey({ certificate }, to, false));
const find = async (ref) =>
  (await store.find({ spkiS256: ref.spkiS256 })) ? store.open({ spkiS256: ref.spkiS256 }) : undefined;
const calls = [];
const counted =
  (call, work) =>
  async (...args) => {
    calls.push(call);
    if (calls.length === dieAt) process.kill(process.pid, "SIGKILL");
    const result = await work(...args);
    if (result?.fd === undefined) return result;
    const file = {};
    for (const name of ["write", "sync", "truncate", "chmod", "chown", "close"])
      file[name] = counted(name, (...more) => result[name](...more));
    for (const name of ["read", "stat"]) file[name] = (...more) => result[name](...more);
    return file;
  };
const operations = Object.fromEntries(
  Object.entries(SYSTEM_OPERATIONS).map(([name, work]) => [name, counted(name, work)]),
);
process.stdout.write("ready\n");
const results = await withFileOperations(operations, () =>
  rotateBatch(files, find, { from: { x5t: from }, to: [recipient], journal, rekey }),
);
process.stdout.write(`${JSON.stringify({ states: results.map((r) => r.state), calls })}\n`);
