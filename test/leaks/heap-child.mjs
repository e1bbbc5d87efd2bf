// Runs command lines in a process of its own, drops them, and writes down all that the heap then holds.

import { writeHeapSnapshot } from "node:v8";
import { run } from "../../dist/src/cli/run.js";

const { commands, snapshot } = JSON.parse(process.argv[2]);
const codes = [];
for (const args of commands) {
  const terminal = {
    out: async () => {},
    err: () => {},
    stdin: (async function* () {})(),
    stdoutIsTty: false,
    stderrIsTty: false,
    color: false,
    status: () => {},
    outlivePipe: () => {},
    signal: new AbortController().signal,
  };
  codes.push(await run(args, terminal));
}
// Whoever looks for nothing finds nothing: this one must be in the snapshot.
globalThis.planted = ["CANARY", "PLANTED"].join("-");
writeHeapSnapshot(snapshot);
process.stdout.write(JSON.stringify(codes));
