import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { needs, QErr } from "../errors.ts";
import type { Outcome } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { reportError } from "./report.ts";
import type { Terminal } from "./terminal.ts";

/** Files of Qlik, by name. */
const QLIK_FILE = /\.(qvd|qvf)$/i;

/**
 * The names given, with each folder replaced by the files of Qlik in it and below, sorted.
 * @throws `SOURCE_READ` if a folder cannot be read, `SOURCE_NOT_FOUND` if it holds none
 */
export async function expandFolders(names: readonly string[]): Promise<readonly string[]> {
  const files: string[] = [];
  for (const name of names) {
    const isFolder = (await stat(name).catch(() => undefined))?.isDirectory() ?? false;
    if (!isFolder) {
      files.push(name);
      continue;
    }
    const entries = await readdir(name, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
      throw new QErr("SOURCE_READ", `folder ${name} cannot be read`, { cause });
    });
    const found = entries.filter((e) => e.isFile() && QLIK_FILE.test(e.name)).map((e) => join(e.parentPath, e.name));
    // Done without a file would look like done.
    needs(found.length > 0, "SOURCE_NOT_FOUND", `folder ${name} holds no .qvd or .qvf file`);
    files.push(...found.sort());
  }
  return files;
}

/**
 * Does `work` on each file; a failure is reported and the next file follows. One file: the exit code of its failure.
 * Several: 9 if some failed.
 * @param failed called with a file that failed, so that `--ndjson` can say so in its place
 */
export async function forEachFile(
  terminal: Terminal,
  outcome: Outcome,
  names: readonly string[],
  work: (file: string) => Promise<void>,
  failed: (file: string, error: unknown) => Promise<void> = async () => {},
): Promise<void> {
  const files = await expandFolders(names);
  const codes: ExitCode[] = [];
  for (const file of files) {
    try {
      await work(file);
    } catch (error) {
      await failed(file, error);
      const code = reportError(error, terminal, file);
      codes.push(code);
      if (code === EXIT.INTERRUPTED) break;
    }
  }
  const last = codes.at(-1);
  if (last === undefined) return;
  outcome.exitCode = files.length === 1 || last === EXIT.INTERRUPTED ? last : EXIT.SOME_FAILED;
}
