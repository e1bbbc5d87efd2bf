import { readFile } from "node:fs/promises";
import { equalBytes } from "../bytes/concat.ts";
import type { Steps } from "./steps.ts";

/** Header, rows, structure, content, and a rewrite that must come out byte for byte. */
export async function qvdSteps({ command, check, path }: Steps, file: string): Promise<void> {
  const rewritten = path("rewritten.qvd");
  await command("What is in it: the header alone is read", ["inspect", file]);
  await command("The first rows", ["head", "-n", "5", file]);
  await command("Its structure, checked to the last bit", ["verify", file]);
  await command("Its content as hashes", ["digest", file]);
  await command("Every symbol and index decoded, and written again", ["export", file, "-o", rewritten]);
  const same = equalBytes(await readFile(file), await readFile(rewritten));
  await check("the rewritten file is the same, byte for byte", same);
}
