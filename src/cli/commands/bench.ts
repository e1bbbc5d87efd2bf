import { Command } from "commander";
import { type HostBench, hostBench } from "../../../bench/host.ts";
import type { CommandContext } from "../context.ts";
import { textTable } from "../text-table.ts";

export function benchCommand({ terminal }: CommandContext): Command {
  return new Command("bench")
    .description("measure the kernels, the reduction and reading on this machine, with generated tables")
    .option("--quick", "1 M rows in place of 10 M")
    .option("--json", "one JSON document")
    .addHelpText("after", HOW)
    .action(async (options: { quick?: true; json?: true }) => {
      try {
        const { signal } = terminal;
        const onStep = (step: string) => terminal.status(`bench: ${step}`);
        const result = await hostBench({ quick: options.quick, signal, onStep });
        terminal.status("");
        const json = { schemaVersion: 1, ...result };
        await terminal.out(options.json ? `${JSON.stringify(json, undefined, 2)}\n` : human(result));
      } finally {
        terminal.status("");
      }
    });
}

const HOW = `
Times are the least of some samples, one thread unless a name says otherwise. "x copy" is the time against memory.copy
of the same bytes in the same run: 1 is the speed of memory, smaller is better. "x JS" is how many times faster than
the same work in plain JavaScript (unrolled by hand it is a row of its own), "x 1 thread" than one thread. Without --quick it takes about 1.3 GB of memory, and 250 MB of the temporary folder.`;

/** Cores of others below which a machine counts as quiet. */
const QUIET = 0.3;

function human({ machine, build, threads, otherCores, rows, figures }: HostBench): string {
  const head = [
    `${machine.cpu}, ${machine.cores} cores, ${(machine.memory / 2 ** 30).toFixed(1)} GiB, ${machine.platform} ${machine.arch}`,
    `Node ${machine.node}, V8 ${machine.v8}; kernel ${build}, ${threads} thread, ${rows.toLocaleString("en")} rows`,
    `other processes used ${otherCores.toFixed(1)} cores meanwhile${otherCores < QUIET ? "" : ": these are not the figures of a quiet machine"}`,
  ];
  const lines = figures.map(({ name, ms, bytes, ratioToCopy, ratioToJs, ratioToOneThread }) => [
    name,
    ms.toFixed(1),
    bytes === 0 ? "" : (bytes / ms / 1e6).toFixed(2),
    ratioToCopy?.toFixed(2) ?? "",
    ratioToJs?.toFixed(2) ?? "",
    ratioToOneThread?.toFixed(2) ?? "",
  ]);
  const table = textTable([["work", "ms", "GB/s", "x copy", "x JS", "x 1 thread"], ...lines], [1, 2, 3, 4, 5], 72);
  return `${head.join("\n")}\n${table}`;
}
