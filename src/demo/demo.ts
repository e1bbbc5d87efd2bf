import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { equalBytes } from "../bytes/concat.ts";
import { fileSink } from "../source/file-sink.ts";
import { writeOrders } from "./orders.ts";

/** What the demo works with. */
export interface DemoContext {
  /** A folder of its own, empty. */
  readonly folder: string;
  /** The user's file, if he named one; it is only read. */
  readonly file: string | undefined;
  readonly say: (text: string) => Promise<void>;
  /** Runs one `qvault` command line and returns its exit code. */
  readonly run: (args: readonly string[]) => Promise<number>;
}

const DEMO_ROWS = 1_000;

/**
 * Walks through the main job, each step by the command a user would type, each claim checked.
 * @returns true if every check held
 */
export async function runDemo(context: DemoContext): Promise<boolean> {
  const { folder, say } = context;
  const file = context.file ?? join(folder, "orders.qvd");
  const codes: number[] = [];
  const step = async (title: string, args: readonly string[]): Promise<void> => {
    await say(`\n── ${title}\n$ qvault ${args.map(shellWord).join(" ")}\n`);
    codes.push(await context.run(args));
  };
  if (context.file === undefined) {
    await say(`\n── A QVD of ${DEMO_ROWS} made-up orders, written from values\n`);
    const sink = await fileSink(file);
    await writeOrders(sink, DEMO_ROWS);
    await sink.commit();
  }
  const rewritten = join(folder, "rewritten.qvd");
  await step("What is in it: the header alone is read", ["inspect", file]);
  await step("The first rows", ["head", "-n", "5", file]);
  await step("Its structure, checked to the last bit", ["verify", file]);
  await step("Its content as hashes", ["digest", file]);
  await step("Every symbol and index decoded, and written again", ["export", file, "-o", rewritten]);
  await step("The same hashes", ["digest", rewritten]);
  const same = equalBytes(await readFile(file), await readFile(rewritten));
  await say(
    `\n── ${same ? "The rewritten file is the same, byte for byte" : "The rewritten file differs: this is a bug"}\n`,
  );
  return same && codes.every((code) => code === 0);
}

function shellWord(word: string): string {
  return /^[\w./:=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
